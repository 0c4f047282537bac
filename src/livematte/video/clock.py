"""The time of a source whose own clock may begin again."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["OnwardClock"]

_STEP_BACK = Fraction(1, 10)  # seconds by which a clock steps back and does not only tremble


class OnwardClock:
    """Goes on where the source's clock steps back: files that were joined, restarted senders.

    Attributes:
        now: seconds at which the last thing lay; None: none came.
        ahead: seconds by which it is before the source's clock.
    """

    def __init__(self) -> None:
        self.now: Fraction | None = None
        self.ahead = Fraction(0)
        self._end = Fraction(0)

    def at(self, time: Fraction | None, lasts: Fraction) -> Fraction:
        """Where the next thing lies, in seconds.

        Args:
            time: by the source's clock; None: it follows the last one, or begins at 0.
            lasts: seconds until what follows it.
        """
        if time is None:
            time = self._end
        else:
            time += self.ahead
            if self.now is not None and time < self.now - _STEP_BACK:
                self.ahead += self._end - time
                time = self._end
        self.now, self._end = time, time + lasts
        return time
