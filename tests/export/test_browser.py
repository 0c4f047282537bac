"""The folder for the browser: two models, each sound by itself, and how to call them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from livematte.engines import open_engine
from livematte.export.browser import README, onnx_name
from livematte.export.exporter import export_model
from livematte.networks.base import Network
from livematte.spec import ModelSpec


def test_both_models_give_the_same_matte(
    tmp_path: Path, small_with_prior: Network, spec: ModelSpec, photo: np.ndarray
) -> None:
    video = replace(spec, prior=True, fit="letterbox")
    report = export_model(small_with_prior, video, tmp_path, target="browser", precision="fp16")
    names = ["README.md", "small-onnx.json", "small-onnx.onnx", "small.json", "small.tflite"]
    assert sorted(path.name for path in report.files) == names
    first, second = (
        open_engine(tmp_path / name, threads=1) for name in ("small.tflite", onnx_name("small"))
    )
    assert (first.spec.layout, second.spec.layout) == ("nhwc", "nchw")
    prior = photo[..., 0]
    np.testing.assert_allclose(first.run(photo, prior), second.run(photo, prior), atol=1e-4)

    text = (tmp_path / README).read_text("utf-8")
    assert "small.tflite" in text
    assert onnx_name("small") in text
    assert "canvas of 64×96" in text
    assert "$" not in text
    assert "[1, 96, 64, 3]" in text
    assert "`prior` is the matte of the frame before" in text
    assert "grey" in text
