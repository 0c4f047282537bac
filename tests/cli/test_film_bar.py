"""What the bar of a film shows, and where there is none."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from livematte.cli.film_bar import film_bar


class Clock:
    """Stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def drawn(total: int | None, *, terminal: bool = True, visible: bool = True) -> str:
    """The bar's last line after four seconds with 25 frames each; escapes are taken out."""
    clock, screen = Clock(), io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=80)
    with film_bar(total, visible=visible, console=console, clock=clock) as advance:
        for second in range(1, 5):
            clock.now = 100.0 + second
            advance(25 * second)
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen.getvalue())
    return next((line for line in reversed(re.split(r"[\r\n]", text)) if line.strip()), "")


def test_it_tells_frames_their_rate_and_the_time_left() -> None:
    line = drawn(250)
    assert line.startswith("100 frames")
    assert "25.0 fps" in line
    assert "0:00:06" in line


def test_an_unknown_length_leaves_the_time_open() -> None:
    line = drawn(None)
    assert "25.0 fps" in line
    assert ":" not in line


@pytest.mark.parametrize(("terminal", "visible"), [(False, True), (True, False)])
def test_no_bar_in_files_and_where_none_is_wanted(terminal: bool, visible: bool) -> None:
    assert drawn(250, terminal=terminal, visible=visible) == ""
