"""A film whose frames come when they come, for what knows a constant rate alone."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["ConstantRate"]

_SLACK = Fraction(11, 10)  # frames; a clock that trembles neither repeats nor loses any


class ConstantRate:
    """Counts the slots of a constant rate, so that slot n shows what the film shows at n / rate."""

    def __init__(self, rate: Fraction) -> None:
        """
        Args:
            rate: slots per second.
        """
        self._rate = rate
        self._first: Fraction | None = None
        self._filled = 0

    def slots(self, time: Fraction) -> int:
        """How many slots are due with a frame.

        Args:
            time: when it is shown, in seconds; later than the one before.

        Returns:
            0: its slot is taken, leave it out. n: it fills the last of n, the frame before the
            others.
        """
        if self._first is None:
            self._first = time
        ahead = (time - self._first) * self._rate - self._filled
        if ahead < -_SLACK:
            return 0
        due = 1 + (round(ahead) if ahead > _SLACK else 0)
        self._filled += due
        return due
