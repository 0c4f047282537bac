"""What is wrong with a source, told once."""

from __future__ import annotations

import logging
from fractions import Fraction

from livematte.video.inputs import reason_of

__all__ = ["Faults"]

_log = logging.getLogger(__name__)


class Faults:
    """Tells some faults where they are met, and counts others until the end.

    Attributes:
        broken: why a part was left out last; None: none was.
        damaged: pictures that the decoder took for damaged, and were kept.
    """

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        """
        Args:
            name: of the source.
            quiet: nothing is told, since it was when the source was read before.
        """
        self.broken: str | None = None
        self.damaged = 0
        self._name, self._quiet = name, quiet
        self._skipped = 0
        self._told: set[str] = set()

    def meet(self, message: str, *values: object) -> None:
        """Tell a fault where it is met for the first time.

        Args:
            message, values: as for a logger; the name comes before it.
        """
        if message not in self._told and not self._quiet:
            _log.warning("%s: " + message, self._name, *values)
        self._told.add(message)

    def skip(self, error: Exception) -> None:
        """Count a part that was left out."""
        self._skipped += 1
        self.broken = reason_of(error)

    def tell(self, missing: Fraction) -> None:
        """At the end, tell what was counted.

        Args:
            missing: seconds between this end and the promised one.
        """
        if missing:
            self.meet("ends %.2f s before the end that it promises; it was cut short", missing)
        if self.damaged:
            self.meet("%d pictures are damaged; copy it again", self.damaged)
        if self._skipped:
            self.meet("%d broken parts were left out (%s)", self._skipped, self.broken)
