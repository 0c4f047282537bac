"""The backgrounds that can be chosen in the window: colours, or a folder's pictures and videos."""

from __future__ import annotations

import logging
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livematte.effects import cover
from livematte.errors import InputError
from livematte.images import READABLE_SUFFIXES
from livematte.stills import read_background
from livematte.video.backdrop import Backdrop
from livematte.video.frames import Source
from livematte.video.opening import SourceOptions, open_source
from livematte.video.sequence import natural_order

__all__ = ["Background", "colours", "find_backgrounds"]

_log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]

_FILMS = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"))
_COLOURS = {"green": (0, 177, 64), "white": (255, 255, 255), "black": (0, 0, 0)}


class Background:
    """Something to lay the person over, opened when it is first shown.

    A video plays on from where it was left. What cannot be read is told once, and is grey.

    Attributes:
        name: for the user.
    """

    def __init__(self, name: str, open_again: Callable[[bool], Pixels | Source]) -> None:
        """
        Args:
            name: for the user.
            open_again: reads the picture (h×w×3 uint8 RGB), or opens the video at its beginning;
                an :class:`InputError` where that cannot be. It is told whether that was done
                before, and the video's faults told.
        """
        self.name = name
        self._open = open_again
        self._shown: Pixels | Backdrop | None = None
        self._fitted: Pixels | None = None
        self._played = Fraction(0)
        self._last: Fraction | None = None

    def at(self, time: Fraction, size: tuple[int, ...]) -> Pixels:
        """What to show at ``time`` seconds, which rises: size[0] × size[1] × 3 uint8 RGB."""
        if self._shown is None:
            self._shown = self._opened()
        if isinstance(self._shown, Backdrop):
            if self._last is not None:
                self._played += max(time - self._last, Fraction(0))
            self._last = time
            return self._shown.at(self._played, size)
        if self._fitted is None or self._fitted.shape[:2] != tuple(size[:2]):
            self._fitted = cover(self._shown, size[0], size[1])
            self._shown = self._fitted  # a photo of 50 megapixels need not be kept
        return self._fitted

    def leave(self) -> None:
        """It is out of sight: a video waits."""
        self._last = None

    def close(self) -> None:
        """Give back what it holds."""
        if isinstance(self._shown, Backdrop):
            self._shown.close()

    def _opened(self) -> Pixels | Backdrop:
        try:
            first = self._open(False)
            if isinstance(first, np.ndarray):
                return first
            return Backdrop(lambda again: self._again() if again else first)
        except InputError as error:
            _log.warning("%s; grey is shown instead", error)
            return np.full((1, 1, 3), 128, np.uint8)

    def _again(self) -> Source:
        source = self._open(True)
        assert not isinstance(source, np.ndarray)
        return source


def colours() -> tuple[Background, ...]:
    """Green, white and black: for who gives no folder."""
    return tuple(
        Background(name, lambda again, colour=colour: np.array([[colour]], np.uint8))  # type: ignore[misc]
        for name, colour in _COLOURS.items()
    )


def find_backgrounds(folder: Path) -> tuple[Background, ...]:
    """The pictures and videos of a folder, in the order of their numbers.

    Raises:
        InputError: there are none, or the folder cannot be searched.
    """
    try:
        files = sorted(
            (path for path in folder.iterdir() if path.name[0] != "." and path.is_file()),
            key=natural_order,
        )
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be searched for backgrounds ({error.strerror}); give a folder"
        ) from error
    found = tuple(
        Background(path.name, _opener(path))
        for path in files
        if path.suffix.lower() in READABLE_SUFFIXES | _FILMS
    )
    if not found:
        known = " ".join(sorted(READABLE_SUFFIXES | _FILMS))
        raise InputError(f"{folder}: no backgrounds in this folder (looked for {known})")
    return found


def _opener(path: Path) -> Callable[[bool], Pixels | Source]:
    if path.suffix.lower() in _FILMS:
        return lambda again: open_source(str(path), SourceOptions(quiet=again))
    return lambda again: read_background(path)
