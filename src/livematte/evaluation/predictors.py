"""What can be evaluated: anything that turns an image into a matte of its size."""

from __future__ import annotations

import time
from typing import Protocol

from livematte.data.sample import FloatMatte, RgbImage
from livematte.engines import Engine
from livematte.refinement import refine_matte
from livematte.spec import ModelSpec
from livematte.transforms import crop_matte, fit_image, lift_matte, shaped

__all__ = ["EnginePredictor", "Predictor"]


class Predictor(Protocol):
    """An image in, a matte out.

    Attributes:
        name: for the report.
        spec: the model's spec.
        refined: whether the matte goes through edge-aware refinement.
        engine: what runs the network.
        device: where it truly runs.
        threads: the engine's threads; None when the engine chooses.
        run_seconds: how long the network alone took in the last call.
    """

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def refined(self) -> bool: ...

    @property
    def engine(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def threads(self) -> int | None: ...

    @property
    def run_seconds(self) -> float: ...

    def predict(self, image: RgbImage) -> FloatMatte:
        """H×W×3 uint8 RGB to H×W float32 in [0, 1].

        A video model takes its last matte as the prior until :meth:`reset`.
        """
        ...

    def reset(self) -> None:
        """Forget the last image: the next one does not follow it."""
        ...


class EnginePredictor:
    """Runs an engine; its matte is resized bilinearly to the image, or refined along its edges."""

    def __init__(self, engine: Engine, *, refine: bool = False) -> None:
        self.name = engine.spec.name
        self.spec = engine.spec
        self.refined = refine
        self.engine = engine.name
        self.device = engine.device
        self.threads = engine.threads
        self.run_seconds = 0.0
        self._engine = engine
        self._last: FloatMatte | None = None

    def predict(self, image: RgbImage) -> FloatMatte:
        """See :meth:`Predictor.predict`."""
        height, width = image.shape[:2]
        spec = shaped(height, width, self.spec)
        fitted = fit_image(image, spec)
        if self._last is not None and self._last.shape != fitted.shape[:2]:
            self.reset()
        started = time.perf_counter()
        matte = self._engine.run(fitted, self._last)
        self.run_seconds = time.perf_counter() - started
        if self.spec.prior:
            self._last = matte
        if not self.refined:
            return lift_matte(matte, height, width, spec)
        return refine_matte(crop_matte(matte, height, width, spec), image)

    def reset(self) -> None:
        """See :meth:`Predictor.reset`."""
        self._last = None
