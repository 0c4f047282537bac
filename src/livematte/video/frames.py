"""What travels through the pipeline, and what every source and sink is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from livematte.video.sound import Sound

__all__ = ["Composed", "Frame", "Matted", "Sink", "Source", "SourceInfo"]


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        image: H×W×3 uint8 RGB, upright; nobody writes into it.
        pts: when it is shown, in units of ``time_base``; 0 is the beginning.
        time_base: seconds, exactly.
        number: 0, 1, ... as decoded; a number left out was dropped.
        captured: ``time.perf_counter()`` at which the source gave it away.
    """

    image: NDArray[np.uint8]
    pts: int
    time_base: Fraction
    number: int
    captured: float = 0.0

    @property
    def time(self) -> Fraction:
        """When it is shown, in seconds."""
        return self.pts * self.time_base


@dataclass(frozen=True, eq=False)
class Matted:
    """A frame and the matte that was computed from it."""

    frame: Frame
    alpha: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Composed:
    """A frame, its own matte, and what was made of the two.

    Attributes:
        frame: as it came from the source.
        alpha: H×W float32 in [0, 1].
        pixels: H×W×3 RGB, H×W×4 RGBA (straight alpha) or H×W grey, uint8; its size may differ
            from the frame's (side by side).
    """

    frame: Frame
    alpha: NDArray[np.float32]
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before its first frame.

    Attributes:
        name: for messages.
        width, height: of the frames, upright.
        rate: frames per second on average; a guess where the file says nothing.
        time_base: of the frames' time stamps.
        frames: how many there are, as far as the file tells; None: unknown.
        live: frames come when they come, and those not taken are lost.
        aspect: width of a pixel by its height.
    """

    name: str
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    frames: int | None = None
    live: bool = False
    aspect: Fraction = Fraction(1)


class Source(Protocol):
    """Yields frames, once.

    Attributes:
        info: what is known beforehand.
        sound: to be copied beside the pictures; None where there is none.
    """

    @property
    def info(self) -> SourceInfo: ...

    @property
    def sound(self) -> Sound | None: ...

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order.

        Raises:
            InputError: it cannot be read on, or held no frame at all.
        """
        ...

    def close(self) -> None:
        """Give back what it holds; may be called twice, and from another thread."""
        ...


class Sink(Protocol):
    """Takes composed frames away.

    Attributes:
        lasting: whether what was written stays when a run breaks off.
    """

    @property
    def lasting(self) -> bool: ...

    def write(self, composed: Composed) -> None:
        """The next frame; their times rise.

        Raises:
            OutputError: it cannot be written.
        """
        ...

    def close(self) -> None:
        """Finish what was written: after this a file is there, whole and playable.

        Raises:
            OutputError: it cannot be finished.
        """
        ...

    def abort(self) -> None:
        """Throw away what was written; never raises, and does nothing after :meth:`close`."""
        ...
