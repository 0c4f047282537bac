"""Checkpoints: the network and its recipe, back from a file."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from livematte import networks
from livematte.errors import ModelError, OutputError
from livematte.networks.base import Network
from livematte.networks.checkpoint import load_weights
from livematte.training.recipe import Recipe, parse_recipe

__all__ = ["load_network", "load_recipe_of", "save_for_release"]


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ModelError(f"{path}: not a checkpoint that can be read safely ({error})") from error
    if not isinstance(content, dict) or "recipe" not in content or "state_dict" not in content:
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


def load_network(path: Path) -> Network:
    """The network of a checkpoint in evaluation mode, with its averaged weights if it has them.

    Raises:
        ModelError: the file is missing, damaged, or not a livematte checkpoint.
    """
    recipe = load_recipe_of(path)
    network = networks.create(recipe.network, prior=recipe.prior, **recipe.options)
    load_weights(network, path)
    return network.eval()


def save_for_release(source: Path, target: Path) -> None:
    """Write a checkpoint with the network's weights and recipe alone, to start others from.

    Optimiser state stays behind, and so do the folders of the files the run started from.

    Raises:
        ModelError: ``source`` is not a livematte checkpoint.
        OutputError: ``target`` cannot be written.
    """
    content, recipe = _read(source), load_recipe_of(source)
    recipe = replace(
        recipe,
        pretrained=Path(recipe.pretrained).name if recipe.pretrained else None,
        teacher=Path(recipe.teacher).name if recipe.teacher else None,
    )
    weights = {k: v for k, v in content["state_dict"].items() if k.startswith("network.")}
    draft = target.with_name(f".{target.name}.part")
    try:
        torch.save({"state_dict": weights, "recipe": recipe.to_yaml()}, draft)
        draft.replace(target)
    except (OSError, RuntimeError) as error:
        draft.unlink(missing_ok=True)
        raise OutputError(f"{target}: cannot be written ({error})") from error
