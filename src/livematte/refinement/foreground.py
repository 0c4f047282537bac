"""The person's own colours at semi-transparent pixels.

A pixel of the picture is ``I = alpha·F + (1 - alpha)·B``; composed as it is over a new background
it carries the old one along as a halo. F is estimated by blur fusion (Forte, "Approximate Fast
Foreground Colour Estimation", 2021): local averages of F and B, each weighted by its share, then
F corrected by what the equation leaves over; once with a wide window, once with a narrow one. The
averages are smooth, so they are taken from a small picture; the correction is done at full size,
at the pixels that need it.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.refinement.scaling import work_size
from livematte.refinement.tiles import Tiles, tiles_with
from livematte.transforms import shrink

__all__ = ["Shorts", "edge_colours", "estimate_foreground", "in_128ths"]

Floats = NDArray[np.float32]
Shorts = NDArray[np.int16]

_WORK_SIDE = 640
_RADII = (30, 4)  # of the wide and the narrow window, at the work size
_TINY = np.float32(1e-5)


def estimate_foreground(
    image: NDArray[np.uint8], alpha: Floats, *, work_side: int = _WORK_SIDE
) -> NDArray[np.uint8]:
    """The colours of what ``alpha`` covers.

    Args:
        image: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
        work_side: longest side of the small picture.

    Returns:
        H×W×3 uint8 RGB: the picture where alpha is 1, estimates where it is between, and black
        where it is 0, so that nothing of the background is left.
    """
    shown = (alpha > 0).astype(np.uint8)
    result = np.asarray(cv2.bitwise_and(image, image, mask=shown), dtype=np.uint8)
    for tiles, colours, _ in edge_colours(image, alpha, work_side=work_side):
        # Where there is nothing of the person, there is no colour either.
        colours *= tiles.gather(shown)[..., None]
        tiles.scatter(colours, result)
    return result


def edge_colours(
    image: NDArray[np.uint8], alpha: Floats, *, work_side: int = _WORK_SIDE
) -> Iterator[tuple[Tiles, Shorts, Shorts]]:
    """What :func:`estimate_foreground` gives, in the squares alone where alpha is between 0 and 1.

    Yields:
        Lots of squares; their colours, N × height × width × 3 int16 RGB in [0, 255], which mean
        nothing where alpha is 0; and alpha :func:`in_128ths`.
    """
    edge = ((alpha > 0) & (alpha < 1)).view(np.uint8)
    if not edge.any():
        return
    height, width = alpha.shape
    rows, columns = work_size(height, width, work_side)
    small = shrink(image, rows, columns).astype(np.float32)
    share = _thrice(shrink(alpha, rows, columns))
    foreground, background = small, small
    for radius in _RADII:
        window = max(round(radius * work_side / _WORK_SIDE), 1)
        mean_f, background = _averages(foreground, background, share, window)
        foreground = _corrected(small, share, mean_f, background)
    front, back = _bytes(mean_f), _bytes(background)
    for tiles in tiles_with(edge, height, width).parts():
        shares = in_128ths(tiles.gather(alpha))
        layers = (tiles.sample(layer).astype(np.int16) for layer in (front, back))
        content = tiles.gather(image).astype(np.int16)
        yield tiles, _corrected_128(content, shares, *layers), shares


def in_128ths(share: Floats) -> Shorts:
    """N × height × width float32 in [0, 1] to ...×3 int16: products with colours fit in 16 bits."""
    flat = (share.reshape(-1, share.shape[-1]) * 128 + np.float32(0.5)).astype(np.int16)
    return np.asarray(cv2.merge((flat, flat, flat)), np.int16).reshape(*share.shape, 3)


def _thrice(plane: Floats) -> Floats:
    """h×w×3 copies of one plane: arithmetic on whole pixels is then over memory in its order."""
    return np.asarray(cv2.merge((plane, plane, plane)), np.float32)


def _averages(
    foreground: Floats, background: Floats, share: Floats, radius: int
) -> tuple[Floats, Floats]:
    """Local means of both layers, each pixel counting by its share of the layer."""

    def mean(layer: Floats, part: Floats) -> Floats:
        size = (2 * radius + 1, 2 * radius + 1)
        total = cv2.blur(layer * part, size, borderType=cv2.BORDER_REPLICATE)
        norm = cv2.blur(part, size, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(total / (norm + _TINY), dtype=np.float32)

    return mean(foreground, share), mean(background, 1 - share)


def _corrected(
    image: NDArray[np.generic], share: Floats, foreground: Floats, background: Floats
) -> Floats:
    """The mean foreground plus the share of what the compositing equation leaves over."""
    left_over = foreground - background
    left_over *= share
    left_over += background
    np.subtract(image, left_over, out=left_over)
    left_over *= share
    left_over += foreground
    return np.clip(left_over, 0, 255, out=left_over)


def _corrected_128(image: Shorts, share: Shorts, foreground: Shorts, background: Shorts) -> Shorts:
    """:func:`_corrected` of a share in 128ths, in half the memory: off by one at most."""
    left_over = foreground - background
    left_over *= share
    left_over >>= 7
    left_over += background
    np.subtract(image, left_over, out=left_over)
    left_over *= share
    left_over >>= 7
    left_over += foreground
    return np.clip(left_over, 0, 255, out=left_over)


def _bytes(x: Floats) -> NDArray[np.uint8]:
    return (x + np.float32(0.5)).astype(np.uint8)
