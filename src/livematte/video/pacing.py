"""A film that plays in real time, as a camera would send it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from livematte.video.frames import Frame, Source, SourceInfo

__all__ = ["PacedSource"]


class PacedSource:
    """Gives each frame away when its time has come."""

    def __init__(
        self,
        source: Source,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        Args:
            source: a film, which comes as fast as it is read.
            sleep, clock: the passing of time.
        """
        self._source, self._sleep, self._clock = source, sleep, clock
        self.info: SourceInfo = replace(source.info, live=True)
        self.sound = source.sound

    def __iter__(self) -> Iterator[Frame]:
        began = self._clock()
        for frame in self._source:
            early = began + float(frame.time) - self._clock()
            if early > 0:
                self._sleep(early)
            yield replace(frame, captured=time.perf_counter())

    def close(self) -> None:
        """Give the film back."""
        self._source.close()
