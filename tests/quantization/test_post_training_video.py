"""The bundled video network in 8-bit integers: it takes the matte of the frame before as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

import livematte.export
from livematte import weights
from livematte.engines.torch import TorchEngine
from livematte.segmenter import load
from livematte.training.checkpoint import load_trained
from livematte.transforms import fit_image

Run = Callable[..., tuple[int, str, str]]

PORTRAIT = Path(livematte.export.__file__).with_name("portrait.jpg")
# What the quantised matte shares with the float one, at the least.
LEAST_IOU = 0.97


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One portrait in several lights, both ways round."""
    folder = tmp_path_factory.mktemp("portraits")
    with Image.open(PORTRAIT) as portrait:
        for light in (0.7, 1.0, 1.3):
            lit = ImageEnhance.Brightness(portrait).enhance(light)
            lit.save(folder / f"{light}.png")
            ImageOps.mirror(lit).save(folder / f"{light}-mirrored.png")
    return folder


@pytest.mark.parametrize(
    ("target", "name"), [("onnx", "v.onnx"), ("openvino", "v.xml"), ("litert", "v.tflite")]
)
def test_the_video_network_follows_itself_in_integers(
    target: str, name: str, run: Run, pictures: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    asked = ("--to", target, "--precision", "int8", "--calibration", pictures)
    code, _, errors = run("export", weights.DEFAULT_VIDEO, *asked, "-o", path)
    assert code == 0, errors
    segmenter = load(path, device="cpu", threads=1)
    spec = segmenter.engine.spec
    assert spec.prior
    assert spec.precision == "int8"
    bundled = weights.find(weights.DEFAULT_VIDEO)
    trained = load_trained(bundled.path.with_suffix(".ckpt"))
    floats = TorchEngine(trained.network, bundled.spec, device="cpu")

    with Image.open(PORTRAIT) as portrait:
        image = fit_image(
            np.asarray(ImageEnhance.Contrast(portrait.convert("RGB")).enhance(0.9)), spec
        )
    first = floats.run(image)
    aside = np.roll(first, 24, axis=1)  # the person has moved since the last frame
    for prior in (None, first, aside):
        found, wanted = segmenter.engine.run(image, prior), floats.run(image, prior)
        one, other = found > 0.5, wanted > 0.5
        assert (one & other).sum() >= LEAST_IOU * (one | other).sum()
        assert np.abs(found - wanted).mean() < 0.02
