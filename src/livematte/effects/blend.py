"""Lay a person over something else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livematte.refinement import estimate_foreground
from livematte.transforms import resize

__all__ = ["blend", "cover", "cut_out"]

Floats = NDArray[np.float32]

_STRIP = 256  # rows done at a time, to bound the memory


def blend(
    frame: NDArray[np.uint8],
    alpha: Floats,
    background: NDArray[np.uint8] | tuple[int, int, int],
) -> NDArray[np.uint8]:
    """``alpha·F + (1 - alpha)·background``, with F the estimated foreground colours: no halo.

    Args:
        frame: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
        background: H×W×3 uint8 RGB, or one colour.

    Returns:
        H×W×3 uint8 RGB.
    """
    foreground = estimate_foreground(frame, alpha)
    behind = np.broadcast_to(np.asarray(background, dtype=np.uint8), frame.shape)
    result = np.empty_like(foreground)
    for top in range(0, frame.shape[0], _STRIP):
        rows = slice(top, top + _STRIP)
        back = behind[rows].astype(np.float32)
        mixed = back + alpha[rows][..., None] * (foreground[rows] - back)
        result[rows] = np.rint(mixed).astype(np.uint8)
    return result


def cut_out(frame: NDArray[np.uint8], alpha: Floats) -> NDArray[np.uint8]:
    """The person alone: H×W×4 uint8 RGBA, straight alpha, black where fully transparent.

    Args:
        frame: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
    """
    opacity = np.rint(alpha * 255).astype(np.uint8)
    # From the rounded alpha: what rounds to transparent holds no colour either.
    colours = estimate_foreground(frame, opacity.astype(np.float32) / np.float32(255))
    return np.dstack([colours, opacity])


def cover(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Scale a picture to cover ``height`` × ``width`` and cut off evenly what stands over.

    Args:
        picture: h×w×3 uint8 RGB.

    Returns:
        ``height`` × ``width`` × 3 uint8 RGB.
    """
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
    return resize(picture, height, width)
