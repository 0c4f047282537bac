"""Bring a picture to the size of the frame that it goes behind."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from livematte.effects.checks import check_frame
from livematte.errors import UsageError
from livematte.transforms import resize, shrink

__all__ = ["FITS", "Fit", "cover", "fit_picture"]

Fit = Literal["fill", "fit", "stretch"]
FITS: tuple[Fit, ...] = get_args(Fit)


def fit_picture(
    picture: NDArray[np.uint8], height: int, width: int, how: Fit = "fill", *, quick: bool = False
) -> NDArray[np.uint8]:
    """A picture at ``height`` × ``width``.

    Args:
        picture: h×w×3 uint8 RGB.
        how: ``fill``: scaled to cover all, and what stands over is cut off evenly; ``fit``: scaled
            to be seen whole, between black bars; ``stretch``: its proportions are changed.
        quick: for video: see :func:`livematte.transforms.shrink`.

    Returns:
        ``height`` × ``width`` × 3 uint8 RGB.

    Raises:
        UsageError: another shape or type, a size below 1, or another way of fitting.
    """
    if how not in FITS:
        raise UsageError(f"a background is fitted by {', '.join(FITS)}, not by {how}")
    if how == "fill":
        return cover(picture, height, width, quick=quick)
    _check(picture, height, width)
    scale = min(height / picture.shape[0], width / picture.shape[1])
    rows, columns = height, width
    if how == "fit":
        rows = min(max(round(picture.shape[0] * scale), 1), height)
        columns = min(max(round(picture.shape[1] * scale), 1), width)
    scaled = (shrink if quick else resize)(picture, rows, columns)
    if (rows, columns) == (height, width):
        return scaled
    framed = np.zeros((height, width, 3), np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    framed[top : top + rows, left : left + columns] = scaled
    return framed


def cover(
    picture: NDArray[np.uint8], height: int, width: int, *, quick: bool = False
) -> NDArray[np.uint8]:
    """Scale a picture to cover ``height`` × ``width`` and cut off evenly what stands over.

    Args:
        picture: h×w×3 uint8 RGB.
        quick: for video: see :func:`livematte.transforms.shrink`.

    Returns:
        ``height`` × ``width`` × 3 uint8 RGB.

    Raises:
        UsageError: another shape or type, or a size below 1.
    """
    _check(picture, height, width)
    rows, columns = picture.shape[:2]
    # Cut before scaling: a small part of a long picture must not become gigantic first.
    if rows * width > columns * height:
        kept = min(max(round(columns * height / width), 1), rows)
        top = (rows - kept) // 2
        picture = picture[top : top + kept]
    else:
        kept = min(max(round(rows * width / height), 1), columns)
        left = (columns - kept) // 2
        picture = picture[:, left : left + kept]
    return shrink(picture, height, width) if quick else resize(picture, height, width)


def _check(picture: NDArray[np.uint8], height: int, width: int) -> None:
    check_frame(picture, "a picture")
    if min(height, width) < 1:
        raise UsageError(f"nothing is fitted to {height}×{width} pixels: take 1 or more")
