"""Core ML: an ``.mlpackage`` that takes an app's pixel buffers, by coremltools."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from livematte.export.graph import trace, unsupported
from livematte.export.targets import Built, Job
from livematte.silence import import_quietly, quiet, silenced
from livematte.spec import METADATA_KEY, ModelSpec

__all__ = ["build"]

_PACKAGED = ("Manifest.json", "Data/com.apple.CoreML")


def build(job: Job) -> Built:
    """``NAME.mlpackage``: an ML program of iOS 16 and macOS 13, or newer.

    ``image`` is an RGB picture of the spec's size, whose bytes the program itself divides by 255;
    ``prior`` and ``alpha`` are float32 arrays of 1×1×H×W. In fp16 the program computes in 16 bits,
    which is what Apple's neural engine does.

    Raises:
        MissingExtra: coremltools is not installed.
        ModelError: an operator that Core ML does not have, with its layer.
    """
    tools = import_quietly("coremltools", "coreml")
    program = trace(job.graph, job.example)
    try:
        with silenced(), torch.no_grad():
            model = tools.convert(
                program.run_decompositions({}),
                inputs=_inputs(tools, job.spec),
                outputs=[tools.TensorType(name="alpha", dtype=np.float32)],
                minimum_deployment_target=tools.target.iOS16,
                compute_precision=_precision(tools, job.spec),
                skip_model_load=True,
            )
    except Exception as error:  # of many kinds, from the converter's passes
        raise unsupported(job.graph, program, "Core ML", error) from error
    model.user_defined_metadata[METADATA_KEY] = job.spec.to_json()
    model.license = job.spec.licence
    model.version = job.spec.version
    model.short_description = f"{job.spec.name}: a matte of the people in a picture"
    note = "not run here: Core ML runs on Apple's systems only"
    return Built(_package(model, f"{job.name}.mlpackage"), (note,))


def _inputs(tools: ModuleType, spec: ModelSpec) -> list[Any]:
    sides = (spec.height, spec.width)
    image = tools.ImageType(
        name="image",
        shape=(1, 3, *sides),
        scale=1 / 255,
        color_layout=tools.colorlayout.RGB,
    )
    if not spec.prior:
        return [image]
    return [image, tools.TensorType(name="prior", shape=(1, 1, *sides), dtype=np.float32)]


def _precision(tools: ModuleType, spec: ModelSpec) -> Any:
    half = spec.precision == "fp16"
    return tools.precision.FLOAT16 if half else tools.precision.FLOAT32


def _package(model: Any, name: str) -> dict[str, bytes]:
    """The files of the package, which coremltools writes as a folder only."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / name
        with quiet():
            model.save(str(root))
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.relative_to(root).as_posix().startswith(_PACKAGED)
        }
