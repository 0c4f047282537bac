"""LiteRT (TensorFlow Lite): one ``.tflite`` with its channels last, by litert-torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from torch import Tensor, nn

from livematte.export.graph import MatteGraph, calibration_feeds, trace, unsupported
from livematte.export.targets import Built, Job
from livematte.export.transposed import with_plain_transposes
from livematte.quantization.litert import quantise
from livematte.silence import import_quietly, silenced
from livematte.spec import METADATA_KEY

__all__ = ["ChannelsLast", "add_metadata", "build", "convert", "halve_weights", "shorten_names"]

_SMALLEST_HALVED = 4096  # as in ONNX files, for the reason given there
_MODULE = re.compile(r"^[\w.]+\.[A-Za-z0-9]+_")  # a module's class, before the name it has
_WRAPPERS = 3  # ours around a network, and the network


def build(job: Job) -> Built:
    """``NAME.tflite``; in fp16 its weights are stored in 16 bits and computed in 32.

    In int8 it takes and gives floats all the same.

    Raises:
        MissingExtra: litert-torch is not installed.
        ModelError: an operator that LiteRT does not have, with its layer.
    """
    content = add_metadata(convert(job), {METADATA_KEY: job.spec.to_json().encode()})
    return Built({f"{job.name}.tflite": content})


class ChannelsLast(nn.Module):
    """A graph between inputs and an output whose channels come last.

    Takes N×H×W×3, and N×H×W×1 for a prior; gives ``alpha``, N×H×W×1, or N×(H·W) where ``flat``.
    """

    def __init__(self, graph: MatteGraph, *, flat: bool = False) -> None:
        super().__init__()
        self.matte = graph
        self.flat = flat

    def forward(self, image: Tensor, prior: Tensor | None = None) -> dict[str, Tensor]:
        last = None if prior is None else prior.permute(0, 3, 1, 2)
        alpha = self.matte(image.permute(0, 3, 1, 2), last).permute(0, 2, 3, 1)
        return {"alpha": alpha.flatten(1) if self.flat else alpha}


def convert(job: Job, *, integer_io: bool = False) -> bytes:
    """The flatbuffer without metadata, in the precision of the job.

    Args:
        integer_io: a static int8 file takes and gives integers.

    Raises:
        MissingExtra, ModelError: as :func:`build`.
    """
    converter = import_quietly("litert_torch", "litert-export")
    graph = with_plain_transposes(ChannelsLast(job.graph, flat=job.flat).eval())
    inputs = tuple(x.permute(0, 2, 3, 1).contiguous() for x in job.example)
    names = ["image", "prior"][: len(inputs)]
    try:
        with silenced():
            converted = converter.convert(
                graph, sample_kwargs=dict(zip(names, inputs, strict=True))
            )
            content = shorten_names(bytes(converted.model_content()))
    except Exception as error:  # of many kinds, from the converter's passes
        raise unsupported(job.graph, trace(job.graph, job.example), "LiteRT", error) from error
    if job.quantisation is not None:
        feeds = [
            {name: x.transpose(0, 2, 3, 1) for name, x in zip(names, feed, strict=True)}
            for feed in calibration_feeds(job)
        ]
        return quantise(content, job.quantisation.method, feeds, integer_io=integer_io)
    return halve_weights(content) if job.spec.precision == "fp16" else content


def shorten_names(content: bytes) -> bytes:
    """Name what a layer gives by its place, as in ``encoder/8/depthwise/2``.

    The converter names all modules with their classes and all operators that it fused, which was
    a twelfth of the bundled model's file.
    """
    model: Any = flatbuffer_utils.read_model_from_bytearray(content)
    for graph in model.subgraphs:
        taken: set[str] = set()
        for tensor in graph.tensors:
            name = tensor.name.decode()
            if name.startswith(f"{__name__}.{ChannelsLast.__name__}"):
                parts = name.partition(";")[0].split("/")
                name = "/".join(_MODULE.sub("", part) for part in parts[_WRAPPERS:]) or "network"
                if name in taken:
                    name = f"{name}.{len(taken)}"
            taken.add(name)
            tensor.name = name.encode()
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def halve_weights(content: bytes) -> bytes:
    """Store large weights in 16-bit floats, each widened by a DEQUANTIZE that runtimes fold."""
    model: Any = flatbuffer_utils.read_model_from_bytearray(content)
    widen = schema.OperatorCodeT(builtinCode=schema.BuiltinOperator.DEQUANTIZE, version=2)
    widen.deprecatedBuiltinCode = widen.builtinCode
    model.operatorCodes.append(widen)
    for graph in model.subgraphs:
        operators = []
        for index, tensor in enumerate(list(graph.tensors)):
            data = model.buffers[tensor.buffer].data
            if tensor.type != schema.TensorType.FLOAT32 or data is None:
                continue
            halved = np.frombuffer(bytes(data), np.float32).astype(np.float16)
            if halved.size < _SMALLEST_HALVED or not np.isfinite(halved).all():
                continue
            stored = schema.TensorT(
                shape=tensor.shape,
                type=schema.TensorType.FLOAT16,
                buffer=len(model.buffers),
                name=tensor.name + b".fp16",
            )
            model.buffers.append(schema.BufferT(data=halved.view(np.uint8)))
            tensor.buffer = 0
            operators.append(
                schema.OperatorT(
                    opcodeIndex=len(model.operatorCodes) - 1,
                    inputs=[len(graph.tensors)],
                    outputs=[index],
                )
            )
            graph.tensors.append(stored)
        graph.operators = [*operators, *graph.operators]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(_without_orphans(model)))


def add_metadata(content: bytes, entries: Mapping[str, bytes]) -> bytes:
    """The flatbuffer with further metadata buffers."""
    model: Any = flatbuffer_utils.read_model_from_bytearray(content)
    for name, value in entries.items():
        model.metadata.append(schema.MetadataT(name=name, buffer=len(model.buffers)))
        model.buffers.append(schema.BufferT(data=np.frombuffer(value, np.uint8)))
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _without_orphans(model: Any) -> Any:
    """Empty the buffers that nothing refers to any more."""
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata}
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None
    return model
