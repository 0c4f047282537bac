"""A folder of numbered pictures as a video, and a video as a folder of PNG files."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from livematte.errors import InputError, OutputError, UsageError
from livematte.files import write_atomically
from livematte.images import MAX_PIXELS, READABLE_SUFFIXES, encode_picture, read_picture
from livematte.video.fitting import fit_into
from livematte.video.frames import Composed, Frame, SourceInfo

__all__ = ["SequenceSink", "SequenceSource", "natural_order"]

_NUMBER = re.compile(r"(\d+)")


def natural_order(path: Path) -> list[tuple[int, str]]:
    """So that frame 10 comes after frame 9."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part.lower())
        for part in _NUMBER.split(path.name)
    ]


class SequenceSource:
    """The pictures of a folder, in the order of their numbers."""

    sound = None

    def __init__(
        self,
        folder: Path,
        *,
        rate: Fraction = Fraction(30),
        start: Fraction = Fraction(0),
        duration: Fraction | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """
        Args:
            folder: hidden files and other kinds of files are passed over.
            rate: frames per second.
            start, duration: in seconds, as for a video.
            max_pixels: of one picture.

        Raises:
            InputError: no pictures, or the first cannot be read.
            UsageError: a start or duration that cannot be.
        """
        if start < 0 or (duration is not None and duration <= 0):
            raise UsageError("a start lies at 0 seconds or later, and a duration is above 0")
        try:
            files = [
                path
                for path in folder.iterdir()
                if path.suffix.lower() in READABLE_SUFFIXES and path.name[0] != "."
            ]
        except OSError as error:
            raise InputError(f"{folder}: cannot be searched ({error.strerror})") from error
        begin = round(start * rate)
        end = None if duration is None else begin + max(round(duration * rate), 1)
        self._files = sorted(files, key=natural_order)[begin:end]
        if not self._files:
            known = " ".join(sorted(READABLE_SUFFIXES))
            raise InputError(
                f"{folder}: no pictures in this folder from that start on (looked for {known})"
                if files
                else f"{folder}: no pictures in this folder (looked for {known}); check the path"
            )
        self._max_pixels = max_pixels
        first = read_picture(self._files[0], max_pixels=max_pixels).rgb
        self.info = SourceInfo(
            name=str(folder),
            width=first.shape[1],
            height=first.shape[0],
            rate=rate,
            time_base=1 / rate,
            frames=len(self._files),
        )

    def __iter__(self) -> Iterator[Frame]:
        for number, path in enumerate(self._files):
            image = read_picture(path, max_pixels=self._max_pixels).rgb
            if image.shape[:2] != (self.info.height, self.info.width):
                image = fit_into(image, self.info.height, self.info.width)
            yield Frame(image, number, self.info.time_base, number, time.perf_counter())

    def close(self) -> None:
        """Nothing is held."""


class SequenceSink:
    """Writes 000001.png, 000002.png, ... into a folder, each whole."""

    lasting = True

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: made where missing; one with PNG files in it is refused.

        Raises:
            OutputError: it cannot be made, is a file, or holds PNG files.
        """
        self._folder = folder
        self._written: list[Path] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            occupied = any(folder.glob("*.png"))
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made ({error.strerror})") from error
        if occupied:
            raise OutputError(
                f"{folder}: holds PNG files already, which would mix with these; empty it, or "
                "choose another folder"
            )

    def write(self, composed: Composed) -> None:
        """The next picture."""
        path = self._folder / f"{len(self._written) + 1:06d}.png"
        write_atomically(path, encode_picture(composed.pixels, "PNG"))
        self._written.append(path)

    def close(self) -> None:
        """Every picture is whole already."""

    def abort(self) -> None:
        """Every picture is whole already, and stays."""
