"""Weights back out of an ONNX file of ours, so that what is shipped can be trained on.

An export folds batch norms into the convolutions before them. Here the kernels come back, each
folded norm only adds its bias, and is marked so that
:func:`livematte.networks.folding.keep_function_with_batch_statistics` refits it. Layers are found
by the names that their kernels have in the file; biases, which the file may share between layers,
by the operator that reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livematte.errors import MissingExtra, ModelError, one_line
from livematte.networks.base import Network
from livematte.networks.checkpoint import set_weights
from livematte.networks.counting import folded_norms
from livematte.networks.folding import mark_folded

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["load_exported"]

_PREFIX = "network."
_WEIGHT, _INTEGERS, _SCALE = ".weight", ".int8", ".scale"
_NORM = ("weight", "bias", "running_mean", "running_var")


def load_exported(network: Network, path: Path) -> None:
    """Set the network's weights to those of an ONNX file that livematte exported from its like.

    What only training uses (a boundary head) keeps its fresh weights. Kernels that the file stores
    in 8 or 16 bits come back as these hold them.

    Raises:
        ModelError: the file is missing, damaged, or of another network.
        MissingExtra: onnx is not installed.
    """
    weights = _weights(_read(path))
    names = {module: name for name, module in network.named_modules()}
    folded = []
    for convolution, norm in folded_norms(network):
        layer, behind = names[convolution], names[norm]
        if f"{behind}.running_mean" in weights:
            continue
        bias = weights.pop(f"{layer}.bias", torch.zeros(norm.num_features))
        if convolution.bias is not None:
            weights[f"{layer}.bias"] = torch.zeros_like(bias)
        zeros, ones = torch.zeros_like(bias), torch.ones_like(bias)
        identity = (ones * (1 + norm.eps) ** 0.5, bias, zeros, ones)
        weights |= {f"{behind}.{key}": value for key, value in zip(_NORM, identity, strict=True)}
        folded.append(norm)
    own = network.state_dict()
    counters = {name: own[name] for name in own if name.endswith("num_batches_tracked")}
    set_weights(network, {**counters, **weights}, path)
    for norm in folded:
        mark_folded(norm)


def _read(path: Path) -> ModelProto:
    try:
        import onnx  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("onnx", "train") from error
    if not path.is_file():
        raise ModelError(f"{path}: no such ONNX file")
    try:
        return onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's readers raise anything when fed with damage
        raise ModelError(f"{path}: not an ONNX file ({one_line(error)})") from error


def _weights(model: ModelProto) -> dict[str, Tensor]:
    """What the file holds, by the names of a state dict."""
    from onnx.numpy_helper import to_array  # noqa: PLC0415

    stored: dict[str, NDArray[np.generic]] = {
        tensor.name: to_array(tensor) for tensor in model.graph.initializer
    }
    found: dict[str, Tensor] = {}
    for operator in model.graph.node:
        kernel = operator.input[1] if len(operator.input) > 1 else ""
        if operator.op_type not in ("Conv", "ConvTranspose") or not kernel.startswith(_PREFIX):
            continue
        layer = kernel.removeprefix(_PREFIX).removesuffix(_WEIGHT)
        found[f"{layer}{_WEIGHT}"] = _floats(_kernel(stored, kernel))
        if len(operator.input) > 2:
            found[f"{layer}.bias"] = _floats(stored[operator.input[2]])
    for name, values in stored.items():
        key = name.removeprefix(_PREFIX)
        known = name.startswith(_PREFIX) and key.rpartition(".")[2] in _NORM
        if known and key not in found:
            found[key] = _floats(values)
    return found


def _kernel(stored: Mapping[str, NDArray[np.generic]], name: str) -> NDArray[np.generic]:
    """A kernel as it is, or its 8-bit integers times their scales."""
    if f"{name}{_INTEGERS}" in stored:
        integers, scale = stored[f"{name}{_INTEGERS}"], stored[f"{name}{_SCALE}"]
        kernel: NDArray[np.float32] = integers.astype(np.float32) * scale.astype(np.float32)
        return kernel
    return stored[name]


def _floats(values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
