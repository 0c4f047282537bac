"""Where the window's sliders lie, and what a place on them means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["STRIP", "Slider", "lay_out"]

STRIP = 72
"""Height of the strip below the picture, in pixels."""

_MARGIN = 16
_REACH = 14  # above and below a track
_TRACK = 34  # from the strip's top: there is a label above it


@dataclass(frozen=True)
class Slider:
    """A horizontal track from 0 on the left to 1 on the right.

    Attributes:
        name: of the slider.
        left, top: of its track, in pixels of the window.
        width: of its track.
    """

    name: str
    left: int
    top: int
    width: int

    def holds(self, x: int, y: int) -> bool:
        """Whether a click there is meant for it."""
        return (
            self.left - _MARGIN // 2 <= x <= self.left + self.width + _MARGIN // 2
            and abs(y - self.top) <= _REACH
        )

    def value(self, x: int) -> float:
        """What a place means, in [0, 1]."""
        return min(max((x - self.left) / self.width, 0.0), 1.0)

    def place(self, value: float) -> int:
        """Where a value is."""
        return self.left + round(value * self.width)


def lay_out(names: Sequence[str], width: int, height: int) -> tuple[Slider, ...]:
    """The sliders side by side in the strip at the bottom of a ``width`` × ``height`` window."""
    each = width // max(len(names), 1)
    return tuple(
        Slider(
            name,
            number * each + _MARGIN,
            height - STRIP + _TRACK,
            max(each - 2 * _MARGIN, 1),
        )
        for number, name in enumerate(names)
    )
