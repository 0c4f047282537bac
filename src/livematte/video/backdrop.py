"""A video behind the person, from its beginning again when it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from livematte.effects import cover
from livematte.errors import InputError
from livematte.video.frames import Frame, Source

__all__ = ["Backdrop"]

_log = logging.getLogger(__name__)


class Backdrop:
    """Gives the picture of a video that belongs to a time; times must not go back.

    Where the video breaks, it begins again; where not even that works, its last picture stays.
    """

    def __init__(self, open_again: Callable[[], Source]) -> None:
        """
        Args:
            open_again: opens the video at its beginning.

        Raises:
            InputError: it cannot be opened.
        """
        self._open = open_again
        self._source = open_again()
        self._frames: Iterator[Frame] = iter(self._source)
        self._began = Fraction(0)  # of this round, in the film's time
        self._shown: Frame | None = None
        self._next: Frame | None = next(self._frames, None)
        self._fitted: tuple[Frame, NDArray[np.uint8]] | None = None

    def at(self, time: Fraction, size: tuple[int, ...]) -> NDArray[np.uint8]:
        """The picture shown at ``time`` seconds, covering ``size`` (H, W): H×W×3 uint8 RGB."""
        while self._next is not None and (
            self._shown is None or self._began + self._next.time <= time
        ):
            self._shown = self._next
            self._advance()
        assert self._shown is not None  # a source without a frame does not open
        if self._fitted is None or self._fitted[0] is not self._shown:
            picture = cover(self._shown.image, size[0], size[1], quick=True)
            self._fitted = (self._shown, picture)
        return self._fitted[1]

    def close(self) -> None:
        """Give the video back."""
        self._source.close()

    def _advance(self) -> None:
        assert self._shown is not None
        try:
            self._next = next(self._frames, None)
        except InputError as error:
            _log.warning("%s; the background begins again", error)
            self._next = None
        if self._next is not None:
            return
        info = self._source.info
        self._began += self._shown.time + 1 / info.rate
        self._source.close()
        try:
            self._source = self._open()
        except InputError as error:
            _log.warning("%s; the background stands still", error)
            return
        self._frames = iter(self._source)
        self._next = next(self._frames, None)
