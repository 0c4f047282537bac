"""Engines and networks as predictors."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from livematte.evaluation.predictors import EnginePredictor
from livematte.spec import ModelSpec

torch = pytest.importorskip("torch")

from livematte.engines.torch import TorchEngine  # noqa: E402
from livematte.errors import ModelError, UsageError  # noqa: E402
from livematte.networks.base import Network, NetworkOutput  # noqa: E402


@dataclass
class RedEngine:
    """Answers the red channel, brightened by the prior."""

    spec: ModelSpec
    name: str = "red"
    device: str = "cpu"
    threads: int | None = 1
    priors: list[np.ndarray | None] = field(default_factory=list)

    def run(self, image: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
        self.priors.append(prior)
        return np.ascontiguousarray(image[..., 0])


class RedNetwork(Network):
    """The logit of the red channel, or of the prior where there is one."""

    default_size = (16, 16)
    stride = 1

    def __init__(self, *, prior: bool = False, gain: float = 1.0) -> None:
        super().__init__(prior=prior)
        self.gain = gain

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        chosen = x[:, -1:] if self.prior else x[:, :1]
        return NetworkOutput((chosen.clamp(0.001, 0.999) * self.gain).logit())


def half_red(height: int, width: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :, 0] = 255
    return image


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("shape", [(48, 64), (64, 16), (16, 16), (9, 31)])
def test_the_matte_comes_back_where_the_person_is(fit: str, shape: tuple[int, int]) -> None:
    predictor = EnginePredictor(RedEngine(ModelSpec("red", 32, 32, fit=fit)))
    matte = predictor.predict(half_red(*shape))
    assert matte.shape == shape
    assert matte.dtype == np.float32
    wrong = (matte >= 0.5) != (half_red(*shape)[..., 0] > 0)
    assert wrong.mean() <= 1 / shape[1]  # an odd width has a column without a clear side
    assert predictor.run_seconds > 0


def test_a_video_model_gets_its_last_matte_until_it_is_reset() -> None:
    engine = RedEngine(ModelSpec("red", 8, 8, prior=True))
    predictor = EnginePredictor(engine)
    for _ in range(2):
        predictor.predict(half_red(8, 8))
    predictor.reset()
    predictor.predict(half_red(8, 8))
    assert engine.priors[0] is None
    np.testing.assert_allclose(engine.priors[1], half_red(8, 8)[..., 0] / 255)
    assert engine.priors[2] is None


def test_an_image_model_gets_no_prior() -> None:
    engine = RedEngine(ModelSpec("red", 8, 8))
    predictor = EnginePredictor(engine)
    for _ in range(2):
        predictor.predict(half_red(8, 8))
    assert engine.priors == [None, None]


def test_a_network_runs_like_a_model_file() -> None:
    engine = TorchEngine(RedNetwork(), ModelSpec("red", 16, 16), device="cpu", threads=1)
    matte = EnginePredictor(engine).predict(half_red(16, 16))
    np.testing.assert_allclose(matte, half_red(16, 16)[..., 0] / 255, atol=0.002)
    assert (engine.name, engine.device, engine.threads) == ("torch", "cpu", 1)


def test_a_network_with_prior_starts_from_an_empty_one() -> None:
    spec = ModelSpec("red", 16, 16, prior=True)
    engine = TorchEngine(RedNetwork(prior=True), spec, device="cpu")
    image = np.zeros((16, 16, 3), np.float32)
    assert engine.run(image).max() < 0.01
    last = np.full((16, 16), 0.75, np.float32)
    np.testing.assert_allclose(engine.run(image, last), 0.75, atol=1e-5)


def test_nan_and_unknown_devices_are_errors() -> None:
    with pytest.raises(UsageError, match="no device 'tpu'"):
        TorchEngine(RedNetwork(), ModelSpec("red", 16, 16), device="tpu")
    engine = TorchEngine(RedNetwork(gain=np.nan), ModelSpec("red", 16, 16), device="cpu")
    with pytest.raises(ModelError, match="NaN"):
        engine.run(np.zeros((16, 16, 3), np.float32))


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_refinement_keeps_size_and_side(fit: str) -> None:
    predictor = EnginePredictor(RedEngine(ModelSpec("red", 32, 32, fit=fit)), refine=True)
    image = half_red(96, 128)
    matte = predictor.predict(image)
    assert predictor.refined
    assert matte.shape == (96, 128)
    assert ((matte >= 0.5) != (image[..., 0] > 0)).mean() < 0.02
