"""The ways to put a model into 8-bit integers."""

from __future__ import annotations

from dataclasses import dataclass

from livematte.errors import UsageError
from livematte.quantization.calibration import CalibrationSet

__all__ = ["METHODS", "Quantisation"]

METHODS = {
    "weight-only": "weights are stored in integers and computed in floats: small, as exact as it "
    "gets, no pictures needed",
    "dynamic": "weights in integers, the range of features measured in every run",
    "static": "weights and features in integers, ranges measured beforehand on a folder of "
    "pictures",
    "learnt": "weights and features in integers, by the ranges that quantisation-aware training "
    "found: for its checkpoints alone",
}


@dataclass(frozen=True)
class Quantisation:
    """How to quantise.

    Making one raises :class:`UsageError` for an unknown method, and for ``static`` without
    pictures.

    Attributes:
        method: one of :data:`METHODS`.
        calibration: the pictures of ``static``.
    """

    method: str
    calibration: CalibrationSet | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(f"no method {self.method!r}: take one of {', '.join(METHODS)}")
        if self.method == "static" and self.calibration is None:
            raise UsageError(
                "static quantisation measures features on pictures: give a folder of them "
                "(--calibration FOLDER), or take --method weight-only"
            )
