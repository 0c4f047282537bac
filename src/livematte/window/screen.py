"""The window itself, by pygame (SDL): the one place that knows of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livematte.errors import MissingExtra, OutputError, one_line
from livematte.video.fitting import fit_into
from livematte.window.events import Closed, Event, Pressed, Released, Slid, Unfocused
from livematte.window.sliders import STRIP, Slider, lay_out

if TYPE_CHECKING:
    import pygame
    import pygame.event

__all__ = ["Screen", "check_toolkit"]

_UNSEEN = ("dummy", "offscreen")  # what SDL falls back to
_WAIT = 5  # milliseconds for which events are waited for
_SHARE = 0.9  # of the desktop, at most
_LEAST = (480, 270)  # so that there is room for the text
_WHITE, _GREY, _DARK, _ACCENT = (255, 255, 255), (150, 150, 150), (24, 24, 24), (90, 200, 140)
_ROW = "1234567890"  # the row of digits, which some keyboards have under a shift
_ROW_BEGINS, _ROW_ENDS, _LETTERS_BEGIN, _LETTERS_END = 30, 39, 4, 29  # SDL's scan codes


class Screen:
    """A picture with text over it and sliders below, in a window of one's own; of one thread."""

    def __init__(
        self, title: str, width: int, height: int, sliders: Sequence[str], hint: str = ""
    ) -> None:
        """
        Args:
            title: of the window.
            width, height: of the pictures; what is too large for the desktop is shown smaller.
            sliders: their names.
            hint: a line at the bottom.

        Raises:
            MissingExtra: pygame is not installed.
            OutputError: there is no display.
        """
        self._pygame = _load()
        try:
            self._pygame.display.init()
            driver = self._pygame.display.get_driver()
            if driver in _UNSEEN and driver != os.environ.get("SDL_VIDEODRIVER"):
                raise self._pygame.error(f"only {driver}, which nobody sees")
            self._pygame.font.init()
            size = self._first_size(width, height)
            self._window = self._pygame.display.set_mode(size, self._pygame.RESIZABLE)
        except self._pygame.error as error:
            self._pygame.quit()
            raise OutputError(
                f"no window can be opened ({one_line(error)}); is there a display? Without one, "
                "livematte video writes to a file, a stream or a virtual camera"
            ) from error
        self._pygame.display.set_caption(title)
        self._pygame.key.stop_text_input()
        self._names, self._hint = tuple(sliders), hint
        self._dragged: Slider | None = None
        self._font = self._pygame.font.Font(None, 24)
        self._written = lru_cache(maxsize=64)(self._write)

    def events(self) -> list[Event]:
        """What happened since the last time; waits a few milliseconds where nothing did."""
        pygame = self._pygame
        first = pygame.event.wait(_WAIT)
        happened = [] if first.type == pygame.NOEVENT else [first, *pygame.event.get()]
        return [event for raw in happened if (event := self._told(raw)) is not None]

    def show(
        self,
        picture: NDArray[np.uint8],
        lines: Sequence[str],
        sliders: Mapping[str, tuple[float, str]],
    ) -> None:
        """Draw all of it.

        Args:
            picture: H×W×3 uint8 RGB; scaled to fit.
            lines: of text over the picture.
            sliders: by name, where each stands in [0, 1], and its label.
        """
        pygame = self._pygame
        width, height = self._window.get_size()
        above = max(height - STRIP, 1)
        if picture.shape[:2] != (above, width):
            picture = fit_into(picture, above, width)
        pixels = np.ascontiguousarray(picture)
        self._window.blit(pygame.image.frombuffer(pixels, (width, above), "RGB"), (0, 0))
        rows = [row for line in lines for row in self._rows(line, width)]
        for number, row in enumerate(rows):
            self._window.blit(self._written(row, _WHITE, True), (8, 8 + 26 * number))
        self._window.fill(_DARK, (0, above, width, height - above))
        for slider in lay_out(self._names, width, height):
            value, label = sliders[slider.name]
            self._draw(slider, value, label)
        self._window.blit(self._written(self._hint, _GREY, False), (16, height - 22))
        pygame.display.flip()

    def close(self) -> None:
        """Take the window away."""
        self._pygame.quit()

    def _first_size(self, width: int, height: int) -> tuple[int, int]:
        wide, high = self._pygame.display.get_desktop_sizes()[0]
        scale = min(_SHARE * wide / width, (_SHARE * high - STRIP) / height, 1.0)
        scale = max(scale, 0.05)
        return max(round(scale * width), _LEAST[0]), max(round(scale * height), _LEAST[1]) + STRIP

    def _told(self, raw: pygame.event.Event) -> Event | None:
        """An event of pygame in our words; None where it means nothing here."""
        pygame = self._pygame
        if raw.type == pygame.QUIT:
            return Closed()
        if raw.type == pygame.WINDOWFOCUSLOST:
            return Unfocused()
        if raw.type == pygame.KEYDOWN:
            return Pressed(_key(raw))
        if raw.type == pygame.KEYUP:
            return Released(_key(raw))
        if raw.type == pygame.MOUSEBUTTONDOWN and raw.button == 1:
            sliders = lay_out(self._names, *self._window.get_size())
            self._dragged = next((s for s in sliders if s.holds(*raw.pos)), None)
            return self._slid(raw.pos[0])
        if raw.type == pygame.MOUSEMOTION:
            return self._slid(raw.pos[0])
        if raw.type == pygame.MOUSEBUTTONUP and raw.button == 1:
            self._dragged = None
        return None

    def _slid(self, x: int) -> Slid | None:
        return None if self._dragged is None else Slid(self._dragged.name, self._dragged.value(x))

    def _draw(self, slider: Slider, value: float, label: str) -> None:
        draw, window = self._pygame.draw, self._window
        window.blit(self._written(label, _WHITE, False), (slider.left, slider.top - 26))
        right, knob = slider.left + slider.width, slider.place(value)
        draw.line(window, _GREY, (slider.left, slider.top), (right, slider.top), 2)
        draw.line(window, _ACCENT, (slider.left, slider.top), (knob, slider.top), 4)
        draw.circle(window, _WHITE, (knob, slider.top), 7)

    def _rows(self, line: str, width: int) -> list[str]:
        """A line in rows that fit into the window."""
        rows = [""]
        for word in line.split(" "):
            longer = f"{rows[-1]} {word}" if rows[-1] else word
            if rows[-1] and self._font.size(longer)[0] > width - 32:
                rows.append(word)
            else:
                rows[-1] = longer
        return rows

    def _write(self, text: str, colour: tuple[int, int, int], boxed: bool) -> Any:
        """A line of text; on a dark box where it lies over a picture."""
        words = self._font.render(text, True, colour)
        if not boxed or not text:
            return words
        size = (words.get_width() + 12, words.get_height() + 6)
        box = self._pygame.Surface(size, self._pygame.SRCALPHA)
        box.fill((*_DARK, 200))
        box.blit(words, (6, 4))
        return box


def check_toolkit() -> None:
    """Whether there can be a window, before a camera is switched on for it.

    Raises:
        MissingExtra: pygame is not installed.
    """
    _load()


def _key(raw: pygame.event.Event) -> str:
    """The digit by its place, the letter by what the keyboard says, or else by its place too."""
    code: int = raw.scancode
    if _ROW_BEGINS <= code <= _ROW_ENDS:
        return _ROW[code - _ROW_BEGINS]
    named = {" ": "space", "\x1b": "escape"}
    if raw.key < 128:
        return named.get(chr(raw.key), chr(raw.key))
    if _LETTERS_BEGIN <= code <= _LETTERS_END:
        return chr(ord("a") + code - _LETTERS_BEGIN)
    return ""


def _load() -> Any:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    # A picture that is computed by the processor reaches the screen sooner without OpenGL.
    os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
    os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "livematte")
    try:
        import pygame  # noqa: PLC0415
    except ModuleNotFoundError:
        raise MissingExtra("pygame-ce", "window") from None
    return pygame
