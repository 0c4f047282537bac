"""Blur what lies behind a person, without smearing the person into it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects.blend import blend
from livematte.transforms import resize

__all__ = ["blur_background", "blurred_background"]

Floats = NDArray[np.float32]

_WORK_SIDE = 640
_MARGIN = 0.006  # kept away from the person, in parts of the longest side
_TINY = np.float32(1e-4)


def blur_background(
    frame: NDArray[np.uint8], alpha: Floats, *, strength: float = 0.02
) -> NDArray[np.uint8]:
    """The person sharp, the rest out of focus.

    Args:
        frame: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
        strength: standard deviation of the blur, in parts of the longest side.

    Returns:
        H×W×3 uint8 RGB.
    """
    return blend(frame, alpha, blurred_background(frame, alpha, strength=strength))


def blurred_background(
    frame: NDArray[np.uint8], alpha: Floats, *, strength: float = 0.02
) -> NDArray[np.uint8]:
    """The background alone, blurred, and continued behind the person.

    Normalised convolution (Knutsson and Westin, 1993): pixels count by how much of them is
    background, so nothing of the person comes in; what no background reaches is filled by ever
    wider blurs.

    Args, Returns: as :func:`blur_background`.
    """
    height, width = alpha.shape
    # A blur needs no more pixels than a few per standard deviation.
    side = min(_WORK_SIDE, max(round(8 / strength), 64))
    scale = min(1.0, side / max(height, width))
    rows, columns = max(round(height * scale), 1), max(round(width * scale), 1)
    longest = max(rows, columns)
    margin = max(round(_MARGIN * longest), 1)
    person = cv2.dilate(resize(alpha, rows, columns), np.ones((2 * margin + 1,) * 2, np.uint8))
    # Half a person already counts as one: it would show again as a ghost.
    weight = np.asarray(np.clip(1 - 2 * person, 0, 1), dtype=np.float32)[..., None]
    small = resize(frame, rows, columns).astype(np.float32)
    sigma = max(strength * longest, 0.3)
    layers = []
    while True:
        layers.append((_blurred(small * weight, sigma), _blurred(weight, sigma)[..., None]))
        if sigma > longest or layers[-1][1].min() > 0.05:
            break
        sigma *= 2
    filled = np.full_like(small, small.mean(axis=(0, 1)))
    for total, norm in reversed(layers):
        # A layer decides where it has seen enough background, and fades out where it has not.
        trust = np.minimum(norm / np.float32(0.05), 1)
        filled += trust * (total / (norm + _TINY) - filled)
    blurred = np.clip(filled + np.float32(0.5), 0, 255).astype(np.uint8)
    return resize(blurred, height, width)


def _blurred(x: Floats, sigma: float) -> Floats:
    blurred = cv2.GaussianBlur(x, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32)
