"""ONNX: one file, for ONNX Runtime and for the converters of other targets."""

from __future__ import annotations

import numpy as np
import onnx
import onnxslim
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from livematte.export.graph import calibration_feeds, trace, unsupported
from livematte.export.targets import Built, Job
from livematte.quantization.onnx import Feeds, quantise
from livematte.silence import quiet
from livematte.spec import METADATA_KEY, ModelSpec

__all__ = [
    "OPSET",
    "build",
    "convert",
    "convert_stored",
    "embed_spec",
    "free_sides",
    "halve_weights",
    "onnx_feeds",
]

OPSET = 18

_SMALLEST_HALVED = 4096


def build(job: Job) -> Built:
    """``NAME.onnx``, its batch axis free; in fp16 its weights are stored in 16 bits.

    Height and width are free as well where the spec has a step.
    """
    model = convert_stored(job)
    if job.spec.step:
        free_sides(model)
    embed_spec(model, job.spec)
    return Built({f"{job.name}.onnx": model.SerializeToString()})


def convert_stored(job: Job) -> onnx.ModelProto:
    """As :func:`convert`, in the precision of the job.

    Raises:
        ModelError: as :func:`convert`, or it cannot be quantised.
    """
    model = convert(job.graph, job.example)
    if job.spec.precision == "fp16":
        halve_weights(model)
    if job.quantisation is not None:
        return quantise(model, job.quantisation.method, onnx_feeds(job))
    return model


def onnx_feeds(job: Job) -> Feeds:
    """The calibration pictures by the names of the graph's inputs."""
    return [dict(zip(("image", "prior"), feed, strict=False)) for feed in calibration_feeds(job)]


def convert(graph: nn.Module, example: tuple[torch.Tensor, ...]) -> onnx.ModelProto:
    """Trace, fold and simplify; the batch axis stays free.

    Raises:
        ModelError: an operator that ONNX does not have, with its layer.
    """
    names = ["image", "prior"][: len(example)]
    program = trace(graph, example, free_batch=True)
    try:
        with quiet(), torch.no_grad():
            exported = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=names,
                output_names=["alpha"],
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise unsupported(graph, program, "ONNX", error) from error
    assert exported is not None
    model: onnx.ModelProto = onnxslim.slim(exported.model_proto)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def free_sides(model: onnx.ModelProto) -> None:
    """Leave height and width free, which are the last axes of all inputs and outputs.

    That is right for graphs that resize by factors alone; the exporter runs another size to see.
    """
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in zip((2, 3), ("height", "width"), strict=True):
            value.type.tensor_type.shape.dim[axis].Clear()
            value.type.tensor_type.shape.dim[axis].dim_param = name
    del model.graph.value_info[:]


def embed_spec(model: onnx.ModelProto, spec: ModelSpec) -> None:
    """Write the spec into the file's metadata."""
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, spec.to_json()


def halve_weights(model: onnx.ModelProto) -> None:
    """Store large weights in 16-bit floats, with a cast to 32 bits before each.

    Runtimes compute the casts once, when they open the file, so it is half as large and as fast
    as before. Small tensors stay as they are: those of the first depthwise convolutions and the
    biases hold a few per cent of the bytes, and their rounding made most of the error (0.009 at
    the worst pixel of the bundled model with all weights rounded, 0.0005 without the small ones).
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _SMALLEST_HALVED:
            continue
        halved = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(halved).all():
            continue  # beyond the range of 16 bits
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(halved, f"{name}.fp16"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
