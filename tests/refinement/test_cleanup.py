"""What is tidied, and that soft edges stay soft."""

import cv2
import numpy as np
import pytest

from livematte.refinement import (
    Cleaning,
    close_matte,
    fill_holes,
    largest_person,
    open_matte,
)


@pytest.fixture
def person() -> np.ndarray:
    """A soft disc, 160×200."""
    rows, columns = np.mgrid[:160, :200]
    distance = np.hypot(rows - 80, columns - 80)
    return np.clip((55 - distance) / 8, 0, 1).astype(np.float32)


def test_opening_takes_threads_and_closing_fills_cracks(person: np.ndarray) -> None:
    burred, cracked = person.copy(), person.copy()
    burred[78:80, 130:190] = 1
    cracked[78:80, 40:120] = 0
    assert np.abs(open_matte(burred) - person)[:, 140:].max() == 0
    assert close_matte(cracked)[78:80, 45:115].min() == 1


@pytest.mark.parametrize("clean", [open_matte, close_matte, fill_holes, largest_person])
def test_a_clean_matte_with_soft_edges_stays(person: np.ndarray, clean) -> None:
    before = person.copy()
    cleaned = clean(person)
    assert cleaned.dtype == np.float32
    np.testing.assert_allclose(cleaned, person, atol=0.02)
    np.testing.assert_array_equal(person, before)  # not written into


def test_holes_are_filled_with_their_rims_and_open_arms_stay(person: np.ndarray) -> None:
    holed = person.copy()
    hole = np.zeros_like(person)
    cv2.circle(hole, (75, 75), 5, 1, -1)
    holed -= cv2.GaussianBlur(hole, (0, 0), 1.5)
    np.testing.assert_allclose(fill_holes(holed), person, atol=0.02)
    cv2.circle(holed, (80, 85), 25, 0, -1)  # a fifth of the person: the room, seen through an arm
    assert fill_holes(holed)[85, 80] == 0


def test_what_touches_the_border_is_no_hole(person: np.ndarray) -> None:
    person[:, 70:75] = 0
    assert fill_holes(person)[:, 70:75].max() == 0


def test_the_largest_person_keeps_their_own_softness(person: np.ndarray) -> None:
    pair = person.copy()
    cv2.circle(pair, (180, 40), 12, 1, -1)
    pair = cv2.GaussianBlur(pair, (0, 0), 1)
    alone = largest_person(pair)
    assert alone[40, 165:].max() == 0
    np.testing.assert_array_equal(alone[:, :140], pair[:, :140])


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (3, 40)])
def test_any_size_and_constant_mattes(size: tuple[int, int], value: float) -> None:
    matte = np.full(size, value, np.float32)
    everything = Cleaning(opening=True, closing=True, holes=True, largest=True)
    np.testing.assert_array_equal(everything(matte), matte)


def test_nothing_asked_nothing_done(person: np.ndarray) -> None:
    assert Cleaning()(person) is person
