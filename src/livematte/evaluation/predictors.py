"""What can be evaluated: anything that turns an image into a matte of its size."""

from __future__ import annotations

from typing import Protocol

from livematte.data.sample import FloatMatte, RgbImage
from livematte.spec import ModelSpec

__all__ = ["Predictor"]


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
