"""Small networks, their spec and a photo, for the exports."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch

from livematte.networks.base import Network, NetworkOutput
from livematte.spec import ModelSpec

PORTRAIT = Path(__file__).parents[2] / "examples" / "portrait.png"


class OneConvolution(Network):
    """The smallest thing that keeps the contract; it exports in a second."""

    default_size: ClassVar[tuple[int, int]] = (96, 64)

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__(prior=prior)
        self.convolution = torch.nn.Conv2d(self.in_channels, 1, 3, padding=1)

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        return NetworkOutput(self.convolution(x))


@pytest.fixture
def small() -> Network:
    torch.manual_seed(0)
    return OneConvolution().eval()


@pytest.fixture
def small_with_prior() -> Network:
    torch.manual_seed(0)
    return OneConvolution(prior=True).eval()


@pytest.fixture
def spec() -> ModelSpec:
    return ModelSpec(name="small", height=96, width=64, licence="MIT")


@pytest.fixture
def photo() -> np.ndarray:
    picture = cv2.cvtColor(cv2.imread(str(PORTRAIT)), cv2.COLOR_BGR2RGB)
    return cv2.resize(picture, (64, 96), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
