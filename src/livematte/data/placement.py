"""Where a cut-out person may stand in a new picture.

A person whom the source's frame cuts off must be cut off by the new frame too, on the same side:
a trunk that ends in mid-air gives every composite away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livematte.data.sample import FloatMatte

__all__ = ["Box", "Placement", "person_box", "place"]

_SOLID = 0.5
_MARGIN = 1.5  # pixels that a cut side lies outside, so that resampling shows no seam
_CUT_SHARE = 0.03
_PORTRAIT = (0.45, 1.0)
_STANDING = (0.7, 1.0)
_LEAST_SHARE = 0.4
_CLOSE_UPS = 0.75
_CLOSE_UP = (1.3, 2.2)


@dataclass(frozen=True)
class Box:
    """A person's place in the source picture.

    Attributes:
        top, bottom, left, right: rows and columns; bottom and right are exclusive.
        cut: the sides on which the source's frame cuts the person off.
    """

    top: int
    bottom: int
    left: int
    right: int
    cut: frozenset[str]

    @property
    def height(self) -> int:
        """Rows from head to the lowest pixel."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns from the leftmost to the rightmost pixel."""
        return self.right - self.left


@dataclass(frozen=True)
class Placement:
    """Source pixel (x, y), mirrored before if ``mirror``, goes to scale·(x, y) + (left, top)."""

    scale: float
    left: float
    top: float
    mirror: bool


def person_box(alpha: FloatMatte) -> Box | None:
    """The person's box and the sides that cut it; None when nobody is there.

    A side cuts when the person fills more than 3 % of it.
    """
    solid = alpha > _SOLID
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        return None
    borders = {
        "top": solid[0],
        "bottom": solid[-1],
        "left": solid[:, 0],
        "right": solid[:, -1],
    }
    cut = frozenset(side for side, line in borders.items() if line.mean() > _CUT_SHARE)
    return Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1, cut)


def place(
    box: Box,
    source: tuple[int, int],
    canvas: tuple[int, int],
    rng: np.random.Generator,
    *,
    breadth: float | None = None,
    lane: tuple[float, float] = (0.0, 1.0),
) -> Placement:
    """Draw a plausible place.

    Args:
        box: the person in the source.
        source: height and width of the source.
        canvas: height and width of the new picture.
        rng: the source of chance.
        breadth: the person's width as a share of the canvas; None draws a height instead. People
            who share a picture get about the same breadth, so that they stand equally far away.
        lane: the part of the canvas's width in which the person's middle shall lie.
    """
    mirror = bool(rng.random() < 0.5)
    left = source[1] - box.right if mirror else box.left
    swap = {"left": "right", "right": "left"} if mirror else {}
    cut = {swap.get(side, side) for side in box.cut}

    if breadth is None:
        scale = _share(box, rng) * canvas[0] / box.height
    else:
        scale = max(breadth * canvas[1] / box.width, _LEAST_SHARE * canvas[0] / box.height)
    if {"left", "right"} <= cut:  # only a person as wide as the frame hides both ends
        scale = max(scale, (canvas[1] + 2 * _MARGIN) / box.width)
    if {"top", "bottom"} <= cut:
        scale = max(scale, (canvas[0] + 2 * _MARGIN) / box.height)
    height, width = box.height * scale, box.width * scale

    x = _across(cut, width, canvas[1], lane, rng)
    y = _down(cut, height, canvas[0], rng)
    return Placement(scale, x - left * scale, y - box.top * scale, mirror)


def _share(box: Box, rng: np.random.Generator) -> float:
    """Height of the person as a share of the canvas."""
    tall = box.height > 2.2 * box.width
    if tall and rng.random() < _CLOSE_UPS:
        return float(rng.uniform(*_CLOSE_UP))
    return float(rng.uniform(*(_STANDING if tall else _PORTRAIT)))


def _across(
    cut: set[str], width: float, canvas: int, lane: tuple[float, float], rng: np.random.Generator
) -> float:
    """Left edge of the person on the canvas."""
    if {"left", "right"} <= cut:
        return float(rng.uniform(min(canvas - width + _MARGIN, -_MARGIN), -_MARGIN))
    hidden = float(rng.uniform(0, 0.15)) * width + _MARGIN
    if "left" in cut:
        return -hidden
    if "right" in cut:
        return canvas - width + hidden
    # Mostly whole, now and then cut by the frame's side; the middle is likelier than the rim.
    aside = float(rng.uniform(-1, 1)) * float(rng.uniform(0, 0.9))
    return canvas * ((lane[0] + lane[1]) / 2 + aside * (lane[1] - lane[0]) / 2) - width / 2


def _down(cut: set[str], height: float, canvas: int, rng: np.random.Generator) -> float:
    """Top edge of the person on the canvas."""
    lowest = canvas - height + _MARGIN
    if "top" in cut:  # not much higher up, or no face is left
        above = -_MARGIN - float(rng.uniform(0, 0.08)) * height
        return max(above, min(lowest, -_MARGIN)) if "bottom" in cut else above
    if "bottom" in cut or height > canvas:
        # The lower end lies at or below the frame; the head keeps some room above it.
        return max(lowest, float(rng.uniform(0.02, 0.25)) * canvas)
    return canvas * float(rng.uniform(0.92, 1.05)) - height
