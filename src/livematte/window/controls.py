"""What the keys and the sliders of the window mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

from livematte.window.events import Closed, Event, Pressed, Released, Slid, Unfocused

__all__ = ["BACKGROUND", "HELD", "THRESHOLD", "Controls", "Look"]

HELD = MappingProxyType(
    {"c": "colour-transfer", "s": "seamless-clone", "m": "smooth-step", "h": "harmonise"}
)
"""The effects, by the key that is held for them."""

BACKGROUND, THRESHOLD = "background", "threshold"
"""The names of the sliders."""


@dataclass(frozen=True)
class Look:
    """How the frames are to look at a moment.

    Attributes:
        background: 0: the room itself; 1, 2, ...: the backgrounds.
        blur: the room blurred, whatever the background.
        threshold: in [0, 1): matte values up to it are background.
        held: names of effects, in the order in which their keys went down.
    """

    background: int = 0
    blur: bool = False
    threshold: float = 0.0
    held: tuple[str, ...] = ()


class Controls:
    """Follows the events of one thread; any thread may look.

    Attributes:
        look: as it is to be now; a whole one at any moment.
        ended: whether the user has had enough.
    """

    def __init__(self, backgrounds: int) -> None:
        """
        Args:
            backgrounds: how many there are besides the room; the first is chosen.
        """
        self.look = Look(background=min(backgrounds, 1))
        self.ended = False
        self._backgrounds = backgrounds
        self._saves = 0

    @property
    def sliders(self) -> dict[str, float]:
        """Where the sliders stand, in [0, 1]."""
        share = self.look.background / self._backgrounds if self._backgrounds else 0.0
        return {BACKGROUND: share, THRESHOLD: self.look.threshold}

    def handle(self, event: Event) -> None:
        """Follow one event."""
        match event:
            case Pressed(key):
                self._press(key)
            case Released(key) if key in HELD:
                held = tuple(name for name in self.look.held if name != HELD[key])
                self.look = replace(self.look, held=held)
            case Slid(name, value) if name == BACKGROUND:
                self._choose(round(value * self._backgrounds))
            case Slid(name, value) if name == THRESHOLD:
                self.look = replace(self.look, threshold=min(max(value, 0.0), 0.99))
            case Unfocused():
                self.look = replace(self.look, held=())
            case Closed():
                self.ended = True

    def take_saves(self) -> int:
        """How often saving was asked for since the last time."""
        saves, self._saves = self._saves, 0
        return saves

    def _press(self, key: str) -> None:
        if key in HELD:
            if HELD[key] not in self.look.held:
                self.look = replace(self.look, held=(*self.look.held, HELD[key]))
        elif key == "b":
            self.look = replace(self.look, blur=not self.look.blur)
        elif key in ("q", "escape"):
            self.ended = True
        elif key == "space":
            self._saves += 1
        elif len(key) == 1 and key in "0123456789" and int(key) <= self._backgrounds:
            self._choose(int(key))

    def _choose(self, background: int) -> None:
        if background != self.look.background or self.look.blur:
            self.look = replace(self.look, background=background, blur=False)
