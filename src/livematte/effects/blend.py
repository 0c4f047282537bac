"""Lay a person over something else."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects.checks import check_frame, check_share
from livematte.errors import UsageError
from livematte.refinement import Tiles, edge_colours, estimate_foreground, in_128ths, tiles_with

__all__ = ["as_background", "blend", "cut_out", "lay_over", "lay_person_over", "on_nothing"]

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
    behind = as_background(background, frame)
    if opacity is None:
        return lay_person_over(frame, alpha, behind, work_side=work_side)
    foreground = estimate_foreground(frame, alpha, work_side=work_side)
    return lay_over(foreground, alpha * opacity, behind)


def lay_person_over(
    frame: NDArray[np.uint8], alpha: Floats, background: NDArray[np.uint8], *, work_side: int
) -> NDArray[np.uint8]:
    """:func:`lay_over` of the foreground that is estimated from a frame, in one pass over it.

    Arguments as for :func:`blend`, checked by the caller; a background of the frame's shape.
    """
    result = background.copy()
    cv2.copyTo(frame, (alpha >= 1).view(np.uint8), result)
    for tiles, colours, shares in edge_colours(frame, alpha, work_side=work_side):
        _mix(tiles, colours, shares, background, result)
    return result


def lay_over(
    foreground: NDArray[np.uint8], share: Floats, background: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """``share·foreground + (1 - share)·background``, arithmetic done only where it is mixed.

    Args:
        foreground, background: H×W×3 uint8 RGB.
        share: H×W float32 in [0, 1].

    Returns:
        H×W×3 uint8 RGB.
    """
    result = background.copy()
    whole = share >= 1
    cv2.copyTo(foreground, whole.astype(np.uint8), result)
    mixed = ((share > 0) & ~whole).astype(np.uint8)
    for tiles in tiles_with(mixed, *share.shape).parts():
        colours = tiles.gather(foreground).astype(np.int16)
        _mix(tiles, colours, in_128ths(tiles.gather(share)), background, result)
    return result


def _mix(
    tiles: Tiles,
    colours: NDArray[np.int16],
    shares: NDArray[np.int16],
    background: NDArray[np.uint8],
    result: NDArray[np.uint8],
) -> None:
    """Write ``share·colours + (1 - share)·background`` into the squares of ``result``."""
    back = tiles.gather(background).astype(np.int16)
    over = colours - back
    over *= shares
    over += 64
    over >>= 7
    over += back
    tiles.scatter(over.astype(np.uint8), result)


def as_background(
    background: NDArray[np.uint8] | tuple[int, int, int], frame: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """A picture or one colour as a picture of the frame's size, H×W×3 uint8 RGB.

    Raises:
        UsageError: a picture of another shape or type, or no colour.
    """
    if isinstance(background, tuple):
        if len(background) != 3 or not all(0 <= part <= 255 for part in background):
            raise UsageError(f"a colour is three numbers in [0, 255], not {background}")
        row = np.tile(np.array(background, dtype=np.uint8), (frame.shape[1], 1))
        return np.broadcast_to(row, frame.shape)  # whole rows: copied in long runs
    check_frame(background, "a background")
    if background.shape != frame.shape:
        raise UsageError(
            f"a background of shape {background.shape} does not fit a frame of {frame.shape}: "
            "bring it to size with livematte.effects.fit_picture"
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
    # From the rounded alpha: what rounds to transparent takes no part either.
    rounded = np.rint(alpha * 255).astype(np.float32) / np.float32(255)
    colours = estimate_foreground(frame, rounded, work_side=work_side)
    return on_nothing(colours, alpha if opacity is None else alpha * opacity)


def on_nothing(foreground: NDArray[np.uint8], share: Floats) -> NDArray[np.uint8]:
    """Colours (H×W×3 uint8 RGB) and a share (H×W float32 in [0, 1]) as H×W×4 RGBA, straight alpha.

    Black where it rounds to fully transparent.
    """
    rounded = np.rint(share * 255).astype(np.uint8)
    shown = cv2.bitwise_and(foreground, foreground, mask=rounded)
    return np.dstack([shown, rounded])
