"""Pixel values to light and back, by the sRGB curve (IEC 61966-2-1)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["to_display", "to_light"]

_STEPS = 4096


def to_light(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """sRGB uint8 to linear light, float32 in [0, 1], same shape."""
    values = np.arange(256) / 255
    curve = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return np.asarray(cv2.LUT(pixels, curve.astype(np.float32)), dtype=np.float32)


def to_display(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Linear light to sRGB uint8, same shape; above 1 it is white, below 0 black."""
    # By a table over the square root, which is near the curve: its steps are then even.
    steps = (np.arange(_STEPS) / (_STEPS - 1)) ** 2
    curve = np.where(steps <= 0.0031308, 12.92 * steps, 1.055 * steps ** (1 / 2.4) - 0.055)
    table = np.rint(curve * 255).astype(np.uint8)
    roots = np.sqrt(np.clip(light, 0, 1)) * np.float32(_STEPS - 1) + np.float32(0.5)
    return np.asarray(table[roots.astype(np.uint16)], dtype=np.uint8)
