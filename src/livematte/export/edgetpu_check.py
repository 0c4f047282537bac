"""What of a LiteRT file the Edge TPU's compiler would map to the device, operator by operator.

The list and its limits are those of Coral's documentation ("TensorFlow models on the Edge TPU",
supported operations). The compiler itself decides: it is closed, and also looks at how large a
tensor is, which its documentation only says in words; such operators are marked as doubtful.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from livematte.errors import ModelError

__all__ = ["CheckedOperator", "EdgeTpuReport", "check_edgetpu"]

_QUANTISED = (schema.TensorType.INT8, schema.TensorType.UINT8)
_PARAMETERS = (*_QUANTISED, schema.TensorType.INT32)  # biases, axes, shapes
_LARGEST_SOFTMAX = 16_000


@dataclass(frozen=True)
class CheckedOperator:
    """One operator of a file.

    Attributes:
        name: its type, such as ``CONV_2D``.
        output: name of what it gives, which tells where in the network it is.
        reason: why it would run on the processor; None where nothing is against the device.
        doubt: what the compiler may still object to.
    """

    name: str
    output: str
    reason: str | None = None
    doubt: str | None = None


@dataclass(frozen=True)
class EdgeTpuReport:
    """All operators of a file, in the order in which they run."""

    operators: tuple[CheckedOperator, ...]

    @property
    def falling_back(self) -> tuple[CheckedOperator, ...]:
        """Those that are themselves refused."""
        return tuple(operator for operator in self.operators if operator.reason)

    @property
    def on_device(self) -> int:
        """How many run on the device: the compiler stops at the first that cannot."""
        for index, operator in enumerate(self.operators):
            if operator.reason:
                return index
        return len(self.operators)

    def lines(self) -> list[str]:
        """The report for people: a line for each operator, and what it comes to."""
        lines = []
        for index, operator in enumerate(self.operators):
            state = "processor" if operator.reason else "device"
            if state == "device" and index >= self.on_device:
                state = "processor, being behind one"
            remark = operator.reason or operator.doubt
            lines.append(
                f"{index:3}  {operator.name:24}{state}" + (f": {remark}" if remark else "")
            )
        refused = len(self.falling_back)
        total = len(self.operators)
        lines.append(
            f"{total - refused} of {total} operators are on the documented list; "
            f"{self.on_device} run before the first that is not"
            if refused
            else f"all {total} operators are on the documented list"
        )
        return lines


def check_edgetpu(content: bytes, source: Path) -> EdgeTpuReport:
    """Compare a file with the documented list.

    Args:
        content: a ``.tflite`` that is not compiled for the device yet.
        source: its place, for messages.

    Raises:
        ModelError: not a LiteRT file, or one of several graphs, which the compiler refuses.
    """
    try:
        if content[4:8] != b"TFL3":
            raise ValueError("it does not begin like one")
        model: Any = flatbuffer_utils.read_model_from_bytearray(content)
        if len(model.subgraphs) != 1:
            raise ModelError(f"{source}: has {len(model.subgraphs)} graphs, the Edge TPU takes one")
        graph = model.subgraphs[0]
        tensors = [_Tensor.of(tensor, model) for tensor in graph.tensors]
        return EdgeTpuReport(
            tuple(_check(operator, model, tensors) for operator in graph.operators)
        )
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{source}: not a LiteRT file ({error}); export it again") from error


@dataclass(frozen=True)
class _Tensor:
    name: str
    type: int
    shape: tuple[int, ...]
    free: bool
    value: bytes | None

    @classmethod
    def of(cls, tensor: Any, model: Any) -> _Tensor:
        data = model.buffers[tensor.buffer].data
        shape = () if tensor.shape is None else tuple(int(side) for side in tensor.shape)
        signature = () if tensor.shapeSignature is None else tuple(tensor.shapeSignature)
        free = any(side < 0 for side in (*shape, *signature))
        name = (tensor.name or b"").decode(errors="replace")
        return cls(name, tensor.type, shape, free, None if data is None else bytes(data))

    def integers(self) -> list[int]:
        """The numbers of a constant such as an axis."""
        return [] if self.value is None else np.frombuffer(self.value, np.int32).tolist()


@dataclass(frozen=True)
class _Use:
    """An operator's options and tensors."""

    options: Any
    inputs: tuple[_Tensor, ...]
    outputs: tuple[_Tensor, ...]

    def axes(self) -> set[int]:
        """Of a reduction, counted from the first."""
        rank = len(self.inputs[0].shape)
        return {axis % rank for axis in self.inputs[1].integers()}


def _check(operator: Any, model: Any, tensors: list[_Tensor]) -> CheckedOperator:
    code = model.operatorCodes[operator.opcodeIndex]
    name = _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
    if name == "CUSTOM":
        name = code.customCode.decode(errors="replace")
    inputs, outputs = (
        tuple(tensors[index] for index in indices if index >= 0)
        for indices in (operator.inputs, operator.outputs)
    )
    use = _Use(operator.builtinOptions, inputs, outputs)
    reason = "not on the list" if name not in _LIST else _general(use) or _LIST[name](use)
    return CheckedOperator(name, outputs[0].name, reason, _DOUBTS.get(name))


