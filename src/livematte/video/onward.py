"""Time that goes on where a source's clock steps back.

So do the clocks of files that were joined, and of senders that were restarted.
"""

from __future__ import annotations

from fractions import Fraction

__all__ = ["Onward"]

_STEP_BACK = Fraction(1, 10)  # seconds; less is a clock that trembles


class Onward:
    """Turns a source's times into times that do not begin again.

    Attributes:
        shift: seconds that are added to the source's by now; 0 until its clock steps back.
    """

    def __init__(self) -> None:
        self.shift = Fraction(0)
        self._last: Fraction | None = None
        self._end = Fraction(0)

    def at(self, time: Fraction, duration: Fraction) -> Fraction:
        """When to show what the source dates ``time`` and shows for ``duration``, in seconds.

        What a step back comes with follows the end of what came before.
        """
        time += self.shift
        if self._last is not None and time < self._last - _STEP_BACK:
            self.shift += self._end - time
            time = self._end
        self._last, self._end = time, time + duration
        return time
