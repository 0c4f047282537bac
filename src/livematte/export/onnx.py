"""Export to ONNX: everything inside the graph, the spec in its metadata, checked first."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxslim
import torch
from numpy.typing import NDArray

from livematte.engines.onnxruntime import OnnxRuntimeEngine
from livematte.errors import ModelError
from livematte.export.graph import MatteGraph, example_inputs
from livematte.files import write_atomically
from livematte.networks.base import Network
from livematte.spec import METADATA_KEY, ModelSpec

__all__ = ["OPSET", "ExportReport", "export_onnx"]

OPSET = 18


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote, and how far its answers are from torch's.

    Attributes:
        path: the model file; its spec is beside it, with the suffix ``.json``.
        spec: the spec with the file's digest.
        largest, mean: absolute difference of the mattes.
    """

    path: Path
    spec: ModelSpec
    largest: float
    mean: float


def export_onnx(
    network: Network,
    spec: ModelSpec,
    path: Path,
    *,
    photo: NDArray[np.float32] | None = None,
    tolerance: float = 1e-3,
) -> ExportReport:
    """Write ``path`` and the spec beside it; nothing is written when the check fails.

    Args:
        network: trained network.
        spec: name, size and provenance; its ``prior`` must be the network's.
        path: ``.onnx`` file to write.
        photo: H×W×3 float32 RGB in [0, 1] of the spec's size to compare on; noise without one.
        tolerance: largest difference from torch that is accepted.

    Raises:
        ModelError: the exported graph disagrees with torch.
        OutputError: the files cannot be written.
    """
    size = (spec.height, spec.width)
    graph = MatteGraph(network).cpu().float()
    inputs = example_inputs(network, size)
    if photo is not None:
        inputs = (torch.from_numpy(photo.transpose(2, 0, 1).copy())[None], *inputs[1:])
    model = _convert(graph, inputs)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, spec.to_json()
    content = model.SerializeToString()
    largest, mean = _compare(graph, inputs, path, content)
    if not largest <= tolerance:
        raise ModelError(
            f"{path}: not written, the export differs from torch by {largest:.2g} "
            f"(tolerance {tolerance:.2g})"
        )
    write_atomically(path, content)
    final = spec.with_digest(path)
    write_atomically(path.with_suffix(".json"), final.to_json().encode())
    return ExportReport(path, final, largest, mean)


def _convert(graph: MatteGraph, inputs: tuple[torch.Tensor, ...]) -> onnx.ModelProto:
    """Trace, fold and simplify; the batch axis stays free."""
    names = ["image", "prior"][: len(inputs)]
    batch = torch.export.Dim("batch", min=1, max=1024)
    pair = tuple(torch.cat([x, x]) for x in inputs)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                graph,
                pair,
                dynamo=True,
                opset_version=OPSET,
                input_names=names,
                output_names=["alpha"],
                dynamic_shapes=tuple({0: batch} for _ in pair),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        name = type(graph.network).__name__
        raise ModelError(f"{name} cannot be exported to ONNX: {reason}") from error
    assert program is not None
    model: onnx.ModelProto = onnxslim.slim(program.model_proto)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress lines and deprecation notes from the user's terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _compare(
    graph: MatteGraph, inputs: tuple[torch.Tensor, ...], path: Path, content: bytes
) -> tuple[float, float]:
    """Largest and mean difference between torch and the file, through the engine users run."""
    with torch.no_grad():
        wanted = graph(*inputs)[0, 0].numpy()
    engine = OnnxRuntimeEngine(path, content, None, device="cpu", threads=1)
    arrays = [x[0].permute(1, 2, 0).numpy() for x in inputs]
    prior = arrays[1][..., 0] if len(arrays) == 2 else None
    difference = np.abs(engine.run(arrays[0], prior) - wanted)
    return float(difference.max()), float(difference.mean())
