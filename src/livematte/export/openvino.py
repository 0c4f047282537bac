"""OpenVINO: an ``.xml`` and its ``.bin``, converted from our ONNX graph."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import openvino

from livematte.engines.openvino import WEIGHTS_KEY
from livematte.errors import ModelError, one_line
from livematte.export.onnx import convert, halve_weights, onnx_feeds
from livematte.export.targets import Built, Job
from livematte.quantization.onnx import quantise_weights
from livematte.quantization.openvino import quantise
from livematte.spec import METADATA_KEY

__all__ = ["build"]


def build(job: Job) -> Built:
    """``NAME.xml`` with the spec and the digest of ``NAME.bin``; weights in 16 bits for fp16.

    Raises:
        MissingExtra: NNCF is not installed, for static int8.
        ModelError: an operator that ONNX or OpenVINO does not have, or NNCF cannot quantise it.
    """
    method = None if job.quantisation is None else job.quantisation.method
    onnx_model = convert(job.graph, job.example)
    if job.spec.precision == "fp16":
        halve_weights(onnx_model)
    elif method == "weight-only":
        quantise_weights(onnx_model)
    core = openvino.Core()
    try:
        graph = core.read_model(model=onnx_model.SerializeToString(), weights=b"")
    except RuntimeError as error:
        raise ModelError(
            f"{job.name} cannot be exported to OpenVINO ({one_line(error, 400)})"
        ) from error
    if method == "static":
        graph = quantise(graph, onnx_feeds(job))
    _, weights = _serialise(graph)
    graph.set_rt_info(job.spec.to_json(), [METADATA_KEY])
    graph.set_rt_info(hashlib.sha256(weights).hexdigest(), [WEIGHTS_KEY])
    text, same = _serialise(graph)
    assert same == weights
    return Built({f"{job.name}.xml": text, f"{job.name}.bin": weights})


def _serialise(graph: Any) -> tuple[bytes, bytes]:
    """The text and the weights of a graph; OpenVINO writes them as files only."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        openvino.serialize(graph, path)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()
