"""Checkpoints give back the network and its recipe, and whole ones are left behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from livematte import networks
from livematte.errors import ModelError, OutputError, UsageError
from livematte.networks import checkpoint
from livematte.training import checkpoint as training_checkpoint
from livematte.training.checkpoint import (
    load_network,
    load_recipe_of,
    load_trained,
    save_for_release,
)
from livematte.training.recipe import Recipe


def write(recipe: Recipe, path: Path) -> Path:
    network = networks.create(recipe.network, prior=recipe.prior, **recipe.options)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    state["loss.weight"] = torch.ones(1)
    torch.save({"recipe": recipe.to_yaml(), "state_dict": state, "epoch": 3}, path)
    return path


@pytest.fixture
def deeplab(tiny: Recipe, tmp_path: Path) -> Path:
    recipe = replace(tiny, network="deeplab", options={"output_stride": 16})
    return write(recipe, tmp_path / "deeplab.ckpt")


def test_the_file_is_read_once(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reads = write(tiny, tmp_path / "run.ckpt"), []

    def counting(path: Path) -> object:
        reads.append(path)
        return checkpoint.read_checkpoint(path)

    monkeypatch.setattr(training_checkpoint, "read_checkpoint", counting)
    recipe, network = load_trained(path)
    assert recipe == tiny
    assert not network.training
    save_for_release(path, tmp_path / "small.ckpt")
    assert reads == [path, path]


def test_options_go_before_the_recipes(deeplab: Path) -> None:
    recipe, network = load_trained(deeplab, ["output_stride=8"])
    assert recipe.options == {"output_stride": 8}
    image = torch.rand(1, 3, 65, 65)
    with torch.no_grad():
        dense, trained = network(image).mask, load_network(deeplab)(image).mask
        same = load_trained(deeplab, ["output_stride=16"]).network(image).mask
    torch.testing.assert_close(same, trained)
    assert not torch.allclose(dense, trained)
    for name, value in load_network(deeplab).state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name


@pytest.mark.parametrize(
    ("option", "error", "message"),
    [
        ("output_stride", UsageError, "expected key=value"),
        ("output_strid=8", UsageError, "no option output_strid"),
        ("output_stride=4", UsageError, "8 or 16"),
        ("output_stride=[", UsageError, "not YAML"),
        ("head=v3plus", ModelError, "not the weights of this DeepLab"),
    ],
)
def test_options_that_cannot_be(
    deeplab: Path, option: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_trained(deeplab, [option])


def test_values_of_the_wrong_kind(tiny: Recipe, tmp_path: Path) -> None:
    path = write(tiny, tmp_path / "run.ckpt")
    with pytest.raises(UsageError, match=r"run\.ckpt: livematte cannot be built with"):
        load_trained(path, ["width=wide"])


def test_what_is_no_checkpoint_of_ours(tmp_path: Path) -> None:
    torch.save(networks.create("sinet").state_dict(), tmp_path / "bare.pt")
    torch.save(torch.ones(1), tmp_path / "tensor.pt")
    (tmp_path / "junk.ckpt").write_bytes(b"junk")
    for name, message in (
        ("bare.pt", "no livematte recipe"),
        ("tensor.pt", "no state dict"),
        ("junk.ckpt", "not a checkpoint"),
        ("absent.ckpt", "no such checkpoint"),
    ):
        for read in (load_network, load_recipe_of):
            with pytest.raises(ModelError, match=message):
                read(tmp_path / name)


def test_releases_forget_folders_and_optimisers(tiny: Recipe, tmp_path: Path) -> None:
    source = write(replace(tiny, pretrained="/home/somebody/start.h5"), tmp_path / "run.ckpt")
    target = tmp_path / "new" / "small.ckpt"
    save_for_release(source, target)
    assert load_recipe_of(target).pretrained == "start.h5"
    content = torch.load(target, weights_only=True)
    assert set(content) == {"recipe", "state_dict"}
    assert all(name.startswith("network.") for name in content["state_dict"])
    assert [path.name for path in target.parent.iterdir()] == ["small.ckpt"]
    with pytest.raises(OutputError, match="cannot be written"):
        save_for_release(source, target / "below.ckpt")
