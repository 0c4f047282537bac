"""Look at the part of a picture where the person is, so that a small one fills a model's input.

The part is told by the last matte, no second network is needed. It is left in place as long as the
person keeps well inside (a part that trembles would make the matte tremble), and moves smoothly
when it must.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.refinement.cleanup import without_specks
from livematte.refinement.flow import Matrix, shifted
from livematte.spec import ModelSpec
from livematte.transforms import place

__all__ = ["Box", "Region", "View", "person_box", "reseen", "view_around"]

Floats = NDArray[np.float32]

_MARGIN = 0.25  # around the person, in parts of their box
_CLOSE = 0.14  # the least margin before the view follows
_LOOSE = 2.0  # times the area that it needs: then a view draws together
_WHOLE = 0.5  # of the frame: a view that needs more is the whole
_ENTER = 0.4  # of the frame: the whole gives way to a view that needs less
_SHARE = 0.4  # of its way that a view moves per frame
_LEAST = 0.5  # of the model's input: no smaller part is enlarged
_TINY = 0.0005  # of the view: too little to be followed
_SECOND = 0.2  # of the followed person's area: who else must be in view
_EVERY = 30  # frames between two looks at the whole


@dataclass(frozen=True)
class Box:
    """A rectangle in a frame, in pixels from its upper left corner; ends exclusive."""

    top: float
    left: float
    bottom: float
    right: float

    def with_(self, other: Box) -> Box:
        """The least box around both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def grown(self, share: float) -> Box:
        """Larger by ``share`` of its sides on every side."""
        y, x = share * (self.bottom - self.top), share * (self.right - self.left)
        return Box(self.top - y, self.left - x, self.bottom + y, self.right + x)


@dataclass(frozen=True)
class View:
    """A part of a frame, in whole pixels; ``size`` is the frame's height and width."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]

    @staticmethod
    def whole(height: int, width: int) -> View:
        """All of a frame."""
        return View(0, 0, height, width, (height, width))

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the frame."""
        return (self.height, self.width) == self.size

    @property
    def share(self) -> float:
        """Of the frame's area."""
        return self.height * self.width / (self.size[0] * self.size[1])

    def of(self, picture: NDArray[Any]) -> NDArray[Any]:
        """That part of a picture of the frame's size; no copy."""
        rows = slice(self.top, self.top + self.height)
        return picture[rows, self.left : self.left + self.width]

    def put(self, alpha: Floats) -> Floats:
        """A matte of that part as one of the frame: elsewhere is background."""
        if self.is_whole:
            return alpha
        matte = np.zeros(self.size, np.float32)
        self.of(matte)[:] = alpha
        return matte

    def holds(self, box: Box) -> bool:
        """Whether a box lies inside, or beyond the frame's own sides."""
        height, width = self.size
        return (
            max(box.top, 0) >= self.top
            and max(box.left, 0) >= self.left
            and min(box.bottom, height) <= self.top + self.height
            and min(box.right, width) <= self.left + self.width
        )


def person_box(matte: Floats, view: View) -> Box | None:
    """Where people are, in the frame; None when there is nobody.

    Args:
        matte: h×w float32 in [0, 1], of all of ``view`` at any size.
        view: what the matte shows.
    """
    person = without_specks((matte > 0.5).astype(np.uint8))
    if np.count_nonzero(person) < max(_TINY * person.size, 1):
        return None
    rows, columns = (np.flatnonzero(person.any(axis=axis)) for axis in (1, 0))
    y, x = view.height / person.shape[0], view.width / person.shape[1]
    return Box(
        view.top + y * float(rows[0]),
        view.left + x * float(columns[0]),
        view.top + y * float(rows[-1] + 1),
        view.left + x * float(columns[-1] + 1),
    )


def view_around(box: Box, size: tuple[int, int], spec: ModelSpec) -> View:
    """The view that shows the people in ``box`` as large as a model can take them.

    Args:
        box: see :func:`person_box`.
        size: the frame's height and width.
        spec: the view has the proportions that its input shows as in training, as far as the
            frame reaches, and is not much smaller.

    Returns:
        The view, the whole frame where little would be gained.
    """
    room = box.grown(_MARGIN)
    height = max(room.bottom - room.top, _LEAST * spec.height)
    width = max(room.right - room.left, _LEAST * spec.width)
    proportion = spec.width / spec.height / spec.stretch
    height, width = max(height, width / proportion), max(width, height * proportion)
    top, rows = _span((room.top + room.bottom) / 2, height, size[0])
    left, columns = _span((room.left + room.right) / 2, width, size[1])
    view = View(top, left, rows, columns, size)
    return view if view.share <= _WHOLE else View.whole(*size)


