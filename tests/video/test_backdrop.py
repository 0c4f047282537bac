"""A video behind the person: how it is fitted, and what comes after its end."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livematte.errors import InputError
from livematte.video.backdrop import Backdrop
from livematte.video.frames import Frame, Source, SourceInfo
from livematte.video.opening import SourceOptions, open_source


class Film:
    """Two grey frames, 20 high and 60 wide, one per second; then it ends or breaks."""

    info = SourceInfo("film", 60, 20, Fraction(1), Fraction(1))
    sound = None

    def __init__(self, broken: bool) -> None:
        self.broken = broken

    def __iter__(self) -> Iterator[Frame]:
        for number, value in enumerate((50, 90)):
            yield Frame(np.full((20, 60, 3), value, np.uint8), number, Fraction(1), number)
        if self.broken:
            raise InputError("film: damaged")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize(("loop", "later"), [(True, [50, 90, 50]), (False, [90, 90, 90])])
def test_after_its_end(
    broken: bool, loop: bool, later: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    backdrop = Backdrop(lambda again: Film(broken), loop=loop)
    values = [int(backdrop.at(Fraction(n), (20, 60))[0, 0, 0]) for n in range(5)]
    assert values == [50, 90, *later]
    words = "begins again" if loop else "stands still"
    assert caplog.text.count(f"film: damaged; the background {words}") == broken


def test_a_film_that_is_cut_short_is_told_in_its_first_round(
    make_video: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = make_video("room.mkv", frames=60, options={"g": "5"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    opened: list[bool] = []

    def open_film(again: bool) -> Source:
        opened.append(again)
        return open_source(str(path), SourceOptions(quiet=again))

    backdrop = Backdrop(open_film)
    for number in range(200):
        backdrop.at(Fraction(number, 25), (48, 64))
    backdrop.close()
    assert opened == [False, True, True, True, True]
    assert caplog.text.count("it was cut short") == 1
    assert "room.mkv" in caplog.text


def test_fits() -> None:
    shown = Backdrop(lambda again: Film(False), fit="fit").at(Fraction(0), (60, 60))
    assert shown.shape == (60, 60, 3)
    assert (shown[:20].max(), shown[20:40].min(), shown[40:].max()) == (0, 50, 0)
    for fit in ("fill", "stretch"):
        assert Backdrop(lambda again: Film(False), fit=fit).at(Fraction(0), (60, 60)).min() == 50
