"""Frames that have times of their own, for formats that have only a rate."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import floor

from av.video.frame import VideoFrame

__all__ = ["ConstantRate"]

# Frames by which one may lie beside its place: more than half, so that times that were rounded, or
# a rate that is not quite the declared one, do not sway between two places.
_TOLERATED = Fraction(3, 5)


class ConstantRate:
    """Repeats frames and leaves some out, so that frame n is what is seen at n / rate seconds.

    As FFmpeg does for a constant rate, a frame goes to the place nearest to its time. Of two that
    share a place the first is written at once, without waiting for another; only where there is
    more to fill, the other is seen.
    """

    def __init__(self, rate: Fraction) -> None:
        """
        Args:
            rate: frames per second.
        """
        self._rate = rate
        self._offset: Fraction | None = None
        self._written = 0
        self._latest: VideoFrame | None = None

    def pace(self, frame: VideoFrame, time: Fraction) -> Iterator[VideoFrame]:
        """The frames to write now that one has come: none, itself, or others before it.

        Args:
            frame: its time stamp is written anew, and again with every repetition.
            time: at which it is shown, in seconds; times rise. What comes before the first one
                shows it too.
        """
        exact = time * self._rate
        if self._offset is None:
            # A part of a film may begin between two frames: then all lie between two places.
            self._offset = exact % 1
        exact -= self._offset
        near = abs(exact - self._written) <= _TOLERATED
        place = self._written if near else floor(exact + Fraction(1, 2))
        before = self._latest or frame
        self._latest = frame
        while self._written <= place:
            shown = frame if self._written == place else before
            shown.pts, shown.time_base = self._written, 1 / self._rate
            self._written += 1
            yield shown
