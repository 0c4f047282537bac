"""Lay a person over something else."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects.checks import check_frame, check_share
from livematte.errors import UsageError
from livematte.refinement import estimate_foreground, thrice, tiles_with
from livematte.transforms import resize, shrink

__all__ = ["blend", "cover", "cut_out"]

Floats = NDArray[np.float32]


def blend(
    frame: NDArray[np.uint8],
    alpha: Floats,
    background: NDArray[np.uint8] | tuple[int, int, int],
    *,
    opacity: Floats | None = None,
    work_side: int = 640,
) -> NDArray[np.uint8]:
    """``s·F + (1 - s)·background``, ``s = alpha·opacity``, F the estimated foreground: no halo.

    Args:
        frame: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
        background: H×W×3 uint8 RGB, or one colour.
        opacity: H×W float32 in [0, 1], the frame's own alpha channel. Its colours are straight
            (nothing is mixed into them), so it takes no part in the estimate. None: opaque.
        work_side: as for :func:`livematte.refinement.estimate_foreground`.

    Returns:
        H×W×3 uint8 RGB.

    Raises:
        UsageError: other shapes, types or ranges.
    """
    check_frame(frame)
    check_share(alpha, frame, "a matte")
    check_share(opacity, frame, "an opacity")
    behind = _behind(background, frame)
    foreground = estimate_foreground(frame, alpha, work_side=work_side)
    share = alpha if opacity is None else alpha * opacity
    result = behind.copy()
    whole = share >= 1
    cv2.copyTo(foreground, whole.astype(np.uint8), result)
    mixed = ((share > 0) & ~whole).astype(np.uint8)
    for tiles in tiles_with(mixed, *share.shape).parts():
        back = tiles.gather(behind).astype(np.float32)
        over = tiles.gather(foreground) - back
        over *= thrice(tiles.gather(share))
        over += back + np.float32(0.5)
        tiles.scatter(over.astype(np.uint8), result)
    return result


def _behind(
    background: NDArray[np.uint8] | tuple[int, int, int], frame: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The background as H×W×3."""
    if isinstance(background, tuple):
        if len(background) != 3 or not all(0 <= part <= 255 for part in background):
            raise UsageError(f"a colour is three numbers in [0, 255], not {background}")
        return np.broadcast_to(np.array(background, dtype=np.uint8), frame.shape)
    check_frame(background, "a background")
    if background.shape != frame.shape:
        raise UsageError(
            f"a background of shape {background.shape} does not fit a frame of {frame.shape}: "
            "bring it to size with livematte.effects.cover"
        )
    return background


def cut_out(
    frame: NDArray[np.uint8],
    alpha: Floats,
    *,
    opacity: Floats | None = None,
    work_side: int = 640,
) -> NDArray[np.uint8]:
    """The person alone: H×W×4 uint8 RGBA, straight alpha, black where fully transparent.

    Args:
        frame: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
        opacity: as for :func:`blend`; multiplied into the result's alpha.
        work_side: as for :func:`blend`.

    Raises:
        UsageError: other shapes, types or ranges.
    """
    check_frame(frame)
    check_share(alpha, frame, "a matte")
    check_share(opacity, frame, "an opacity")
    share = np.rint(alpha * 255).astype(np.uint8)
    # From the rounded alpha: what rounds to transparent holds no colour either.
    rounded = share.astype(np.float32) / np.float32(255)
    colours = estimate_foreground(frame, rounded, work_side=work_side)
    if opacity is not None:
        share = np.rint(alpha * opacity * 255).astype(np.uint8)
        colours[share == 0] = 0
    return np.dstack([colours, share])


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
    check_frame(picture, "a picture")
    if min(height, width) < 1:
        raise UsageError(f"nothing covers {height}×{width} pixels: take 1 or more")
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