def _general(use: _Use) -> str | None:
    """What holds for every operator."""
    for tensor in (*use.inputs, *use.outputs):
        if tensor.type not in (_QUANTISED if tensor.value is None else _PARAMETERS):
            return f"{_TYPES[tensor.type].lower()}, not an integer of 8 bits"
        if tensor.free:
            return "its size is not fixed"
        # of features; the weights of a convolution have four
        if tensor.value is None and math.prod(tensor.shape[:-3]) > 1:
            return f"more than three axes are used: {tensor.shape}"
    return None


def _any(use: _Use) -> str | None:
    return None


def _not_fused(use: _Use) -> str | None:
    fused = use.options.fusedActivationFunction
    return "an activation is fused into it" if fused else None


def _concatenation(use: _Use) -> str | None:
    constants = [tensor for tensor in use.inputs if tensor.value is not None]
    if constants and (len(use.inputs) != 2 or any(constants[0].value or b"")):
        return "a constant that is not zero-padding of one input"
    return _not_fused(use)


def _same_dilation(use: _Use) -> str | None:
    across, down = use.options.dilationWFactor, use.options.dilationHFactor
    return f"dilated by {down} and {across}" if across != down else None


def _fully_connected(use: _Use) -> str | None:
    if use.options.weightsFormat:
        return "its weights are shuffled"
    shape = use.outputs[0].shape
    return f"its output has several axes: {shape}" if math.prod(shape[:-1]) > 1 else None


def _mean(use: _Use) -> str | None:
    shape = use.inputs[0].shape
    if len(shape) - 1 in use.axes() and shape[-1] % 4:
        return f"the mean of {shape[-1]} channels, not a multiple of 4"
    return _reduction(use)


def _reduction(use: _Use) -> str | None:
    return "reduces the batch" if len(use.inputs[0].shape) == 4 and 0 in use.axes() else None


def _pad(use: _Use) -> str | None:
    before_and_after = use.inputs[1].integers()
    return "pads the batch" if len(use.inputs[0].shape) == 4 and any(before_and_after[:2]) else None


def _prelu(use: _Use) -> str | None:
    shape = use.inputs[1].shape
    return f"slopes along several axes: {shape}" if math.prod(shape[:-1]) > 1 else None


def _softmax(use: _Use) -> str | None:
    shape = use.inputs[0].shape
    if math.prod(shape[:-1]) > 1:
        return f"over several axes: {shape}"
    return f"of {shape[-1]} numbers" if shape[-1] > _LARGEST_SOFTMAX else None


def _split(use: _Use) -> str | None:
    shape = use.inputs[1].shape
    axis = use.inputs[0].integers()
    return "splits the batch" if len(shape) == 4 and axis and axis[0] % 4 == 0 else None


def _pack(use: _Use) -> str | None:
    return "packs into the batch" if use.options.axis == 0 else None


def _squeeze(use: _Use) -> str | None:
    before, after = use.inputs[0].shape, use.outputs[0].shape
    leading = before[: len(before) - len(after)]
    return (
        f"{before} to {after}"
        if math.prod(leading) != 1 or before[-len(after) :] != after
        else None
    )


def _strided_slice(use: _Use) -> str | None:
    if any(step != 1 for step in use.inputs[3].integers()):
        return "takes steps larger than 1"
    return "adds axes" if use.options.ellipsisMask or use.options.newAxisMask else None


def _names_of(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


_NAMES = MappingProxyType(_names_of(schema.BuiltinOperator))
_TYPES = MappingProxyType(_names_of(schema.TensorType))

_SIZE = "left to the processor where the size would cost precision"
_DOUBTS = {
    "RESIZE_BILINEAR": _SIZE,
    "RESIZE_NEAREST_NEIGHBOR": _SIZE,
    "RESHAPE": "left to the processor where the tensor is large",
}

_LIST: Mapping[str, Callable[[_Use], str | None]] = {
    "ADD": _any,
    "AVERAGE_POOL_2D": _not_fused,
    "CONCATENATION": _concatenation,
    "CONV_2D": _same_dilation,
    "DEPTHWISE_CONV_2D": _same_dilation,
    "EXPAND_DIMS": _any,
    "FULLY_CONNECTED": _fully_connected,
    "L2_NORMALIZATION": _any,
    "LOGISTIC": _any,
    "MAXIMUM": _any,
    "MAX_POOL_2D": _not_fused,
    "MEAN": _mean,
    "MINIMUM": _any,
    "MUL": _any,
    "PACK": _pack,
    "PAD": _pad,
    "PRELU": _prelu,
    "QUANTIZE": _any,
    "REDUCE_MAX": _reduction,
    "REDUCE_MIN": _reduction,
    "RELU": _any,
    "RELU6": _any,
    "RELU_N1_TO_1": _any,
    "RESHAPE": _any,
    "RESIZE_BILINEAR": _any,
    "RESIZE_NEAREST_NEIGHBOR": _any,
    "RSQRT": _any,
    "SLICE": _any,
    "SOFTMAX": _softmax,
    "SPACE_TO_DEPTH": _any,
    "SPLIT": _split,
    "SQUARED_DIFFERENCE": _any,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _any,
    "SUM": _reduction,
    "TANH": _any,
    "TRANSPOSE": _any,
    "TRANSPOSE_CONV": _any,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _any,
}
