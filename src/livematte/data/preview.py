"""A contact sheet of training pictures with their mattes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.sample import BoolMask, FloatMatte, RgbImage

__all__ = ["contact_sheet"]

_GAP = 6
_PAPER = 245
_IGNORED = np.array([255, 90, 60], np.float32)


def contact_sheet(
    images: Sequence[RgbImage],
    alphas: Sequence[FloatMatte],
    *,
    ignore: Sequence[BoolMask | None] | None = None,
    priors: Sequence[FloatMatte] | None = None,
    columns: int = 6,
) -> RgbImage:
    """Lay pictures out in a grid, each with its matte below it, and its prior below that.

    Pixels to ignore are orange in the matte.

    Args:
        images: N pictures of one size, H×W×3 uint8 RGB.
        alphas: N mattes, H×W float32 in [0, 1].
        ignore: N masks of pixels that no loss counts, or None for none.
        priors: N prior masks, H×W float32 in [0, 1]; None leaves the row out.
        columns: pictures in a row.

    Returns:
        The sheet, uint8 RGB.
    """
    cells = []
    for i, (image, alpha) in enumerate(zip(images, alphas, strict=True)):
        matte = _grey(alpha)
        void = None if ignore is None else ignore[i]
        if void is not None:
            matte[void] = (0.3 * matte[void] + 0.7 * _IGNORED).astype(np.uint8)
        parts = [image, matte] + ([] if priors is None else [_grey(priors[i])])
        cells.append(_padded(np.vstack(parts)))
    blank = np.full_like(cells[0], _PAPER)
    columns = min(columns, len(cells))
    cells += [blank] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    return np.vstack(rows)


def _grey(alpha: FloatMatte) -> NDArray[np.uint8]:
    values = np.clip(np.rint(alpha * 255), 0, 255).astype(np.uint8)
    return np.repeat(values[..., None], 3, axis=2)


def _padded(cell: NDArray[np.uint8]) -> NDArray[np.uint8]:
    border = cv2.copyMakeBorder(
        cell, _GAP, _GAP, _GAP, _GAP, cv2.BORDER_CONSTANT, value=(_PAPER, _PAPER, _PAPER)
    )
    return np.asarray(border, np.uint8)
