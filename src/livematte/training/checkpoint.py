"""Checkpoints: the network and its recipe, back from a file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from livematte import networks
from livematte.errors import ModelError, UsageError
from livematte.files import write_atomically
from livematte.networks.base import Network
from livematte.networks.checkpoint import read_checkpoint, set_weights
from livematte.training.recipe import Recipe, parse_recipe

__all__ = [
    "Trained",
    "epochs_done",
    "load_network",
    "load_recipe_of",
    "load_trained",
    "save_for_release",
    "save_network",
]


class Trained(NamedTuple):
    """A checkpoint's recipe and its network, in evaluation mode."""

    recipe: Recipe
    network: Network


def _read(path: Path) -> dict[str, Any]:
    content = read_checkpoint(path)
    if "recipe" not in content or "state_dict" not in content:
        raise ModelError(
            f"{path}: holds no livematte recipe; is it one of livematte's checkpoints?"
        )
    return content


def load_recipe_of(path: Path) -> Recipe:
    """The recipe that a checkpoint was trained by.

    Raises:
        ModelError: the file is missing, damaged, or not a livematte checkpoint.
    """
    return parse_recipe(_read(path)["recipe"], str(path))


def epochs_done(path: Path, recipe: Recipe | None = None) -> int:
    """How many epochs a run had done when it wrote ``last.ckpt``.

    Args:
        path: the file.
        recipe: of the run; where another one wrote the file, none is done.

    Raises:
        ModelError: the file is missing, damaged, or not a livematte checkpoint.
        UsageError: its recipe cannot be read, where one was given.
    """
    content = _read(path)
    if recipe is not None and parse_recipe(content["recipe"], str(path)).differences(recipe):
        return 0
    return int(content.get("epoch", -1)) + 1


def load_trained(path: Path, options: Sequence[str] = ()) -> Trained:
    """The recipe and the network of a checkpoint, with its averaged weights if it has them.

    Args:
        path: the checkpoint.
        options: ``key=value`` for the network, instead of what it was trained with, such as
            ``output_stride=8``; values are YAML. The recipe then says the same.

    Raises:
        ModelError: the file is missing, damaged, not a livematte checkpoint, or its weights do
            not fit the network with these options.
        UsageError: an option that the network does not have, or a value it cannot take.
    """
    content = _read(path)
    for option in options:
        if "=" not in option:
            raise UsageError(f"option {option} of the network: expected key=value")
    recipe = parse_recipe(content["recipe"], str(path), [f"options.{text}" for text in options])
    try:
        network = networks.create(recipe.network, prior=recipe.prior, **recipe.options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"{path}: {recipe.network} cannot be built with {dict(recipe.options)} ({error})"
        ) from error
    set_weights(network, content, path)
    return Trained(recipe, network.eval())


def load_network(path: Path) -> Network:
    """The network of :func:`load_trained` alone.

    Raises:
        ModelError: the file is missing, damaged, or not a livematte checkpoint.
    """
    return load_trained(path).network


def save_for_release(source: Path, target: Path, *, half: bool = False) -> None:
    """Write a checkpoint with the network's weights and recipe alone, to start others from.

    Optimiser state stays behind, and so do the folders of the files the run started from.

    Args:
        source: a checkpoint of training.
        target: the file to write.
        half: store kernels as 16-bit floats; they are float32 again when they are loaded.

    Raises:
        ModelError: ``source`` is not a livematte checkpoint.
        OutputError: ``target`` cannot be written.
    """
    content = _read(source)
    recipe = parse_recipe(content["recipe"], str(source)).without_folders()
    weights = {k: v for k, v in content["state_dict"].items() if k.startswith("network.")}
    if half:
        weights = {k: v.half() if v.ndim > 1 else v for k, v in weights.items()}
    _write(target, recipe, weights)


def save_network(target: Path, recipe: Recipe, network: Network) -> None:
    """Write a network and the recipe that rebuilds it, as :func:`load_trained` reads them.

    Raises:
        OutputError: ``target`` cannot be written.
    """
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    _write(target, recipe, weights)


def _write(target: Path, recipe: Recipe, weights: dict[str, torch.Tensor]) -> None:
    stream = io.BytesIO()
    torch.save({"state_dict": weights, "recipe": recipe.to_yaml()}, stream)
    write_atomically(target, stream.getvalue())
