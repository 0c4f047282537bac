"""A trained harmoniser as an ONNX file with its spec: what the runtime half opens."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxslim
import torch

from livematte.effects.harmoniser import HarmoniserSpec
from livematte.engines.onnx_function import OnnxFunction
from livematte.errors import ModelError, UsageError
from livematte.export.onnx import OPSET
from livematte.files import write_together
from livematte.networks.harmoniser import Harmoniser
from livematte.silence import quiet
from livematte.spec import METADATA_KEY
from livematte.training.harmoniser import load_harmoniser

__all__ = ["export_harmoniser"]

_TOLERANCE = 1e-4


def export_harmoniser(checkpoint: Path, path: Path, spec: HarmoniserSpec | None = None) -> Path:
    """Write a harmoniser's model file and the spec beside it; neither, if it disagrees with torch.

    Args:
        checkpoint: of training.
        path: the model file, ``NAME.onnx``.
        spec: provenance; its size and segments are set by the network. None: the recipe's name
            alone.

    Returns:
        The model file.

    Raises:
        UsageError: another suffix.
        ModelError: no harmoniser's checkpoint, or a file that disagrees with torch.
        OutputError: the files cannot be written.
    """
    if path.suffix != ".onnx":
        raise UsageError(f"{path}: a file of ONNX ends in .onnx")
    recipe, network = load_harmoniser(checkpoint)
    spec = spec or HarmoniserSpec(recipe.name, 1, 1)
    spec = replace(spec, size=network.size, segments=network.segments, sha256=None)
    content = _convert(network, spec)
    _compare(path, content, network)
    final = replace(spec, sha256=hashlib.sha256(content).hexdigest())
    write_together({path: content, path.with_suffix(".json"): final.to_json().encode()})
    return path


def _example(network: Harmoniser) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture in many colours, and a matte."""
    generator = torch.Generator().manual_seed(1)
    sides = (network.size, network.size)
    image = torch.rand(1, 3, *sides, generator=generator)
    return image, torch.rand(1, 1, *sides, generator=generator).round()


def _convert(network: Harmoniser, spec: HarmoniserSpec) -> bytes:
    with quiet(), torch.no_grad():
        exported = torch.onnx.export(
            network,
            _example(network),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image", "alpha"],
            output_names=["correction"],
            verbose=False,
        )
    assert exported is not None
    model: onnx.ModelProto = onnxslim.slim(exported.model_proto)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, spec.to_json()
    return bytes(model.SerializeToString())


def _compare(path: Path, content: bytes, network: Harmoniser) -> None:
    image, alpha = _example(network)
    with torch.no_grad():
        wanted = network(image, alpha).numpy()
    answer = OnnxFunction(path, content, ("image", "alpha"))(
        image=image.numpy(), alpha=alpha.numpy()
    )
    apart = float(np.abs(answer - wanted).max())
    if not apart <= _TOLERANCE:
        raise ModelError(
            f"{path}: not written, the export differs from torch by {apart:.2g} "
            f"(accepted: {_TOLERANCE:.2g}); report it with your versions of torch and onnx"
        )
