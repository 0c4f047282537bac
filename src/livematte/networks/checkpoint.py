"""Weights of a whole network, from a file that livematte wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from livematte.errors import ModelError, one_line

__all__ = ["SUFFIXES", "load_weights", "read_checkpoint", "set_weights"]

SUFFIXES = (".pt", ".pth", ".ckpt")
_PREFIX = "network."
_EDGE_HEAD = "edge_head."


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint; nothing in it is executed.

    Raises:
        ModelError: the file is missing or not a checkpoint.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # an unpickler fed with damage may raise anything
        raise ModelError(f"{path}: not a checkpoint that can be read safely ({error})") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: holds no state dict")
    return content


def load_weights(network: nn.Module, path: Path) -> None:
    """Read a checkpoint and set the network's weights; see :func:`set_weights`.

    Raises:
        ModelError: the file is missing, not a checkpoint, or of another network.
    """
    set_weights(network, read_checkpoint(path), path)


def set_weights(network: nn.Module, content: dict[str, Any], path: Path) -> None:
    """Load a state dict, bare or inside a training checkpoint.

    A training checkpoint keeps it under ``state_dict``, the network's names behind ``network.``.
    Weights of a network without a prior start one that has it: the new input channel begins at
    zero, so that it first computes what the old one did. A boundary head, which only training
    uses, may be on one side alone: it is left out, or keeps its fresh weights.

    Args:
        network: what takes the weights.
        content: what :func:`read_checkpoint` returned.
        path: its file, for messages.

    Raises:
        ModelError: they are those of another network.
    """
    content = content.get("state_dict", content)
    if not isinstance(content, dict):
        raise ModelError(f"{path}: holds no state dict")
    if any(str(key).startswith(_PREFIX) for key in content):
        content = {
            key.removeprefix(_PREFIX): value
            for key, value in content.items()
            if key.startswith(_PREFIX)
        }
    try:
        own = network.state_dict()
        network.load_state_dict(_with_prior_channel(_with_edge_head_of(content, own), own))
    except RuntimeError as error:
        name = type(network).__name__
        raise ModelError(f"{path}: not the weights of this {name}: {one_line(error)}") from error


def _with_edge_head_of(source: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights with a boundary head where the network has one, and only there."""
    kept = {
        name: weight
        for name, weight in source.items()
        if not name.startswith(_EDGE_HEAD) or name in target
    }
    fresh = {name: weight for name, weight in target.items() if name.startswith(_EDGE_HEAD)}
    return {**fresh, **kept}


def _with_prior_channel(source: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
    """Widen the one kernel that takes the image from three channels to four."""
    widened = dict(source)
    for name, wanted in target.items():
        weight = source.get(name)
        if (
            isinstance(weight, Tensor)
            and (weight.ndim, wanted.ndim) == (4, 4)
            and (weight.shape[1], wanted.shape[1]) == (3, 4)
        ):
            widened[name] = torch.cat([weight, torch.zeros_like(weight[:, :1])], dim=1)
    return widened
