"""Still where the picture is still, quick where it moves, and no memory of what is gone."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from livematte.refinement import Steadiness

SIZE = (48, 192)
Clip = list[tuple[np.ndarray, np.ndarray]]


def moving_edge(speed: float, *, contrast: float = 0.25, noise: float = 0.008) -> Clip:
    """A person whose edge moves to the right by ``speed`` pixels per frame: mattes and images."""
    rng = np.random.default_rng(5)
    columns = np.arange(SIZE[1]) + 0.5
    clip = []
    for number in range(24):
        edge = np.clip(40 + speed * number - columns + 0.5, 0, 1).astype(np.float32)
        alpha = np.tile(edge, (SIZE[0], 1))
        image = 0.4 + contrast * alpha[..., None] + rng.normal(0, noise, (*SIZE, 3))
        clip.append((alpha, np.clip(image, 0, 1).astype(np.float32)))
    return clip


def steadied(clip: Clip, *, flow: bool) -> list[np.ndarray]:
    steady = Steadiness(flow=flow)
    return [steady(matte, image, number == 0) for number, (matte, image) in enumerate(clip)]


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("contrast", [0.1, 0.5])
@pytest.mark.parametrize("speed", [0.05, 0.3, 1.0, 4.0])
def test_a_moving_edge_is_less_than_half_a_pixel_behind(
    speed: float, contrast: float, flow: bool
) -> None:
    clip = moving_edge(speed, contrast=contrast)
    for (alpha, _), matte in zip(clip, steadied(clip, flow=flow), strict=True):
        behind = (alpha.sum(axis=1) - matte.sum(axis=1)).mean()  # pixels, for the edge is 0 to 1
        assert abs(behind) < 0.5


@pytest.mark.parametrize("flow", [False, True])
def test_flicker_on_a_still_picture_is_mostly_gone(flow: bool) -> None:
    rng = np.random.default_rng(6)
    clip = moving_edge(0.0)
    soft = 0.2 + 0.6 * cv2.GaussianBlur(clip[0][0], (0, 0), 2)
    shaken = [
        ((soft + 0.05 * rng.standard_normal(SIZE)).astype(np.float32), image) for _, image in clip
    ]

    def change(mattes: list[np.ndarray]) -> float:
        return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(mattes)]))

    mattes = steadied(shaken, flow=flow)
    assert change(mattes[8:]) < 0.2 * change([matte for matte, _ in shaken][8:])
    assert np.abs(mattes[-1] - soft).mean() < 0.5 * np.abs(shaken[-1][0] - soft).mean()


@pytest.mark.parametrize("flow", [False, True])
def test_light_that_changes_slowly_is_no_movement(flow: bool) -> None:
    """The same flicker, while it becomes a quarter darker."""
    rng = np.random.default_rng(7)
    steady, mattes = Steadiness(flow=flow), []
    for number, (alpha, image) in enumerate(moving_edge(0.0)):
        shaken = np.clip(alpha + 0.2 * rng.standard_normal(SIZE), 0, 1).astype(np.float32)
        mattes.append(steady(shaken, image * np.float32(1 - 0.01 * number), number == 0))
    assert np.abs(mattes[-1] - mattes[-2]).mean() < 0.03


@pytest.mark.parametrize("flow", [False, True])
def test_who_is_gone_leaves_nothing(flow: bool) -> None:
    (alpha, image), *_ = moving_edge(0.0, contrast=0.5)
    steady = Steadiness(flow=flow)
    for number in range(6):
        steady(alpha, image, number == 0)
    empty = np.full_like(image, 0.4)
    assert steady(np.zeros_like(alpha), empty, False).mean() < 0.01


def test_a_fresh_frame_is_taken_as_it_is() -> None:
    (alpha, image), *_ = moving_edge(0.0)
    steady = Steadiness()
    steady(alpha, image, True)
    again = 1 - alpha
    np.testing.assert_array_equal(steady(again, image, True), again)


def test_flow_carries_the_matte_of_what_moves() -> None:
    """A textured person moves by two pixels per frame, and their matte flickers."""
    rng = np.random.default_rng(8)
    texture = cv2.GaussianBlur(rng.random((64, 256, 3)).astype(np.float32), (0, 0), 2)
    texture = (texture - texture.min()) / (texture.max() - texture.min())
    inside = np.zeros((64, 256), np.float32)
    inside[8:56, 80:180] = 1
    errors = {False: 0.0, True: 0.0}
    for flow in errors:
        steady, random = Steadiness(flow=flow), np.random.default_rng(9)
        for number in range(12):
            image, alpha = (np.roll(layer, 2 * number, axis=1) for layer in (texture, inside))
            matte = np.clip(alpha - 0.4 * random.random(alpha.shape), 0, 1).astype(np.float32)
            answer = steady(matte, image, number == 0)
        errors[flow] = float((answer[12:52, 110:190]).std())
    assert errors[True] < 0.6 * errors[False]


def test_a_view_that_moves_takes_the_memory_along() -> None:
    (alpha, image), *_ = moving_edge(0.0, noise=0.0)
    steady = Steadiness()
    for number in range(4):
        steady(alpha, image, number == 0)
    steady.follow(np.array([[1.0, 0, 10], [0, 1.0, 0]]))
    moved = [np.roll(layer, -10, axis=1) for layer in (alpha, image)]
    flicker = np.zeros_like(alpha)
    held = steady(flicker, moved[1], False)
    assert held[:, :25].min() > 0.8  # the person is still there, ten pixels to the left
    assert held[:, 35:150].max() < 0.01
