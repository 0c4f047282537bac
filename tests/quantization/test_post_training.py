"""Every quantised file is loaded and run: as the float network, smaller, and without a shift."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from livematte.engines import open_engine
from livematte.engines.torch import TorchEngine
from livematte.errors import ModelError, UsageError
from livematte.export.exporter import export_model
from livematte.export.targets import TARGETS
from livematte.networks.base import Network, NetworkOutput
from livematte.quantization.calibration import open_calibration
from livematte.quantization.methods import Quantisation
from livematte.spec import ModelSpec

SIDE = 64
SPEC = ModelSpec("disc", SIDE, SIDE)
KINDS = [
    (name, method)
    for name, target in TARGETS.items()
    for method in target.methods
    if method != "learnt"  # by training, which has tests of its own
    if not target.folder and name != "mediapipe"  # the LiteRT file with further metadata
]
# What the quantised matte shares with the float one, at the least.
LEAST_IOU = 0.97


class TinyMatte(Network):
    """What the networks are made of: strides, depthwise, a sum, resizing, a transposed one."""

    default_size: ClassVar[tuple[int, int]] = (SIDE, SIDE)

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__(prior=prior)
        self.stem = nn.Conv2d(self.in_channels, 16, 3, 2, 1)
        self.depthwise = nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        self.down = nn.Conv2d(16, 48, 3, 2, 1)
        self.deep = nn.Conv2d(48, 48, 1)
        self.project = nn.Conv2d(48, 16, 1)
        self.lateral = nn.Conv2d(16, 16, 1)
        self.head = nn.ConvTranspose2d(16, 1, 4, 2, 1)

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        fine = functional.relu(self.depthwise(functional.relu(self.stem(x))))
        deep = functional.relu(self.down(fine))
        deep = deep + functional.relu6(self.deep(deep))
        grown = functional.interpolate(
            self.project(deep), scale_factor=2, mode="bilinear", align_corners=False
        )
        return NetworkOutput(self.head(functional.relu(grown + self.lateral(fine))))


def disc(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A reddish disc on bluish noise, SIDE×SIDE×3 float32 in [0, 1], and its mask."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    centre, radius = random.uniform(24, 40, 2), random.uniform(12, 22)
    mask = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
    red, blue = random.uniform(0.6, 1, 3) * (1, 0.4, 0.4), random.uniform(0.5, 1, 3) * (0.4, 0.5, 1)
    picture = np.where(mask[..., None], red, blue) + random.normal(0, 0.04, (SIDE, SIDE, 3))
    return np.clip(picture, 0, 1).astype(np.float32), mask.astype(np.float32)


def train(network: Network) -> Network:
    """Enough to find the discs."""
    pairs = [disc(seed) for seed in range(16)]
    images = torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image, _ in pairs]))
    masks = torch.from_numpy(np.stack([mask[None] for _, mask in pairs]))
    prior = (torch.zeros_like(masks),) if network.prior else ()
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(40):
        loss = functional.binary_cross_entropy_with_logits(network(images, *prior).mask, masks)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.2
    return network.eval()


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return train(TinyMatte())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(100, 108):
        image, _ = disc(seed)
        Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(folder / f"{seed}.png")
    return folder


def quantisation(method: str, pictures: Path, spec: ModelSpec = SPEC) -> Quantisation:
    return Quantisation(method, open_calibration(pictures, spec) if method == "static" else None)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    one, other = first > 0.5, second > 0.5
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize(("target", "method"), KINDS)
def test_every_kind_finds_what_the_float_network_finds(
    target: str, method: str, network: Network, pictures: Path, tmp_path: Path
) -> None:
    kind = TARGETS[target]
    path = tmp_path / f"disc{kind.suffix}"
    report = export_model(
        network,
        SPEC,
        path,
        target=target,
        precision="int8",
        quantisation=quantisation(method, pictures),
        photo=disc(200)[0],
    )
    assert report.spec.precision == "int8"
    assert report.iou is not None
    assert report.iou >= LEAST_IOU
    engine = open_engine(path, engine=kind.engine or "auto", threads=1)
    reference = TorchEngine(network, SPEC, device="cpu")
    for seed in range(201, 205):
        image, mask = disc(seed)
        found, wanted = engine.run(image), reference.run(image)
        assert iou(wanted, mask) > 0.8
        assert iou(found, wanted) >= LEAST_IOU
        assert np.abs(found - wanted).mean() < 0.02
    weights = path.with_suffix(".bin") if target == "openvino" else path
    floats = sum(4 * parameter.numel() for parameter in network.parameters())
    assert weights.stat().st_size < floats


def test_a_video_network_is_calibrated_with_its_own_mattes(pictures: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = train(TinyMatte(prior=True))
    spec = replace(SPEC, prior=True)
    path = tmp_path / "disc.onnx"
    report = export_model(
        network,
        spec,
        path,
        precision="int8",
        quantisation=quantisation("static", pictures, spec),
        photo=disc(200)[0],
    )
    assert report.iou is not None
    assert report.iou >= LEAST_IOU
    engine = open_engine(path, threads=1)
    reference = TorchEngine(network, spec, device="cpu")
    image, _ = disc(201)
    first = reference.run(image)
    for prior in (None, first):
        assert iou(engine.run(image, prior), reference.run(image, prior)) >= LEAST_IOU


def test_beyond_tolerance_nothing_is_written(
    network: Network, pictures: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"not written, its matte shares an IoU of .*weight-only"):
        export_model(
            network,
            SPEC,
            tmp_path / "disc.onnx",
            precision="int8",
            quantisation=quantisation("static", pictures),
            photo=disc(200)[0],
            tolerance=0.0,
        )
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_quantisation_leaves_nothing(
    network: Network, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("onnxruntime.quantization.quantize_static", interrupt)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        export_model(
            network,
            SPEC,
            tmp_path / "disc.onnx",
            precision="int8",
            quantisation=quantisation("static", pictures),
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "precision", "method", "message"),
    [
        ("openvino", "int8", "dynamic", "openvino is not quantised dynamic: take one of weight"),
        ("edgetpu", "int8", "weight-only", "static needs --calibration FOLDER"),
        ("onnx", "fp16", "weight-only", "fp16 is not quantised: ask for int8"),
        ("coreml", "int8", "weight-only", "coreml is not built in int8"),
    ],
)
def test_requests_that_cannot_be(
    target: str, precision: str, method: str, message: str, network: Network, tmp_path: Path
) -> None:
    path = tmp_path / f"m{TARGETS[target].suffix}"
    with pytest.raises(UsageError, match=message):
        export_model(
            network,
            SPEC,
            path,
            target=target,
            precision=precision,
            quantisation=Quantisation(method),
        )


def test_methods_and_their_pictures() -> None:
    with pytest.raises(UsageError, match="no method 'magic': take one of weight-only, dynamic"):
        Quantisation("magic")
    with pytest.raises(UsageError, match="--calibration FOLDER"):
        Quantisation("static")
