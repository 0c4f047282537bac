"""What a run of the pipeline took."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

__all__ = ["Clock", "Report", "Spread"]

_KEPT = 20_000  # durations kept per stage: a camera may run for days


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile, in milliseconds."""

    p50: float
    p95: float


@dataclass(frozen=True)
class Report:
    """How a run went.

    Attributes:
        frames: written.
        dropped: left out because newer ones had come.
        seconds: from the first frame asked for to the last one written.
        stages: time per frame of each stage.
        age: from when the source gave a frame away to when it was composed with its own matte.
        cuts: scene cuts that were noticed.
        peak_memory: of the process so far, in bytes; None where the system does not tell.
    """

    frames: int
    dropped: int
    seconds: float
    stages: dict[str, Spread]
    age: Spread
    cuts: int
    peak_memory: int | None

    @property
    def fps(self) -> float:
        """Frames written per second."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


class Clock:
    """Collects how long the stages take; each stage is timed by one thread."""

    def __init__(self) -> None:
        self._durations: dict[str, deque[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one frame in a stage; not where it fails."""
        start = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count a duration."""
        self._durations.setdefault(name, deque(maxlen=_KEPT)).append(seconds)

    def spread(self, name: str) -> Spread:
        """Of one stage; zeros where it never ran."""
        values = list(self._durations.get(name, ()))
        if not values:
            return Spread(0.0, 0.0)
        p50, p95 = (float(v) * 1000 for v in np.percentile(values, (50, 95)))
        return Spread(round(p50, 3), round(p95, 3))