def _span(middle: float, length: float, limit: int) -> tuple[int, int]:
    """Beginning and length of a stretch of whole pixels within ``limit``."""
    whole = min(round(length), limit)
    return min(max(round(middle - whole / 2), 0), limit - whole), whole


def reseen(matte: Floats, before: View, after: View, spec: ModelSpec) -> Floats:
    """A model's matte of one view as that of another; what it did not see is background.

    Args:
        matte: h×w float32 in [0, 1] at the model's size.
        before, after: the views.
        spec: the model's.
    """
    if before == after:
        return matte
    return shifted(matte, Region.matrix(before, after, spec), outside=0.0)


class Region:
    """Which part of each frame to look at."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._view: View | None = None
        self._since_whole = 0

    def view(self, height: int, width: int) -> View:
        """What to look at in the next frame, of this size."""
        if self._view is None or self._view.size != (height, width):
            self._view = View.whole(height, width)
        return self._view

    def wants_whole(self) -> bool:
        """Whether it is time to look for others in the whole next frame; counts the frames."""
        if self._view is None or self._view.is_whole:
            self._since_whole = 0
            return False
        self._since_whole = (self._since_whole + 1) % _EVERY
        return self._since_whole == 0

    def follow(self, matte: Floats, others: Box | None = None) -> None:
        """Learn where the people are.

        Args:
            matte: of the view, h×w float32 in [0, 1] at any size.
            others: who was found in the whole frame (see :meth:`others_in`).
        """
        if self._view is None:
            return
        box = person_box(matte, self._view)
        if others is not None:
            box = others if box is None else box.with_(others)
        if box is None:
            self._view = View.whole(*self._view.size)
            return
        self._view = self._next(self._view, box)

    def others_in(self, matte: Floats) -> Box | None:
        """Who is outside the view, and not much smaller than who is in it.

        Args:
            matte: of the whole frame, h×w float32 in [0, 1] at any size.
        """
        if self._view is None:
            return None
        whole = View.whole(*self._view.size)
        seen = np.zeros(matte.shape, bool)
        rows = np.array([self._view.top, self._view.top + self._view.height]) / whole.height
        columns = np.array([self._view.left, self._view.left + self._view.width]) / whole.width
        top, bottom = np.rint(rows * matte.shape[0]).astype(int)
        left, right = np.rint(columns * matte.shape[1]).astype(int)
        seen[top:bottom, left:right] = True
        person = matte > 0.5
        outside = np.where(seen, np.float32(0), matte)
        if np.count_nonzero(person & ~seen) <= _SECOND * np.count_nonzero(person & seen):
            return None
        return person_box(outside, whole)

    def forget(self) -> None:
        """Look at the whole of the next frame."""
        self._view = None

    @staticmethod
    def matrix(before: View, after: View, spec: ModelSpec) -> Matrix:
        """From a model's input that shows ``after`` to one that shows ``before``."""
        old, new = (place(view.height, view.width, spec) for view in (before, after))
        x = after.width / new.width, before.width / old.width
        y = after.height / new.height, before.height / old.height
        # Pixel centres lie at halves in the frame: u = (x + ½ - new.left)·zoom + after.left.
        left = ((0.5 - new.left) * x[0] + after.left - before.left) / x[1] + old.left - 0.5
        top = ((0.5 - new.top) * y[0] + after.top - before.top) / y[1] + old.top - 0.5
        return np.array([[x[0] / x[1], 0, left], [0, y[0] / y[1], top]])

    def _next(self, view: View, box: Box) -> View:
        """The view after this one."""
        aim = view_around(box, view.size, self._spec)
        if aim.is_whole:
            return aim
        if view.is_whole:
            return aim if aim.share <= _ENTER else view
        if not view.holds(box.grown(_CLOSE / 3)):
            return aim  # the person is about to be cut off
        if view.holds(box.grown(_CLOSE)) and view.share <= _LOOSE * aim.share:
            return view
        return _towards(view, aim)


def _towards(view: View, aim: View) -> View:
    """A part of the way, whole pixels, at least one."""

    def step(a: int, b: int) -> int:
        return a + int(np.sign(b - a) * np.ceil(_SHARE * abs(b - a)))

    top, left = step(view.top, aim.top), step(view.left, aim.left)
    bottom = step(view.top + view.height, aim.top + aim.height)
    right = step(view.left + view.width, aim.left + aim.width)
    return View(top, left, bottom - top, right - left, view.size)
