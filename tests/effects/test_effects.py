"""Composing over colours and pictures, cutting out, blurring."""

import numpy as np
import pytest

from livematte.effects import blend, blur_background, blurred_background, cover, cut_out
from livematte.errors import UsageError

PERSON, ROOM = (200, 40, 40), (40, 200, 40)


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """A person left of a soft edge, in a room of another colour: 60×80."""
    row = np.clip((44 - np.arange(80)) / 8, 0, 1).astype(np.float32)
    alpha = np.repeat(row[None], 60, 0)
    mixed = alpha[..., None] * np.array(PERSON) + (1 - alpha[..., None]) * np.array(ROOM)
    return np.round(mixed).astype(np.uint8), alpha


def test_nothing_of_the_room_is_left_at_the_edge(scene) -> None:
    frame, alpha = scene
    blue = (0, 0, 255)
    expected = alpha[..., None] * np.array(PERSON) + (1 - alpha[..., None]) * np.array(blue)
    assert np.abs(blend(frame, alpha, blue) - expected).max() < 12
    naive = alpha[..., None] * frame + (1 - alpha[..., None]) * np.array(blue)
    assert np.abs(naive - expected).max() > 30


def test_pictures_as_background(scene) -> None:
    frame, alpha = scene
    behind = np.random.default_rng(0).integers(0, 255, frame.shape, dtype=np.uint8)
    result = blend(frame, alpha, behind)
    np.testing.assert_array_equal(result[alpha == 0], behind[alpha == 0])
    np.testing.assert_array_equal(result[alpha == 1], frame[alpha == 1])


def test_cut_outs_hide_the_room(scene) -> None:
    frame, alpha = scene
    rgba = cut_out(frame, alpha)
    assert rgba.shape == (60, 80, 4)
    assert np.abs(rgba[..., 3] / 255 - alpha).max() < 0.003
    assert rgba[rgba[..., 3] == 0].max() == 0


def test_blur_does_not_smear_the_person_into_the_room(scene) -> None:
    frame, alpha = scene
    assert np.abs(blurred_background(frame, alpha, strength=0.1) - np.array(ROOM)).max() < 12
    result = blur_background(frame, alpha, strength=0.1)
    np.testing.assert_array_equal(result[alpha == 1], frame[alpha == 1])


def test_blur_blurs() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    blurred = blurred_background(frame, np.zeros((200, 200), np.float32))
    assert blurred.std() < 0.25 * frame.std()
    assert abs(blurred.mean() - frame.mean()) < 3


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (3, 3)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_any_size(size: tuple[int, int], value: float) -> None:
    frame = np.full((*size, 3), 90, np.uint8)
    result = blur_background(frame, np.full(size, value, np.float32))
    assert np.abs(result.astype(int) - 90).max() <= 1


@pytest.mark.parametrize("size", [(50, 100), (100, 50), (10, 1000), (60, 60)])
def test_cover_keeps_proportions_and_the_middle(size: tuple[int, int]) -> None:
    picture = np.zeros((60, 60, 3), np.uint8)
    picture[20:40, 20:40] = 255
    covered = cover(picture, *size)
    assert covered.shape == (*size, 3)
    assert covered[size[0] // 2, size[1] // 2].min() == 255


@pytest.mark.parametrize("effect", [cut_out, blur_background, blurred_background])
@pytest.mark.parametrize(
    ("frame", "alpha", "opacity"),
    [
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), np.float32), None),
        (np.zeros((4, 5, 3), np.float32), np.zeros((4, 5), np.float32), None),
        (np.zeros((0, 5, 3), np.uint8), np.zeros((0, 5), np.float32), None),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.float32), None),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.float64), None),
        (np.zeros((4, 5, 3), np.uint8), np.full((4, 5), 255, np.float32), None),
        (np.zeros((4, 5, 3), np.uint8), np.full((4, 5), np.nan, np.float32), None),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.float32), np.ones((4, 4), np.float32)),
    ],
)
def test_what_does_not_fit_is_refused(effect, frame, alpha, opacity) -> None:
    with pytest.raises(UsageError):
        effect(frame, alpha, opacity=opacity)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan"), float("inf")])
def test_other_strengths_are_refused(scene, strength: float) -> None:
    with pytest.raises(UsageError, match="strength"):
        blur_background(*scene, strength=strength)


@pytest.mark.parametrize(
    "background", [(0, 0), (0, 0, 256), (-1, 0, 0), np.zeros((9, 9, 3), np.uint8)]
)
def test_other_backgrounds_are_refused(scene, background) -> None:
    with pytest.raises(UsageError, match=r"colour|background"):
        blend(*scene, background)


def test_no_blur_leaves_the_frame(scene) -> None:
    np.testing.assert_array_equal(blur_background(*scene, strength=0), scene[0])
    assert blur_background(*scene, strength=1e-300).shape == scene[0].shape


def test_the_frames_own_alpha_takes_no_part_in_its_colours(scene) -> None:
    frame, alpha = scene
    opacity = np.full(alpha.shape, 0.4, np.float32)
    plain, faint = cut_out(frame, alpha), cut_out(frame, alpha, opacity=opacity)
    seen = faint[..., 3] > 0
    np.testing.assert_array_equal(faint[seen][:, :3], plain[seen][:, :3])
    assert np.abs(faint[..., 3] / 255 - 0.4 * alpha).max() < 0.003
    assert faint[~seen].max() == 0
    over = blend(frame, alpha, (0, 0, 0), opacity=opacity)
    # Shares are counted in 128ths: each of the two is off by one at most.
    assert np.abs(over - 0.4 * blend(frame, alpha, (0, 0, 0)).astype(float)).max() < 2


def test_what_is_transparent_takes_no_part_in_the_blurred_room(scene) -> None:
    frame, alpha = scene
    opacity = np.ones(alpha.shape, np.float32)
    opacity[:, 60:] = 0
    hidden = frame.copy()
    hidden[:, 60:] = 128
    room = blurred_background(hidden, alpha, strength=0.05, opacity=opacity)
    assert np.abs(room - np.array(ROOM)).max() < 16
