"""ONNX graphs in 8-bit integers, by ONNX Runtime's quantiser; and their weights alone, by ours."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization as ort

from livematte.errors import ModelError, one_line
from livematte.silence import silenced

__all__ = ["Feeds", "quantise", "quantise_weights"]

Feeds = Sequence[dict[str, NDArray[np.float32]]]
"""Inputs by name, one run after the other."""

_SMALLEST_WEIGHT = 1024
_STEM = 2  # convolutions at the start that stay in floats


def quantise(model: onnx.ModelProto, method: str, feeds: Feeds = ()) -> onnx.ModelProto:
    """A graph in 8-bit integers between float inputs and a float output.

    Args:
        model: in floats; it may be changed.
        method: one of :data:`livematte.quantization.methods.METHODS`.
        feeds: what ``static`` measures ranges on.

    Raises:
        ModelError: ONNX Runtime cannot quantise it.
    """
    if method == "weight-only":
        quantise_weights(model)
        return model
    if method == "learnt":  # the graph rounds already
        return _shortened(model)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "model.onnx"
        try:
            with silenced():
                if method == "static":
                    _quantise_static(model, place, feeds)
                else:
                    _quantise_dynamic(model, place)
        except Exception as error:  # of many kinds, from the quantiser's passes
            raise ModelError(f"ONNX Runtime cannot quantise it ({one_line(error, 300)})") from error
        return _shortened(onnx.load(place))


def quantise_weights(model: onnx.ModelProto) -> None:
    """Store the weights of convolutions in 8 bits, each output channel with its own scale.

    A cast and a product widen each again. Runtimes compute both once, when they open the file, so
    it is as fast as before; a ``DequantizeLinear`` would be computed in every run. Weights of few
    numbers stay as they are.
    """
    floats = {t.name: t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT}
    nodes = []
    for node in model.graph.node:
        weight = floats.pop(node.input[1], None) if _has_weight(node) else None
        if weight is not None and np.prod(weight.dims) >= _SMALLEST_WEIGHT:
            nodes += _stored_short(model, weight, axis=1 if node.op_type == "ConvTranspose" else 0)
    nodes += model.graph.node
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _has_weight(node: onnx.NodeProto) -> bool:
    return node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul")


def _stored_short(
    model: onnx.ModelProto, weight: onnx.TensorProto, axis: int
) -> list[onnx.NodeProto]:
    """Replace a weight by integers and scales, and give the nodes that widen it."""
    name = weight.name
    values = numpy_helper.to_array(weight)
    others = tuple(i for i in range(values.ndim) if i != axis)
    scale = np.abs(values).max(axis=others, keepdims=True) / np.float32(127)
    scale[scale == 0] = 1
    weight.CopyFrom(
        numpy_helper.from_array(np.rint(values / scale).astype(np.int8), f"{name}.int8")
    )
    model.graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
    wide = f"{name}.wide"
    return [
        helper.make_node("Cast", [weight.name], [wide], to=TensorProto.FLOAT),
        helper.make_node("Mul", [wide, f"{name}.scale"], [name]),
    ]


class _Reader(ort.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Feeds) -> None:
        self._feeds: Iterator[dict[str, NDArray[np.float32]]] = iter(feeds)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._feeds, None)


def _quantise_static(model: onnx.ModelProto, place: Path, feeds: Feeds) -> None:
    """Weights by output channel; features by the smallest and largest of all pictures.

    Weights take half of their range: x86 processors without VNNI add pairs of products up in 16
    bits, which overflow from the whole of it.

    Biases stay in floats, which runtimes turn into integers when they open the file: as
    integers they would need a scale and a zero point for each channel.
    """
    ort.quantize_static(
        model,
        place,
        _Reader(feeds),
        quant_format=ort.QuantFormat.QDQ,
        per_channel=True,
        activation_type=ort.QuantType.QUInt8,
        weight_type=ort.QuantType.QInt8,
        reduce_range=True,
        nodes_to_exclude=_left_in_floats(model),
        extra_options={"QuantizeBias": False},
    )


def _quantise_dynamic(model: onnx.ModelProto, place: Path) -> None:
    """Weights as unsigned integers: ONNX Runtime's convolution of integers takes no others."""
    ort.quantize_dynamic(model, place, weight_type=ort.QuantType.QUInt8)


def _left_in_floats(model: onnx.ModelProto) -> list[str]:
    """All up to the first convolutions, which see fine colours, and all from the last one on.

    They hold few weights, and on x86 they are as fast in floats. So do batch norms that no
    convolution took in (SINet's): no runtime has integers for them, and OpenVINO 2026.4 crashes
    in a PReLU between rounded features that follows one.
    """
    names = [node.name for node in model.graph.node]
    norms = [n.name for n in model.graph.node if n.op_type == "BatchNormalization"]
    convolutions = [i for i, node in enumerate(model.graph.node) if "Conv" in node.op_type]
    if len(convolutions) <= _STEM + 1:
        return norms
    return names[: convolutions[_STEM - 1] + 1] + norms + names[convolutions[-1] :]


def _shortened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph under short names; long ones were a tenth of the file, and more."""
    kept = {value.name for value in (*model.graph.input, *model.graph.output)} | {""}
    short: dict[str, str] = {}

    def rename(names: Sequence[str]) -> list[str]:
        return [
            name if name in kept else short.setdefault(name, f"t{len(short)}") for name in names
        ]

    for node in model.graph.node:
        node.input[:] = rename(node.input)
        node.output[:] = rename(node.output)
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node.name = ""
    for tensor in model.graph.initializer:
        (tensor.name,) = rename([tensor.name])
    del model.graph.value_info[:]
    return model
