"""How different two colours look: CIEDE2000.

Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes, Supplementary
Test Data, and Mathematical Observations", 2005.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["ciede2000", "to_lab"]

Floats = NDArray[np.float64]

_FAR = 25.0**7


def to_lab(pixels: NDArray[np.uint8]) -> Floats:
    """sRGB (H×W×3 uint8) to CIE Lab under D65: H×W×3, L in [0, 100]."""
    scaled = pixels.astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), dtype=np.float64)


def ciede2000(first: Floats, second: Floats) -> Floats:
    """Colour difference between Lab colours, with all weights 1.

    Args:
        first, second: …×3, L in [0, 100].

    Returns:
        …, 0 where they are alike; about 1 is just noticeable.
    """
    lightness, b = (np.stack([x[..., i] for x in (first, second)]) for i in (0, 2))
    plain = np.stack([first[..., 1], second[..., 1]])
    mean = np.hypot(plain, b).mean(axis=0)
    a = plain * (1 + 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + _FAR))))
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    grey = chroma.prod(axis=0) == 0
    turn = np.where(grey, 0, (hue[1] - hue[0] + 180) % 360 - 180)
    # Opposite hues: the paper turns by +180.
    turn = np.where((turn == -180) & (hue[1] > hue[0]), 180, turn)
    middle = _middle_hue(hue, grey)
    light, colour = lightness.mean(axis=0), chroma.mean(axis=0)
    cosines = [np.cos(np.radians(n * middle - at)) for n, at in ((1, 30), (2, 0), (3, -6), (4, 63))]
    t = 1 - 0.17 * cosines[0] + 0.24 * cosines[1] + 0.32 * cosines[2] - 0.2 * cosines[3]
    away = (light - 50) ** 2
    d_light = (lightness[1] - lightness[0]) / (1 + 0.015 * away / np.sqrt(20 + away))
    d_chroma = (chroma[1] - chroma[0]) / (1 + 0.045 * colour)
    d_hue = 2 * np.sqrt(chroma.prod(axis=0)) * np.sin(np.radians(turn / 2))
    d_hue = d_hue / (1 + 0.015 * colour * t)
    blue = np.radians(60 * np.exp(-(((middle - 275) / 25) ** 2)))
    rotation = -2 * np.sqrt(colour**7 / (colour**7 + _FAR)) * np.sin(blue)
    squared = d_light**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue
    return np.asarray(np.sqrt(np.maximum(squared, 0)), dtype=np.float64)


def _middle_hue(hue: Floats, grey: NDArray[np.bool_]) -> Floats:
    """Mean of two angles in degrees, the short way round; of a grey and a colour, the colour's."""
    total, apart = hue.sum(axis=0), np.abs(hue[0] - hue[1])
    short = np.where(
        apart <= 180, total / 2, np.where(total < 360, total / 2 + 180, total / 2 - 180)
    )
    return np.asarray(np.where(grey, total, short), dtype=np.float64)
