"""Where things lie and what runs are spared, without a GPU: the meta device stands in for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.callbacks import WeightAveraging

from livematte import networks
from livematte.training import store
from livematte.training.averaging import RisingAverage
from livematte.training.module import MattingModule
from livematte.training.recipe import Recipe
from livematte.training.store import PictureCache


def trainer_on(device: str) -> SimpleNamespace:
    """As much of Lightning's trainer as a set-up sees."""
    return SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(device)))


def module_of(recipe: Recipe, data: Path) -> MattingModule:
    pictures = PictureCache()
    network = networks.create(recipe.network, prior=recipe.prior, **recipe.options)
    validation = pictures.validation(data, recipe.data, (64, 64))
    return MattingModule(network, recipe, pictures.training(data, recipe.data), validation)


def test_pictures_wait_where_the_network_will_train(composites: Path, tiny: Recipe) -> None:
    module = module_of(replace(tiny, prior=True), composites)
    module._trainer = trainer_on("meta")  # type: ignore[assignment]
    module.setup("fit")
    assert module.training_store.images.device.type == "meta"
    assert module.validation_store.alpha.device.type == "meta"
    assert all(part is not None and part.is_meta for part in module._validation_priors)
    assert not module.training_store.weights.is_meta


def test_the_average_lies_where_the_network_trains_and_rises(
    composites: Path, tiny: Recipe
) -> None:
    module = module_of(tiny, composites)
    callback = RisingAverage(0.5)
    callback.setup(trainer_on("meta"), module, "fit")  # type: ignore[arg-type]
    assert all(part.is_meta for part in callback._average_model.parameters())  # type: ignore[union-attr]

    callback = RisingAverage(0.5)
    callback.setup(trainer_on("cpu"), module, "fit")  # type: ignore[arg-type]
    callback.on_train_start(None, module)  # type: ignore[arg-type]
    expected = 0.0
    weight = module.network.get_parameter("mask_head.bias")
    averaged = callback._average_model.module.network.get_parameter("mask_head.bias")  # type: ignore[union-attr]
    for step in range(1, 30):
        weight.data.fill_(step)
        callback.on_train_batch_end(SimpleNamespace(global_step=step), module, None, None, 0)  # type: ignore[arg-type]
        kept = min(0.5, step / (9 + step)) if step > 1 else 0.0
        expected = kept * expected + (1 - kept) * step
    assert float(averaged.detach()) == pytest.approx(expected)
    assert callback.state_key == WeightAveraging().state_key


def test_runs_on_the_same_pictures_read_them_once(
    composites: Path, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    genuine = store._load
    monkeypatch.setattr(
        store,
        "_load",
        lambda parts, *rest: read.extend(n for n, _ in parts) or genuine(parts, *rest),
    )
    pictures = PictureCache()
    first = pictures.training(composites, tiny.data)
    assert pictures.training(composites, replace(tiny.data, epoch=5, negatives=0.5)) is first
    assert pictures.validation(composites, tiny.data, (64, 64)) is not first
    assert read == ["composites", "composites"]
    assert len(pictures.training(composites, replace(tiny.data, stored_size=32)).images[0, 0]) == 32
