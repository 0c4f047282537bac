"""Where the pipeline leaves its frames for the window."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from livematte.video.frames import Composed, Sink

__all__ = ["WindowSink"]

_COUNTED = 2.0  # seconds over which frames are counted


class WindowSink:
    """Keeps the newest frame for another thread to show; never waits for that.

    The frames can go on into a second sink, such as a virtual camera.
    """

    def __init__(
        self, also: Sink | None = None, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """
        Args:
            also: gets every frame too.
            clock: seconds; that of :attr:`livematte.video.frames.Frame.captured`.
        """
        self._also, self._clock = also, clock
        self._lock = threading.Lock()
        self._newest: Composed | None = None
        self._arrivals: deque[float] = deque(maxlen=1000)
        self._arrived = clock()

    @property
    def lasting(self) -> bool:
        """Whether the second sink keeps what it gets."""
        return self._also is not None and self._also.lasting

    @property
    def fps(self) -> float:
        """Frames per second of late."""
        now = self._clock()
        with self._lock:
            while self._arrivals and self._arrivals[0] < now - _COUNTED:
                self._arrivals.popleft()
            if len(self._arrivals) < 2:
                return 0.0
            return (len(self._arrivals) - 1) / (self._arrivals[-1] - self._arrivals[0])

    @property
    def silence(self) -> float:
        """Seconds since the last frame came (or since the beginning)."""
        return self._clock() - self._arrived

    def write(self, composed: Composed) -> None:
        """The next frame.

        Raises:
            OutputError: of the second sink.
        """
        with self._lock:
            self._newest = composed
            self._arrived = max(self._clock(), self._arrived + 1e-6)
            self._arrivals.append(self._arrived)
        if self._also is not None:
            self._also.write(composed)

    def take(self) -> Composed | None:
        """The newest frame; None where there is none since the last time."""
        with self._lock:
            newest, self._newest = self._newest, None
        return newest

    def close(self) -> None:
        """Finish the second sink."""
        if self._also is not None:
            self._also.close()

    def abort(self) -> None:
        """Abort the second sink."""
        if self._also is not None:
            self._also.abort()
