"""Seamless cloning, and the glow at the edge."""

import cv2
import numpy as np
import pytest

from livematte.effects import open_chain
from livematte.effects.clone import membrane, seam_difference, shift_colours
from livematte.effects.wrap import light_wrap

SIZE = (120, 160)


def rooms() -> tuple[np.ndarray, np.ndarray]:
    """An old and a new one, whose difference changes from place to place."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    old = np.stack([80 + 0.2 * x, 100 + 0.1 * y, 90 + 0 * x], -1)
    new = np.stack([120 + 0.1 * y, 80 + 0.3 * x, 150 - 0.2 * x], -1)
    return old.astype(np.uint8), new.astype(np.uint8)


def person(centre: tuple[int, int] = (81, 62)) -> tuple[np.ndarray, np.ndarray]:
    """A textured oval before the old room, and its matte."""
    alpha = np.zeros(SIZE, np.float32)
    cv2.ellipse(alpha, centre, (30, 40), 0, 0, 360, 1.0, -1)
    noise = np.random.default_rng(0).integers(0, 255, (*SIZE, 3)).astype(np.float32)
    texture = 110 + 4 * (cv2.GaussianBlur(noise, (0, 0), 2) - 127)
    moved = np.roll(texture, (centre[1] - 62, centre[0] - 81), (0, 1))
    frame = np.where(alpha[..., None] > 0, np.clip(moved, 30, 190), rooms()[0])
    return frame.astype(np.uint8), alpha


def test_a_membrane_over_a_slope_is_the_slope() -> None:
    """A plane has no bump, so it is its own continuation."""
    y, x = np.mgrid[:90, :130].astype(np.float32)
    plane = np.stack([x, y, x - 2 * y], -1)
    known = np.ones((90, 130), bool)
    known[20:70, 30:100] = False
    hidden = np.where(known[..., None], plane, -1000)
    assert np.abs(membrane(hidden, known) - plane).max() < 0.002 * np.ptp(plane)


def test_a_membrane_stays_between_its_borders_values() -> None:
    known = np.ones((64, 64), bool)
    known[10:50, 10:50] = False
    values = np.random.default_rng(1).uniform(-50, 80, (64, 64, 3)).astype(np.float32)
    inside = membrane(values, known)[~known]
    assert inside.min() >= -50
    assert inside.max() <= 80


@pytest.mark.parametrize("known", [0, 1])
def test_membranes_without_a_border(known: int) -> None:
    values = np.full((5, 7, 3), 9, np.float32)
    field = membrane(values, np.full((5, 7), bool(known)))
    np.testing.assert_array_equal(field, 9 * known)


def test_a_membrane_runs_level_into_the_pictures_border() -> None:
    """A person who is cut off below: what is known at the sides reaches down."""
    known = np.ones((60, 60), bool)
    known[20:, 15:45] = False
    values = np.full((60, 60, 3), 25, np.float32)
    assert np.abs(membrane(values, known) - 25).max() < 0.01


def test_it_agrees_with_opencv_where_that_is_placed_right() -> None:
    (frame, alpha), (_, new) = person(), rooms()
    wide = cv2.dilate((alpha > 0).astype(np.uint8) * 255, np.ones((15, 15), np.uint8))
    left, top, width, height = cv2.boundingRect(wide)
    ours = shift_colours(frame, seam_difference(frame, alpha, new))

    def difference(centre: tuple[int, int]) -> np.ndarray:
        mask = wide.copy()  # it is written into
        theirs = cv2.seamlessClone(frame, new, mask, centre, cv2.NORMAL_CLONE)
        return np.abs(theirs.astype(int) - ours)[alpha == 1]

    right = (left + width // 2, top + height // 2)
    assert difference(right).mean() < 1.2
    assert difference(right).max() <= 4
    beside = (right[0] - 1, right[1])
    assert difference(beside).mean() > 10  # the person is not where the frame has them


def test_the_seam_vanishes() -> None:
    """A strip of the old room that the matte takes for person becomes the new room."""
    (frame, alpha), (_, new) = person(), rooms()
    loose = cv2.dilate(alpha, np.ones((13, 13), np.uint8))
    strip = (loose == 1) & (alpha == 0)
    chain = open_chain(["seamless-clone"], strength=1.0, background=True)
    plain = open_chain(background=True)(frame, loose, new)
    errors = [
        np.abs(made.astype(int) - new)[strip].mean() for made in (plain, chain(frame, loose, new))
    ]
    assert errors[1] < 0.1 * errors[0]


def test_the_person_stays_in_place() -> None:
    """As the person walks to the right, the texture stays on its pixels, in every frame."""
    chain = open_chain(["seamless-clone"], strength=1.0, background=True)
    new = rooms()[1]
    for number in range(12):
        frame, alpha = person((70 + number, 58 + number % 3))
        made = chain(frame, alpha, new, time=number / 25)
        core = cv2.erode(alpha, np.ones((9, 9), np.uint8)) == 1
        detail = [cv2.Laplacian(x, cv2.CV_32F) for x in (frame, made)]
        assert np.abs(detail[0] - detail[1])[core].mean() < 0.2 * np.abs(detail[0])[core].mean()
        np.testing.assert_array_equal(made[alpha == 0], new[alpha == 0])


def test_the_tone_does_not_flicker_with_the_background() -> None:
    frame, alpha = person()
    chain = open_chain(["seamless-clone"], strength=1.0, background=True)
    tones = []
    for number in range(30):
        new = rooms()[1] + np.uint8(12 * (number % 2))
        tones.append(chain(frame, alpha, new, time=number / 30)[62, 81].astype(int))
    assert np.abs(np.diff(tones[5:], axis=0)).max() <= 2


def test_the_glow_is_at_the_edge_and_of_the_backgrounds_colour() -> None:
    colours = np.full((200, 200, 3), 80, np.uint8)
    alpha = np.zeros((200, 200), np.float32)
    alpha[:, :100] = 1
    red = np.zeros_like(colours)
    red[..., 0] = 255
    lit = light_wrap(colours, alpha, red, strength=0.5, reach=0.02)
    across = lit[100, :, 0].astype(int)
    assert across[99] > 130
    assert (np.diff(across[:100]) >= 0).all()  # less and less inside
    assert across[:80].max() == 80
    np.testing.assert_array_equal(lit[..., 1:], colours[..., 1:])
    dark = light_wrap(colours, alpha, np.zeros_like(colours))
    np.testing.assert_array_equal(dark, colours)
    more = light_wrap(colours, alpha, red, strength=1.0, reach=0.02)[100, 95:100, 0]
    assert (more > across[95:100]).all()


def test_the_glow_lies_on_the_person_only() -> None:
    frame, alpha = person()
    white = np.full_like(frame, 255)
    made = open_chain(["light-wrap"], strength=1.0, background=True)(frame, alpha, white)
    plain = open_chain(background=True)(frame, alpha, white)
    np.testing.assert_array_equal(made[alpha == 0], plain[alpha == 0])
    assert (made >= plain).all()
    assert (made[alpha > 0] > plain[alpha > 0]).any()
