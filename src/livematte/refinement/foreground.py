"""The person's own colours at semi-transparent pixels.

A pixel of the picture is ``I = alpha·F + (1 - alpha)·B``; composed as it is over a new background
it carries the old one along as a halo. F is estimated by blur fusion (Forte, "Approximate Fast
Foreground Colour Estimation", 2021): local averages of F and B, each weighted by its share, then
F corrected by what the equation leaves over; once with a wide window, once with a narrow one. The
averages are smooth, so they are taken from a small picture; the correction is done at full size,
at the pixels that need it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.refinement.scaling import work_size
from livematte.transforms import resize

__all__ = ["estimate_foreground"]

Floats = NDArray[np.float32]

_WORK_SIDE = 640
_RADII = (30, 4)  # of the wide and the narrow window, at the work size
_STRIP = 256  # rows done at a time at full size, to bound the memory
_TINY = np.float32(1e-5)


def estimate_foreground(image: NDArray[np.uint8], alpha: Floats) -> NDArray[np.uint8]:
    """The colours of what ``alpha`` covers.

    Args:
        image: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].

    Returns:
        H×W×3 uint8 RGB: the picture where alpha is 1, estimates where it is between, and black
        where it is 0, so that nothing of the background is left.
    """
    shown = alpha > 0
    black_outside = cv2.bitwise_and(image, image, mask=shown.astype(np.uint8))
    result = np.asarray(black_outside, dtype=np.uint8)
    edge = shown & (alpha < 1)
    if not edge.any():
        return result
    height, width = alpha.shape
    rows, columns = work_size(height, width, _WORK_SIDE)
    small = resize(image, rows, columns).astype(np.float32)
    share = resize(alpha, rows, columns)[..., None]
    foreground, background = small, small
    for radius in _RADII:
        mean_f, background = _averages(foreground, background, share, radius)
        foreground = _corrected(small, share, mean_f, background)
    front, back = (resize(_bytes(layer), height, width) for layer in (mean_f, background))
    for top in range(0, height, _STRIP):
        strip = slice(top, top + _STRIP)
        at = edge[strip]
        layers = (front[strip][at].astype(np.float32), back[strip][at].astype(np.float32))
        colours = _corrected(image[strip][at], alpha[strip][at][:, None], *layers)
        result[strip][at] = _bytes(colours)
    return result


def _averages(
    foreground: Floats, background: Floats, share: Floats, radius: int
) -> tuple[Floats, Floats]:
    """Local means of both layers, each pixel counting by its share of the layer."""

    def mean(layer: Floats, part: Floats) -> Floats:
        size = (2 * radius + 1, 2 * radius + 1)
        total = cv2.blur(layer * part, size, borderType=cv2.BORDER_REPLICATE)
        norm = cv2.blur(part, size, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(total / (norm[..., None] + _TINY), dtype=np.float32)

    return mean(foreground, share), mean(background, 1 - share)


def _corrected(
    image: NDArray[np.generic], share: Floats, foreground: Floats, background: Floats
) -> Floats:
    """The mean foreground plus the share of what the compositing equation leaves over."""
    left_over = image.astype(np.float32) - share * foreground - (1 - share) * background
    return np.asarray(np.clip(foreground + share * left_over, 0, 255), dtype=np.float32)


def _bytes(x: Floats) -> NDArray[np.uint8]:
    return (x + np.float32(0.5)).astype(np.uint8)
