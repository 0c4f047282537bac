"""The browser: a folder with one network twice, for LiteRT.js and for onnxruntime-web."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from string import Template

from livematte.export import litert, onnx
from livematte.export.targets import Built, Job
from livematte.spec import ModelSpec

__all__ = ["README", "build", "onnx_name"]

README = "README.md"

_TEMPLATE = Path(__file__).parent / "browser_readme.md"
_FITS = {
    "stretch": "Stretch the frame to that size, and the matte back to the frame's.",
    "letterbox": "Scale the frame to fit, in the middle of grey (0.5), and cut the same bars off "
    "the matte.",
}
_PRIOR = """
`prior` is the matte of the frame before, all zeros for the first one: 1×{0}×{1}×1 for LiteRT.js and
1×1×{0}×{1} for onnxruntime-web.
"""


def onnx_name(name: str) -> str:
    """The ONNX file; not ``NAME.onnx``, whose spec would be that of the LiteRT file."""
    return f"{name}-onnx.onnx"


def build(job: Job) -> Built:
    """``NAME.tflite``, the same network as ONNX with a spec of its own, and how to call both."""
    second = onnx_name(job.name)
    channels_first = replace(
        job, spec=replace(job.spec, layout="nchw"), name=second.removesuffix(".onnx")
    )
    files = {
        **litert.build(job).files,
        **onnx.build(channels_first).files,
        README: _readme(job.name, job.spec).encode(),
    }
    return Built(files, further={second: "onnxruntime"})


def _readme(name: str, spec: ModelSpec) -> str:
    return Template(_TEMPLATE.read_text("utf-8")).substitute(
        name=name,
        onnx=onnx_name(name),
        licence=spec.licence,
        height=spec.height,
        width=spec.width,
        pixels=spec.height * spec.width,
        fit=_FITS[spec.fit],
        prior=_PRIOR.format(spec.height, spec.width) if spec.prior else "",
        feeds="image, prior" if spec.prior else "image",
    )
