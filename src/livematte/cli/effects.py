"""What ``--effect`` and ``--strength`` mean."""

from __future__ import annotations

from collections.abc import Sequence

from livematte.effects import EFFECTS
from livematte.effects.registry import find_effect
from livematte.errors import UsageError

__all__ = ["EFFECT_HELP", "STRENGTH_HELP", "parse_effects"]

_LIST = "; ".join(f"{entry.name}: {entry.summary}" for entry in EFFECTS.values())
EFFECT_HELP = f"May be given several times. {_LIST}."
STRENGTH_HELP = "Of the effects without one of their own: 0 is nothing, 1 the most."


def parse_effects(texts: Sequence[str], strength: float | None) -> dict[str, float]:
    """The strengths of effects by their names, in the order in which they were given.

    Args:
        texts: ``NAME`` or ``NAME=STRENGTH``.
        strength: of those that have none; None: each effect's own.

    Raises:
        UsageError: an unknown name, one that is given twice, a strength that is none, or a
            strength without an effect.
    """
    if strength is not None and not texts:
        raise UsageError("--strength belongs to an effect: give --effect too")
    effects: dict[str, float] = {}
    for text in texts:
        name, given, number = text.partition("=")
        entry = find_effect(name)
        if name in effects:
            raise UsageError(f"--effect {name}: is given twice")
        effects[name] = entry.strength if strength is None else strength
        if given:
            try:
                effects[name] = float(number)
            except ValueError:
                raise UsageError(
                    f"--effect {text}: {number!r} is no strength; give a number from 0 to 1"
                ) from None
        if not 0 <= effects[name] <= 1:
            raise UsageError(
                f"--effect {name}: a strength lies in [0, 1], not at {effects[name]:g}"
            )
    return effects
