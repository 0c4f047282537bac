"""The browser: one network for LiteRT.js and for onnxruntime-web, and a page that runs it."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path
from string import Template
from urllib.parse import quote

from livematte.export import litert, onnx
from livematte.export.targets import Built, Job
from livematte.spec import ModelSpec

__all__ = ["PAGE", "build", "onnx_name"]

PAGE = ("README.md", "index.html", "matte.js", "package.json")
"""Beside the models: a page that runs them, the module by which it does, and its runtimes."""

_TEMPLATES = Path(__file__).parent / "browser_page"
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
    """``NAME.tflite``, the same network as ONNX with a spec of its own, and :data:`PAGE`."""
    second = onnx_name(job.name)
    channels_first = replace(
        job, spec=replace(job.spec, layout="nchw"), name=second.removesuffix(".onnx")
    )
    files = {
        **litert.build(job).files,
        **onnx.build(channels_first).files,
        **{name: _fill(name, job.name, job.spec).encode() for name in PAGE},
    }
    return Built(
        files,
        further={second: "onnxruntime"},
        notes=("compared by LiteRT and ONNX Runtime; `make check-browser` runs it in a browser",),
    )


def _fill(page: str, name: str, spec: ModelSpec) -> str:
    """A file of the page, with what depends on the model."""
    text = (_TEMPLATES / page).read_text("utf-8")
    if page == "index.html":
        return Template(text).substitute(
            title=html.escape(name),
            tflite=quote(f"{name}.tflite"),
            onnx=quote(onnx_name(name)),
        )
    if page == "README.md":
        return Template(text).substitute(
            name=name,
            tflite=f"{name}.tflite",
            json=f"{name}.json",
            onnx=onnx_name(name),
            licence=spec.licence,
            height=spec.height,
            width=spec.width,
            fit=_FITS[spec.fit],
            feed=_PRIOR.format(spec.height, spec.width) if spec.prior else "",
            prior=", prior" if spec.prior else "",
        )
    return text
