"""What a window tells of its user, whatever draws it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Closed", "Event", "Pressed", "Released", "Slid", "Unfocused"]


@dataclass(frozen=True)
class Pressed:
    """A key went down; once, however long it is held.

    Attributes:
        key: the lower-case letter or the digit on it, ``space`` or ``escape``.
    """

    key: str


@dataclass(frozen=True)
class Released:
    """A key went up."""

    key: str


@dataclass(frozen=True)
class Slid:
    """A slider was moved.

    Attributes:
        name: of the slider.
        value: in [0, 1].
    """

    name: str
    value: float


@dataclass(frozen=True)
class Unfocused:
    """The keys go elsewhere from now on: those that were down are no longer known."""


@dataclass(frozen=True)
class Closed:
    """The window was closed."""


Event = Pressed | Released | Slid | Unfocused | Closed
