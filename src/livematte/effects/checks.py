"""What every effect asks of its arguments."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from livematte.errors import UsageError

__all__ = ["check_frame", "check_share", "check_strength"]


def check_frame(frame: NDArray[np.uint8], what: str = "a frame") -> None:
    """Raise :class:`UsageError` unless ``frame`` is H×W×3 uint8 with pixels in it."""
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or frame.size == 0:
        raise UsageError(f"{what} is H×W×3 uint8 RGB, not {frame.dtype} of shape {frame.shape}")


def check_share(share: NDArray[np.float32] | None, frame: NDArray[np.uint8], what: str) -> None:
    """Raise :class:`UsageError` unless ``share`` is None or H×W float32 in [0, 1], as ``frame``."""
    if share is None:
        return
    if share.shape != frame.shape[:2] or share.dtype != np.float32:
        raise UsageError(
            f"{what} is float32 of the frame's shape {frame.shape[:2]}, "
            f"not {share.dtype} of shape {share.shape}"
        )
    if not (share.min() >= 0 and share.max() <= 1):  # NaN fails both
        raise UsageError(f"{what} lies in [0, 1], not in [{share.min()}, {share.max()}]")


def check_strength(strength: float) -> None:
    """Raise :class:`UsageError` unless a blur's ``strength`` lies in [0, 1]."""
    if not (math.isfinite(strength) and 0 <= strength <= 1):
        raise UsageError(f"a blur's strength lies in [0, 1], not {strength}")
