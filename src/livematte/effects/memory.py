"""What an effect has measured, kept steady over a film."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from livematte.effects.shot import Shot

__all__ = ["Steady"]

_SECONDS = 0.5


class Steady:
    """An exponential mean over time; what was measured ``seconds`` ago counts 1/e as much.

    Without it a colour that is measured anew in every frame flickers with the matte.
    """

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._mean: NDArray[np.float64] | None = None
        self._time = 0.0

    def __call__(self, value: NDArray[np.float64], shot: Shot) -> NDArray[np.float64]:
        """The mean with ``value`` (any shape) taken in; ``value`` itself after a cut."""
        if self._mean is None or shot.cut or self._mean.shape != value.shape:
            self._mean = value
        else:
            elapsed = max(shot.time - self._time, 0.0)
            share = -math.expm1(-elapsed / self._seconds)
            self._mean = self._mean + share * (value - self._mean)
        self._time = shot.time
        return self._mean
