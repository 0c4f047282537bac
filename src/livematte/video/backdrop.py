"""A video behind the person."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from livematte.effects import Fit, fit_picture
from livematte.errors import InputError
from livematte.video.frames import Frame, Source

__all__ = ["Backdrop"]

_log = logging.getLogger(__name__)


class Backdrop:
    """Gives the picture of a video that belongs to a time; times must not go back.

    Where the video ends or breaks, it begins again; where not even that works, or it is not to
    loop, its last picture stays. What is wrong with it is told in its first round.
    """

    def __init__(
        self, open_film: Callable[[bool], Source], *, fit: Fit = "fill", loop: bool = True
    ) -> None:
        """
        Args:
            open_film: opens the video at its beginning; it is told whether that was done before,
                and its faults told.
            fit: how its pictures are brought to the frame's size.
            loop: whether it begins again when it ends.

        Raises:
            InputError: it cannot be opened.
        """
        self._open, self._fit, self._loop = open_film, fit, loop
        self._source = open_film(False)
        self._broke = False
        self._frames: Iterator[Frame] = iter(self._source)
        self._began = Fraction(0)  # of this round, in the film's time
        self._shown: Frame | None = None
        self._next: Frame | None = next(self._frames, None)
        self._fitted: tuple[Frame, NDArray[np.uint8]] | None = None

    def at(self, time: Fraction, size: tuple[int, ...]) -> NDArray[np.uint8]:
        """The picture shown at ``time`` seconds, fitted to ``size`` (H, W): H×W×3 uint8 RGB."""
        while self._next is not None and (
            self._shown is None or self._began + self._next.time <= time
        ):
            self._shown = self._next
            self._advance()
        assert self._shown is not None  # a source without a frame does not open
        if self._fitted is None or self._fitted[0] is not self._shown:
            picture = fit_picture(self._shown.image, size[0], size[1], self._fit, quick=True)
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
            if not self._broke:
                what = "begins again" if self._loop else "stands still"
                _log.warning("%s; the background %s", error, what)
            self._broke, self._next = True, None
        if self._next is not None or not self._loop:
            return
        info = self._source.info
        self._began += self._shown.time + 1 / info.rate
        self._source.close()
        try:
            self._source = self._open(True)
        except InputError as error:
            _log.warning("%s; the background stands still", error)
            return
        self._frames = iter(self._source)
        self._next = next(self._frames, None)
