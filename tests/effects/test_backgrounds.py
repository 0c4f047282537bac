"""Bokeh, edges, and fitting a picture to a frame."""

import cv2
import numpy as np
import pytest

from livematte.effects import cover, fit_picture, open_chain
from livematte.effects.bokeh import bokeh_background
from livematte.effects.edges import background_edges
from livematte.effects.light import to_display, to_light
from livematte.errors import UsageError

NOBODY = np.zeros((200, 240), np.float32)


def test_light_and_back() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    light = to_light(values)
    assert (light.min(), light.max()) == (0, 1)
    assert abs(light[0, 10] - 10 / 255 / 12.92) < 1e-6  # the straight part of the curve
    assert abs(light.flat[188] - 0.5029) < 1e-3
    np.testing.assert_array_equal(to_display(light), values)
    np.testing.assert_array_equal(to_display(np.float32([[-1, 2]])), [[0, 255]])


def test_a_point_of_light_becomes_a_disc() -> None:
    room = np.zeros((200, 240, 3), np.uint8)
    room[99:102, 119:122] = 255
    blurred = to_light(bokeh_background(room, NOBODY, radius=0.05, boost=1))[..., 1]
    away = np.hypot(*np.mgrid[-100:100, -120:120])
    inside, outside = blurred[away < 9], blurred[away > 15]
    assert outside.max() < 1e-3
    assert inside.std() < 0.05 * inside.mean()  # flat, as no Gaussian is
    assert abs(blurred.sum() - 9) < 0.7  # light is spread, not lost
    brighter = to_light(bokeh_background(room, NOBODY, radius=0.05, boost=8))[..., 1]
    assert abs(brighter[away < 9].mean() / inside.mean() - 8) < 0.6


def test_light_is_averaged_as_light() -> None:
    """Black and white in turn are half the light: 188 of 255, not 128."""
    room = np.zeros((200, 240, 3), np.uint8)
    room[:, ::2] = 255
    blurred = bokeh_background(room, NOBODY, radius=0.05, boost=1)
    assert np.abs(blurred[40:160, 40:200].astype(int) - 188).max() <= 3


def test_a_room_without_lights_keeps_its_brightness() -> None:
    room = np.full((200, 240, 3), (90, 160, 210), np.uint8)
    assert np.abs(bokeh_background(room, NOBODY).astype(int) - room).max() <= 1


def test_bokeh_does_not_smear_the_person() -> None:
    frame = np.full((200, 240, 3), (40, 160, 40), np.uint8)
    alpha = np.zeros((200, 240), np.float32)
    alpha[60:, 80:160] = 1
    frame[60:, 80:160] = (250, 10, 10)
    room = bokeh_background(frame, alpha, radius=0.05)
    assert np.abs(room.astype(int) - (40, 160, 40)).max() <= 2
    made = open_chain(["bokeh"])(frame, alpha)
    np.testing.assert_array_equal(made[alpha == 1], frame[alpha == 1])


def test_edges_are_where_the_brightness_rises() -> None:
    room = np.full((200, 240, 3), 40, np.uint8)
    room[:, 120:] = 200
    drawn = background_edges(room, NOBODY)
    across = drawn[100, :, 0].astype(int)
    assert across[119:121].min() == across.max() > 200
    assert across[:114].max() == across[126:].max() == 0
    np.testing.assert_array_equal(drawn[..., 0], drawn[..., 2])


def test_the_persons_outline_is_not_drawn() -> None:
    alpha = NOBODY.copy()
    cv2.circle(alpha, (120, 100), 50, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
    frame = (40 + 200 * alpha[..., None] * np.ones(3)).astype(np.uint8)
    assert background_edges(frame, NOBODY).max() > 100
    assert background_edges(frame, alpha).max() <= 6
    made = open_chain(["edges"])(frame, alpha)
    np.testing.assert_array_equal(made[alpha == 1], frame[alpha == 1])


def test_edges_in_part() -> None:
    room = np.full((200, 240, 3), 100, np.uint8)
    half = open_chain(["edges"], strength=0.25, background=True)(room, NOBODY, room)
    assert np.abs(half.astype(int) - 75).max() <= 1


@pytest.mark.parametrize("name", ["blur", "bokeh", "edges"])
def test_a_given_background_is_taken_whole(name: str) -> None:
    """The person stands in the frame, not in the picture that replaces it."""
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (200, 240, 3), dtype=np.uint8)
    picture = cv2.GaussianBlur(rng.integers(0, 255, frame.shape, dtype=np.uint8), (0, 0), 5)
    alpha = np.zeros((200, 240), np.float32)
    alpha[:, 80:160] = 1
    chain = open_chain([name], background=True)
    with_person, without = chain(frame, alpha, picture), chain(frame, NOBODY, picture)
    np.testing.assert_array_equal(with_person[alpha == 0], without[alpha == 0])


@pytest.mark.parametrize("size", [(50, 100), (100, 50), (10, 1000), (60, 60)])
@pytest.mark.parametrize("quick", [False, True])
def test_fits(size: tuple[int, int], quick: bool) -> None:
    """A white picture with a black square in its middle."""
    height, width = size
    picture = np.full((60, 60, 3), 255, np.uint8)
    picture[20:40, 20:40] = (200, 0, 0)
    middle = (height // 2, width // 2)
    np.testing.assert_array_equal(
        fit_picture(picture, *size, quick=quick), cover(picture, *size, quick=quick)
    )
    whole = fit_picture(picture, *size, "fit", quick=quick)
    side = min(size)
    assert whole.shape == (*size, 3)
    assert whole[middle].tolist() == [200, 0, 0]
    assert (whole.max(axis=2) > 0).sum() == side * side  # all of it, in its proportions
    stretched = fit_picture(picture, *size, "stretch", quick=quick)
    assert stretched.shape == (*size, 3)
    assert stretched.max(axis=2).min() > 150
    red = (stretched[..., 2] < 100).mean()
    assert abs(red - 1 / 9) < 0.04


def test_other_fits_are_refused() -> None:
    picture = np.zeros((6, 6, 3), np.uint8)
    with pytest.raises(UsageError, match="fill, fit, stretch, not by crop"):
        fit_picture(picture, 5, 5, "crop")
    with pytest.raises(UsageError, match="nothing is fitted"):
        fit_picture(picture, 0, 5, "fit")
    with pytest.raises(UsageError, match="a picture is"):
        fit_picture(picture[..., 0], 5, 5, "stretch")
