"""The exported file answers like torch, says what it is, and is never half-written."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import onnxruntime
import pytest
import torch

from livematte import networks
from livematte.engines.onnxruntime import OnnxRuntimeEngine
from livematte.errors import ModelError, OutputError
from livematte.export.onnx import export_onnx
from livematte.networks.base import Network, NetworkOutput
from livematte.spec import METADATA_KEY, ModelSpec, file_digest

PORTRAIT = Path(__file__).parents[2] / "examples" / "portrait.png"


class OneConvolution(Network):
    """The smallest thing that keeps the contract; it exports in a second."""

    default_size: ClassVar[tuple[int, int]] = (96, 64)

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__(prior=prior)
        self.convolution = torch.nn.Conv2d(self.in_channels, 1, 3, padding=1)

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        return NetworkOutput(self.convolution(x))


def small(*, prior: bool = False) -> Network:
    torch.manual_seed(0)
    return OneConvolution(prior=prior).eval()


def flagship() -> Network:
    torch.manual_seed(0)
    return networks.create("livematte", width=0.35, repeats=1).eval()


def spec(*, prior: bool = False) -> ModelSpec:
    return ModelSpec(name="small", height=96, width=64, prior=prior, licence="MIT")


def photo() -> np.ndarray:
    picture = cv2.cvtColor(cv2.imread(str(PORTRAIT)), cv2.COLOR_BGR2RGB)
    return cv2.resize(picture, (64, 96), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def run(path: Path, image: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
    engine = OnnxRuntimeEngine(path, path.read_bytes(), None, device="cpu", threads=1)
    return engine.run(image, prior)


@pytest.mark.parametrize("net", [flagship(), small(prior=True)], ids=["flagship", "prior"])
def test_export_answers_like_torch_on_a_real_photo(tmp_path: Path, net: Network) -> None:
    prior, path = net.prior, tmp_path / "model.onnx"
    report = export_onnx(net, spec(prior=prior), path, photo=photo())
    assert report.largest <= 1e-3
    last = np.random.default_rng(0).random((96, 64), np.float32) if prior else None
    image = torch.from_numpy(photo().transpose(2, 0, 1))[None]
    with torch.no_grad():
        given = None if last is None else torch.from_numpy(last)[None, None]
        wanted = torch.sigmoid(net(image, given).mask)[0, 0].numpy()
    np.testing.assert_allclose(run(path, photo(), last), wanted, atol=1e-3)


def test_spec_travels_inside_and_beside(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    report = export_onnx(small(), spec(), path)
    session = onnxruntime.InferenceSession(path)
    inside = session.get_modelmeta().custom_metadata_map[METADATA_KEY]
    beside = path.with_suffix(".json").read_text()
    assert ModelSpec.from_json(inside, source="inside") == spec()
    assert ModelSpec.from_json(beside, source="beside") == report.spec
    assert report.spec.sha256 == file_digest(path)


def test_batch_is_free(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export_onnx(small(), spec(), path)
    session = onnxruntime.InferenceSession(path)
    for count in (1, 5):
        (alpha,) = session.run(None, {"image": np.zeros((count, 3, 96, 64), np.float32)})
        assert alpha.shape == (count, 1, 96, 64)


def test_export_beyond_tolerance_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="differs from torch"):
        export_onnx(small(), spec(), tmp_path / "model.onnx", tolerance=-1.0)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_place_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"model\.onnx: cannot be written"):
        export_onnx(small(), spec(), tmp_path / "file" / "model.onnx")
