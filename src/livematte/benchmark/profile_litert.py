"""Operator times of a LiteRT file: each operator is cut out and run alone.

LiteRT's Python package times nothing by operator: neither its interpreter nor its
``litert-benchmark`` offers the profile that the C++ ``benchmark_model`` prints (that one is what
``livematte bench android`` reads). So every operator becomes a file of its own, with its own
constants, which the same kernels run. What this cannot show is what operators cost each other:
caches, and the fusions of a delegate. The sum is printed beside the whole model's time for that.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.benchmark.combinations import turns
from livematte.benchmark.operators import LayerTime, OperatorReport
from livematte.errors import MissingExtra, ModelError

__all__ = ["cut_operators", "profile"]

_ABSENT = -1  # an optional input that is left out


def profile(
    path: Path,
    name: str,
    feeds: Mapping[int, Sequence[NDArray[np.float32]]],
    *,
    runs: int,
    warmup: int,
    threads: int,
) -> OperatorReport:
    """See :func:`livematte.benchmark.profiling.profile`.

    Args:
        feeds: not needed: what goes through an operator does not change its time.

    Raises:
        ModelError: the file has more than one graph.
    """
    from livematte.engines.litert import open_interpreter  # noqa: PLC0415 - needs the extra

    del feeds
    content = path.read_bytes()
    pieces = [("", "", content, 0.0), *cut_operators(path, content)]
    interpreters = [open_interpreter(path, piece, threads) for _, _, piece, _ in pieces]
    for interpreter in interpreters:
        _fill(interpreter)
    for interpreter in interpreters:
        for _ in range(warmup):
            interpreter.invoke()
    total = np.zeros(len(pieces))
    for order in turns(len(pieces), runs):
        for index in order:
            started = time.perf_counter()
            interpreters[index].invoke()
            total[index] += time.perf_counter() - started
    average = 1000 * total / runs
    layers = tuple(
        LayerTime(layer, kind, float(took), memory)
        for (layer, kind, _, memory), took in zip(pieces[1:], average[1:], strict=True)
    )
    note = (
        "Each operator was run alone, as a file of its own, for LiteRT's Python package tells no "
        "times by operator: fusions and what operators cost each other are only in the whole run. "
        "Memory is the size of the outputs."
    )
    return OperatorReport(name, "LiteRT on the CPU", runs, float(average[0]), layers, note)


def _fill(interpreter: Any) -> None:
    """Numbers in [0, 1) into float inputs, zeros into others."""
    generator = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        value = np.zeros(detail["shape"], detail["dtype"])
        if np.issubdtype(detail["dtype"], np.floating):
            value = generator.random(detail["shape"], dtype=np.float32).astype(detail["dtype"])
        interpreter.set_tensor(detail["index"], value)


def cut_operators(path: Path, content: bytes) -> list[tuple[str, str, bytes, float]]:
    """Each operator of a LiteRT file as a file of its own.

    Operators that only prepare constants (weights widened from 16 bits) stay with those that use
    them.

    Returns:
        Name of its first output, its type, the file, and the size of its outputs in KB.

    Raises:
        ModelError: the file has more than one graph.
        MissingExtra: ai-edge-litert is not installed.
    """
    try:
        from ai_edge_litert.tools import flatbuffer_utils  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("ai-edge-litert", "litert") from error
    model: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    if len(model.subgraphs) != 1:
        raise ModelError(
            f"{path}: holds several graphs, which cannot be taken apart; profile "
            "one without control flow"
        )
    graph = model.subgraphs[0]
    constant = {
        index for index, tensor in enumerate(graph.tensors) if _has_data(model, tensor.buffer)
    }
    makers: dict[int, Any] = {}
    pieces = []
    for operator in graph.operators:
        given = [index for index in operator.inputs if index != _ABSENT]
        if all(index in constant for index in given):
            constant.update(operator.outputs)
            makers.update(dict.fromkeys(operator.outputs, operator))
            continue
        piece = _cut(model, operator, [i for i in given if i not in constant], makers)
        outputs = [graph.tensors[index] for index in operator.outputs]
        size = sum(_kilobytes(flatbuffer_utils, tensor) for tensor in outputs)
        kind = str(flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex))
        file = bytes(flatbuffer_utils.convert_object_to_bytearray(piece))
        pieces.append((outputs[0].name.decode(errors="replace"), kind, file, size))
    return pieces


def _has_data(model: Any, buffer: int) -> bool:
    data = model.buffers[buffer].data
    return data is not None and len(data) > 0


def _kilobytes(flatbuffer_utils: Any, tensor: Any) -> float:
    """Of a tensor whose sides are all known."""
    digits = filter(str.isdigit, str(flatbuffer_utils.type_to_name(tensor.type)))
    bits = int("".join(digits) or 8)
    return float(np.prod(tensor.shape)) * bits / 8 / 1000


def _cut(model: Any, operator: Any, inputs: Sequence[int], makers: Mapping[int, Any]) -> Any:
    """A model of one operator, and of those that make its constants."""
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415

    graph = model.subgraphs[0]
    operators = _with_makers(operator, makers)
    used = sorted(
        {
            int(index)
            for entry in operators
            for index in (*entry.inputs, *entry.outputs)
            if index != _ABSENT
        }
    )
    places = {index: place for place, index in enumerate(used)} | {_ABSENT: _ABSENT}
    piece = schema.ModelT(version=3, operatorCodes=model.operatorCodes)
    piece.buffers = [schema.BufferT()]
    tensors = []
    for index in used:
        tensor = _copy(schema.TensorT(), graph.tensors[index])
        if _has_data(model, tensor.buffer):
            piece.buffers.append(model.buffers[tensor.buffer])
            tensor.buffer = len(piece.buffers) - 1
        else:
            tensor.buffer = 0
        tensors.append(tensor)
    moved = []
    for entry in operators:
        copied = _copy(schema.OperatorT(), entry)
        copied.inputs = [places[int(index)] for index in entry.inputs]
        copied.outputs = [places[int(index)] for index in entry.outputs]
        moved.append(copied)
    piece.subgraphs = [
        schema.SubGraphT(
            tensors=tensors,
            inputs=[places[int(index)] for index in dict.fromkeys(inputs)],
            outputs=[places[int(index)] for index in operator.outputs],
            operators=moved,
        )
    ]
    return piece


def _with_makers(operator: Any, makers: Mapping[int, Any]) -> list[Any]:
    before: list[Any] = []
    for index in operator.inputs:
        if index in makers:
            before += [m for m in _with_makers(makers[index], makers) if m not in before]
    return [*before, operator]


def _copy(target: Any, source: Any) -> Any:
    vars(target).update(vars(source))
    return target
