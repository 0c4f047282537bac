"""The background as a wide lens would show it: every bright point a disc."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects.blur import fill_in, room_weight
from livematte.effects.checks import check_frame, check_share, check_strength
from livematte.effects.light import to_display, to_light
from livematte.effects.shot import Shot
from livematte.refinement import work_size
from livematte.transforms import resize, shrink

__all__ = ["Bokeh", "bokeh_background"]

Floats = NDArray[np.float32]

_WORK_SIDE = 640
_MOST = 0.05  # of the longest side: a disc's radius at full strength
_CLIPPED = (0.8, 1.0)  # light of a pixel's brightest colour: the camera may have clipped it
_BOOST = 8.0  # how much brighter a clipped light is taken to have been


def bokeh_background(
    frame: NDArray[np.uint8],
    alpha: Floats,
    *,
    radius: float = 0.025,
    boost: float = _BOOST,
    opacity: Floats | None = None,
    work_side: int = _WORK_SIDE,
) -> NDArray[np.uint8]:
    """The background alone, each of its points spread to a disc, and continued behind the person.

    A lens spreads light, so the disc is averaged in linear light; and what the camera clipped to
    white was brighter, so it is lifted before and clipped after, or its disc would be grey. Pixels
    count by how much of them is background (normalised convolution, Knutsson and Westin, 1993), so
    nothing of the person comes in.

    Args:
        frame: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1]: whom to leave out.
        radius: of the discs, in [0, 1] parts of the longest side; 0 leaves the frame as it is.
        boost: how many times as bright a white pixel is taken to have been, 1 or more.
        opacity: H×W float32 in [0, 1], the frame's own alpha channel; None: opaque.
        work_side: longest side, at most, of the picture that is spread.

    Returns:
        H×W×3 uint8 RGB.

    Raises:
        UsageError: other shapes, types or ranges.
    """
    check_frame(frame)
    check_share(alpha, frame, "a matte")
    check_share(opacity, frame, "an opacity")
    check_strength(radius)
    if radius == 0:
        return frame.copy()
    height, width = alpha.shape
    rows, columns = work_size(height, width, work_side)
    weight = room_weight(alpha, opacity, rows, columns)
    if min(height // rows, width // columns) > 2:
        frame = shrink(frame, 2 * rows, 2 * columns)
    small = shrink(to_light(frame), rows, columns)
    brightest = small.max(axis=2, keepdims=True)
    clipped = np.clip((brightest - _CLIPPED[0]) / (_CLIPPED[1] - _CLIPPED[0]), 0, 1)
    small *= 1 + np.float32(boost - 1) * clipped**2
    pixels = max(radius * max(rows, columns), 0.3)
    disc = _disc(pixels)

    def spread(x: Floats) -> Floats:
        return np.asarray(cv2.filter2D(x, -1, disc, borderType=cv2.BORDER_REPLICATE), np.float32)

    spread_room = np.maximum(fill_in(small, weight, spread, pixels), 0)
    return resize(to_display(spread_room), height, width)


def _disc(radius: float) -> Floats:
    """A disc's antialiased kernel, of sum 1."""
    reach = math.ceil(radius)
    away = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1])
    disc = np.clip(radius + 0.5 - away, 0, 1)
    return np.asarray(disc / disc.sum(), dtype=np.float32)


class Bokeh:
    """The effect: the given background, or the room, seen through a wide lens."""

    def __init__(self, strength: float = 0.5) -> None:
        self._radius = _MOST * strength

    def __call__(self, shot: Shot) -> Shot:
        """Another background."""
        picture, alpha, opacity = shot.behind()
        # A disc has an edge, which a Gaussian has not: it needs more pixels.
        side = min(round(1.5 * shot.work_side), _WORK_SIDE)
        spread = bokeh_background(
            picture, alpha, radius=self._radius, opacity=opacity, work_side=side
        )
        return replace(shot, background=spread)
