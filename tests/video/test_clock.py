"""A clock that goes on where a source's own steps back."""

from fractions import Fraction

import pytest

from livematte.video.clock import OnwardClock

LASTS = Fraction(1, 25)


def read(*times: float | None) -> list[float]:
    clock = OnwardClock()
    exact = (None if time is None else Fraction(str(time)) for time in times)
    return [float(clock.at(time, LASTS)) for time in exact]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ([-0.02, 0.5, 0.54, 9], [-0.02, 0.5, 0.54, 9]),
        ([5, 4.95, 5.08], [5, 4.95, 5.08]),  # it only trembles
        ([5, 5.04, 0, 0.04, 0.5], [5, 5.04, 5.08, 5.12, 5.58]),
        ([1, 0, 0.2, 0, 0.2], [1, 1.04, 1.24, 1.28, 1.48]),
        ([1, 0.5, 0], [1, 1.04, 1.08]),
        ([None, None, 3, None, 0, None], [0, 0.04, 3, 3.04, 3.08, 3.12]),
    ],
)
def test_it_goes_on(given: list[float | None], shown: list[float]) -> None:
    assert read(*given) == pytest.approx(shown)


def test_it_tells_how_far_it_is_ahead() -> None:
    clock = OnwardClock()
    for time, ahead in ((2, 0), (0, Fraction(51, 25)), (1, Fraction(51, 25))):
        clock.at(Fraction(time), LASTS)
        assert clock.ahead == ahead
    assert clock.now == 1 + ahead
