"""One matte from every engine: on a real photo by value, on a synthetic edge by its position."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from livematte import weights
from livematte.engines import ENGINES, Engine, open_engine
from livematte.engines.torch import TorchEngine
from livematte.export.exporter import export_model
from livematte.export.targets import TARGETS
from livematte.networks.base import Network, NetworkOutput
from livematte.quantization.calibration import CalibrationSet
from livematte.quantization.methods import Quantisation
from livematte.segmenter import Segmenter
from livematte.spec import ModelSpec
from livematte.transforms import fit_image

PORTRAIT = Path(__file__).parents[2] / "examples" / "portrait.png"
HEIGHT, WIDTH = 64, 96
GAIN = 8.0
# Every file that one of our engines runs; folders hold one of these.
RUN_HERE = [
    name
    for name, target in TARGETS.items()
    if target.engine in ENGINES and not target.folder and "fp32" in target.precisions
]
QUANTISED = [
    (name, method)
    for name, target in TARGETS.items()
    for method in target.methods
    if method != "learnt"  # by training
    if target.engine in ENGINES and not target.folder and name != "mediapipe"
]


@pytest.mark.parametrize("model", weights.bundled(), ids=lambda model: model.name)
def test_the_engines_agree_on_a_photo(model: weights.BundledModel) -> None:
    picture = cv2.cvtColor(cv2.imread(str(PORTRAIT)), cv2.COLOR_BGR2RGB)
    image = fit_image(picture, model.spec)
    # weights of 8 bits move the matte, alike in every engine
    source = model.path if model.spec.precision == "int8" else model.path.with_suffix(".ckpt")
    wanted = open_engine(source, threads=1).run(image)
    for name in ("onnxruntime", "openvino"):
        difference = np.abs(open_engine(model.path, engine=name, threads=1).run(image) - wanted)
        assert difference.max() <= 1e-3, name
        assert difference.mean() <= 1e-4, name


class Brightness(Network):
    """A network whose matte is the picture's brightness, through the resizing of real networks.

    It shrinks four times, and grows twice by a transposed convolution that interpolates linearly
    and twice by resizing. With half-pixel centres all of this keeps a straight ramp as it is.
    """

    default_size: ClassVar[tuple[int, int]] = (HEIGHT, WIDTH)

    def __init__(self, *, prior: bool = False, align_corners: bool = False) -> None:
        super().__init__(prior=prior)
        self.align_corners = align_corners
        self.grow = torch.nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1, bias=False)
        line = torch.tensor([0.25, 0.75, 0.75, 0.25])
        self.grow.weight = torch.nn.Parameter(torch.outer(line, line)[None, None])

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        grey = x.mean(dim=1, keepdim=True)
        small = functional.interpolate(
            grey, (HEIGHT // 4, WIDTH // 4), mode="bilinear", align_corners=self.align_corners
        )
        full = functional.interpolate(
            self.grow(small), (HEIGHT, WIDTH), mode="bilinear", align_corners=self.align_corners
        )
        return NetworkOutput(GAIN * (full - 0.5))


def ramp(height: int, width: int, edge: float, axis: int, span: float = 1) -> np.ndarray:
    """A picture that falls from white to black over ``span`` of its side, mid grey at ``edge``.

    Positions count from the left (or upper) border, so the first pixel's centre is at 0.5.
    """
    sides = (height, width)
    along = (np.arange(sides[axis]) + 0.5 - edge) / sides[axis]
    values = np.clip(0.5 - along / span, 0, 1).astype(np.float32)
    plane = np.broadcast_to(values[:, None] if axis == 0 else values[None], sides)
    return np.ascontiguousarray(np.repeat(plane[..., None], 3, axis=2))


def crossing(matte: np.ndarray, axis: int) -> float:
    """Where a matte falls through 0.5 along the middle of the picture, between pixel centres."""
    line = matte[matte.shape[0] // 2] if axis == 1 else matte[:, matte.shape[1] // 2]
    logit = np.log(line / (1 - line))  # straight again
    after = int(np.argmax(logit < 0))
    before = after - 1
    share = logit[before] / (logit[before] - logit[after])
    return before + 0.5 + float(share)


def open_export(network: Network, target: str, folder: Path) -> Engine:
    spec = ModelSpec("brightness", HEIGHT, WIDTH)
    path = folder / f"model{TARGETS[target].suffix}"
    report = export_model(network, spec, path, target=target)
    assert report.engine is not None
    return open_engine(path, engine=report.engine, threads=1)


EDGES = [
    (axis, side * share)
    for axis, side in enumerate((HEIGHT, WIDTH))
    for share in (0.4, 0.503, 0.5 + 0.25 / 64, 0.61)
]


@pytest.mark.parametrize("target", RUN_HERE)
def test_an_edge_stays_where_it_is(target: str, tmp_path: Path) -> None:
    network = Brightness().eval()
    reference = TorchEngine(network, ModelSpec("brightness", HEIGHT, WIDTH), device="cpu")
    engine = open_export(network, target, tmp_path)
    for axis, edge in EDGES:
        image = ramp(HEIGHT, WIDTH, edge, axis)
        for opened in (reference, engine):
            assert crossing(opened.run(image), axis) == pytest.approx(edge, abs=2e-3), opened.name


@pytest.mark.parametrize(("target", "method"), QUANTISED)
def test_integers_do_not_move_an_edge(target: str, method: str, tmp_path: Path) -> None:
    """To a quarter of a grey level's width for one edge, and less in the mean of all."""
    network = Brightness().eval()
    spec = ModelSpec("brightness", HEIGHT, WIDTH)
    images = [ramp(HEIGHT, WIDTH, edge, axis, span=1 / 4) for axis, edge in EDGES]
    pictures = tuple((255 * image).round().astype(np.uint8) for image in images)
    path = tmp_path / f"model{TARGETS[target].suffix}"
    export_model(
        network,
        spec,
        path,
        target=target,
        precision="int8",
        quantisation=Quantisation(
            method, CalibrationSet(tmp_path, pictures) if method == "static" else None
        ),
    )
    engine = open_engine(path, engine=TARGETS[target].engine or "auto", threads=1)
    shifts = [
        crossing(np.clip(engine.run(image), 0.01, 0.99), axis) - edge
        for image, (axis, edge) in zip(images, EDGES, strict=True)
    ]
    assert np.abs(shifts).max() < 0.25
    assert abs(np.mean(shifts)) < 0.06


