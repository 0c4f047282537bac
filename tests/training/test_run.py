"""Whole runs on a tiny set: overfitting, exact resume, stages, and what is left behind."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from livematte.data.datasets import open_dataset
from livematte.errors import TrainingError, UsageError
from livematte.training import module
from livematte.training.checkpoint import load_network, load_recipe_of, save_for_release
from livematte.training.recipe import LossConfig, Recipe, parse_recipe
from livematte.training.run import RunConfig, RunResult, train


def run(recipe: Recipe, data: Path, output: Path, *, resume: bool = False) -> RunResult:
    return train(recipe, RunConfig(data, output, resume=resume, accelerator="cpu", devices="1"))


def weights(path: Path) -> dict[str, torch.Tensor]:
    content = torch.load(path, weights_only=True)
    own = content.get("current_model_state", {})
    return {**content["state_dict"], **{f"own.{key}": value for key, value in own.items()}}


def test_tiny_network_overfits_eight_composites(
    composites: Path, still: Recipe, tmp_path: Path
) -> None:
    stage = replace(still.stages[0], epochs=40, batch_size=4, rate=0.006)
    result = run(replace(still, stages=(stage,)), composites, tmp_path)
    network = load_network(result.last)
    dataset = open_dataset(composites, split="train")
    ious = []
    for index in range(len(dataset)):
        sample = dataset.load(index)
        image = torch.from_numpy(sample.image.transpose(2, 0, 1).copy())[None].float() / 255
        with torch.no_grad():
            found = (network(image).mask[0, 0] > 0).numpy()
        truth = sample.alpha > 0.5
        ious.append((found & truth).sum() / (found | truth).sum())
    assert np.mean(ious) > 0.95


def test_resume_equals_no_interruption(
    composites: Path, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tiny, composites, tmp_path / "whole")
    genuine = module.compute_losses
    calls = []

    def failing(*arguments: object) -> dict[str, torch.Tensor]:
        calls.append(1)
        if len(calls) > 5:
            raise RuntimeError("power cut")
        return genuine(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "compute_losses", failing)
    with pytest.raises(RuntimeError, match="power cut"):
        run(tiny, composites, tmp_path / "cut")
    monkeypatch.setattr(module, "compute_losses", genuine)
    resumed = run(tiny, composites, tmp_path / "cut", resume=True)
    rows = (tmp_path / "cut" / "metrics.csv").read_text().splitlines()
    assert rows == (tmp_path / "whole" / "metrics.csv").read_text().splitlines()
    first, second = weights(whole.last), weights(resumed.last)
    assert first.keys() == second.keys()
    assert any(key.startswith("own.") for key in first)
    for key, value in first.items():
        assert torch.equal(value, second[key]), key


def test_run_leaves_checkpoints_curves_and_numbers(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    result = run(tiny, composites, tmp_path)
    assert result.best.is_file()
    assert {path.name for path in result.curves} == {"loss.png", "accuracy.png", "rate.png"}
    with (tmp_path / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert all(row["train/loss"] and row["val/miou"] for row in rows)
    assert load_recipe_of(result.last) == tiny
    assert parse_recipe((tmp_path / "recipe.yaml").read_text(), "file") == tiny
    save_for_release(result.last, tmp_path / "small.ckpt")
    assert (tmp_path / "small.ckpt").stat().st_size < result.last.stat().st_size / 3
    image = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(
        load_network(tmp_path / "small.ckpt")(image).mask, load_network(result.last)(image).mask
    )


def test_nan_stops_with_what_to_try(
    composites: Path, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "compute_losses", lambda *_: {"dice": torch.tensor(float("nan"))})
    with pytest.raises(TrainingError, match=r"step 0 \(dice\).*smaller learning rate"):
        run(tiny, composites, tmp_path)


def test_two_stages_and_a_frozen_encoder(composites: Path, tiny: Recipe, tmp_path: Path) -> None:
    frozen = replace(tiny.stages[0], epochs=1, freeze_encoder=True)
    result = run(replace(tiny, ema=0.0, stages=(frozen,)), composites, tmp_path / "frozen")
    torch.manual_seed(0)
    unmoved = replace(tiny, ema=0.0, stages=(replace(frozen, rate=1e-9),))
    start = run(unmoved, composites, tmp_path / "start")
    first, second = weights(result.last), weights(start.last)
    encoder = [key for key in first if key.startswith("network.encoder.")]
    assert all(torch.equal(first[key], second[key]) for key in encoder)
    assert not torch.equal(first["network.mask_head.weight"], second["network.mask_head.weight"])


def test_sinet_trains_its_encoder_first(composites: Path, tiny: Recipe, tmp_path: Path) -> None:
    stage = replace(tiny.stages[0], epochs=1)
    first = replace(stage, loss=LossConfig(cross_entropy=0.0, coarse=1.0))
    second = replace(stage, loss=LossConfig(boundary=0.5))
    recipe = replace(tiny, network="sinet", options={}, stages=(first, second))
    result = run(recipe, composites, tmp_path)
    assert 0 < result.miou <= 1


def test_portraitnet_with_consistency_and_edges_trains(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    loss = LossConfig(consistency=2.0, edge=0.1)
    stage = replace(tiny.stages[0], epochs=1, batch_size=2, loss=loss)
    recipe = replace(tiny, network="portraitnet", options={}, stages=(stage,))
    run(recipe, composites, tmp_path)
    with (tmp_path / "metrics.csv").open() as stream:
        columns = next(csv.reader(stream))
    assert {"train/consistency", "train/edge", "train/plain_view"} <= set(columns)


def test_a_run_is_not_overwritten_nor_resumed_from_nothing(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(UsageError, match="holds a run already"):
        run(tiny, composites, tmp_path)
    with pytest.raises(UsageError, match="nothing to resume"):
        run(tiny, composites, tmp_path / "new", resume=True)


def test_a_loss_without_its_head_is_refused(composites: Path, tiny: Recipe, tmp_path: Path) -> None:
    stage = replace(tiny.stages[0], loss=LossConfig(cross_entropy=0.0, coarse=1.0))
    with pytest.raises(UsageError, match="nothing to score"):
        run(replace(tiny, stages=(stage,)), composites, tmp_path)
