"""What the bar of a film shows, and where there is none."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from livematte.cli.film_bar import film_bar

Advance = Callable[[int], None]


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


@pytest.mark.parametrize(("option", "wanted"), [("", True), ("--quiet", False), ("--json", False)])
def test_a_film_asks_for_it_unless_it_is_to_be_quiet(
    run: Callable[..., tuple[int, str, str]],
    red_model: Path,
    portrait: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    wanted: bool,
) -> None:
    asked: list[bool] = []

    def watched(total: int | None, *, visible: bool) -> AbstractContextManager[Advance]:
        asked.append(visible)
        return film_bar(total, visible=visible)

    monkeypatch.setattr("livematte.cli.filming.film_bar", watched)
    film = tmp_path / "film"
    film.mkdir()
    Image.fromarray(portrait).save(film / "1.png")
    rest = ["--alpha", "--model", red_model, *([option] if option else [])]
    assert run("video", film, "-o", tmp_path / "out.mp4", *rest)[0] == 0
    assert asked == [wanted]