@pytest.mark.parametrize("target", RUN_HERE)
def test_an_edge_of_a_larger_picture_stays_where_it_is(target: str, tmp_path: Path) -> None:
    segmenter = Segmenter(open_export(Brightness().eval(), target, tmp_path))
    height, width = 250, 410
    for axis, side in enumerate((height, width)):
        for share in (0.4, 0.503, 0.61):
            values = ramp(height, width, share * side, axis, span=1 / 3)
            picture = (values * 255).round().astype(np.uint8)
            alpha = segmenter.segment(picture, refine=False)
            # A grey level is a third or half of a pixel wide; a pixel of the matte is four.
            assert crossing(alpha, axis) == pytest.approx(share * side, abs=0.25)


@pytest.mark.parametrize("target", RUN_HERE)
def test_aligned_corners_move_an_edge_as_they_do_in_torch(target: str, tmp_path: Path) -> None:
    network = Brightness(align_corners=True).eval()
    reference = TorchEngine(network, ModelSpec("brightness", HEIGHT, WIDTH), device="cpu")
    engine = open_export(network, target, tmp_path)
    moved = 0.0
    for axis, edge in EDGES:
        image = ramp(HEIGHT, WIDTH, edge, axis)
        wanted = crossing(reference.run(image), axis)
        moved = max(moved, abs(wanted - edge))
        assert crossing(engine.run(image), axis) == pytest.approx(wanted, abs=2e-3)
    assert moved > 0.05  # so the test above would see it
