"""The folder for the browser: two models, each sound by itself, and how to call them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from livematte.engines import open_engine
from livematte.export.browser import build, onnx_name
from livematte.export.exporter import export_model
from livematte.export.graph import MatteGraph, example_inputs
from livematte.export.targets import Job
from livematte.networks.base import Network
from livematte.spec import ModelSpec


def test_both_models_give_the_same_matte(
    tmp_path: Path, small_with_prior: Network, spec: ModelSpec, photo: np.ndarray
) -> None:
    video = replace(spec, prior=True, fit="letterbox")
    report = export_model(small_with_prior, video, tmp_path, target="browser", precision="fp16")
    names = ["README.md", "index.html", "matte.js", "package.json"]
    names += ["small-onnx.json", "small-onnx.onnx", "small.json", "small.tflite"]
    assert sorted(path.name for path in report.files) == names
    first, second = (
        open_engine(tmp_path / name, threads=1) for name in ("small.tflite", onnx_name("small"))
    )
    assert (first.spec.layout, second.spec.layout) == ("nhwc", "nchw")
    prior = photo[..., 0]
    np.testing.assert_allclose(first.run(photo, prior), second.run(photo, prior), atol=1e-4)

    text = (tmp_path / "README.md").read_text("utf-8")
    assert "`small.tflite`" in text
    assert onnx_name("small") in text
    assert "$" not in text
    assert "1×96×64×3" in text
    assert "`prior` is the matte of the frame before" in text
    assert "run(rgb, prior)" in text
    assert "grey" in text


def test_the_page_finds_its_models_and_runtimes(small: Network, spec: ModelSpec) -> None:
    job = Job(MatteGraph(small), spec, example_inputs(small, (96, 64)), "o'clock <b>")
    files = build(job).files
    page = files["index.html"].decode()
    assert "const litert = 'o%27clock%20%3Cb%3E.tflite';" in page
    assert "const onnx = 'o%27clock%20%3Cb%3E-onnx.onnx';" in page
    assert "<title>o&#x27;clock &lt;b&gt; in the browser</title>" in page
    assert r"/\.\w+$/" in page  # the only dollar that is left
    assert page.count("$") == 1
    wanted = json.loads(files["package.json"])["dependencies"]
    for package in wanted:
        assert f"node_modules/{package}/" in page
    assert "http" not in page + files["matte.js"].decode()  # nothing from elsewhere
