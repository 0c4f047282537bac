"""Colours carried over from the background, and what is kept steady over a film."""

import math
from itertools import pairwise

import cv2
import numpy as np
import pytest

from livematte.effects import Shot, open_chain
from livematte.effects.memory import Steady
from livematte.effects.transfer import apply_in_lab, measure, monge_kantorovich, reinhard

MIXES = {"person": ((140, 110, 100), (14, 11, 9)), "room": ((110, 130, 140), (8, 10, 9))}


def colours(kind: str, shape: tuple[int, int] = (64, 64), slope: float = 0.0) -> np.ndarray:
    """Random colours, smooth enough to survive shrinking, none of them clipped."""
    mean, spread = MIXES[kind]
    rng = np.random.default_rng(len(kind))
    noise = cv2.GaussianBlur(rng.normal(size=(*shape, 3)), (0, 0), 3)
    noise = (noise - noise.mean((0, 1))) / noise.std((0, 1))
    noise[..., 2] += slope * noise[..., 0]
    return np.clip(np.array(mean) + noise * spread, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("solve", [reinhard, monge_kantorovich])
def test_the_targets_moments_are_reached(solve) -> None:
    person, room = colours("person"), colours("room", slope=0.8)
    source, target = measure(person), measure(room)
    made = measure(apply_in_lab(person, solve(source, target)))
    assert np.abs(made.mean - target.mean).max() < 0.3
    deviations = [np.sqrt(np.diagonal(m.covariance)) for m in (made, target)]
    assert np.abs(deviations[0] - deviations[1]).max() < 1.2


def test_only_the_transport_carries_correlations_over() -> None:
    person, room = colours("person"), colours("room", slope=0.8)
    source, target = measure(person), measure(room)

    def apart(solve) -> float:
        made = measure(apply_in_lab(person, solve(source, target)))
        return float(np.linalg.norm(made.covariance - target.covariance))

    assert apart(monge_kantorovich) < 0.35 * apart(reinhard)


@pytest.mark.parametrize("solve", [reinhard, monge_kantorovich])
def test_what_has_the_right_colours_keeps_them(solve) -> None:
    moments = measure(colours("person"))
    np.testing.assert_allclose(solve(moments, moments), np.eye(3, 4), atol=1e-6)


def test_the_transport_is_symmetric_and_positive() -> None:
    """Of all linear maps between two covariances, that is the one that moves colours least."""
    factors = monge_kantorovich(measure(colours("person")), measure(colours("room", slope=1.0)))
    np.testing.assert_allclose(factors[:, :3], factors[:, :3].T, atol=1e-9)
    assert np.linalg.eigvalsh(factors[:, :3]).min() > 0


def test_measures_of_known_colours() -> None:
    picture = np.full((40, 60, 3), (255, 0, 0), np.uint8)
    picture[:, 30:] = (0, 0, 255)
    alpha = np.zeros((40, 60), np.float32)
    alpha[:, :30] = 1
    red = measure(picture, alpha)
    np.testing.assert_allclose(red.mean, [53.2, 80.1, 67.2], atol=0.3)  # CIE Lab of sRGB red
    assert np.abs(red.covariance).max() < 0.1
    assert measure(picture, np.zeros_like(alpha)) is None


@pytest.mark.parametrize("name", ["colour-transfer", "colour-mapping"])
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_the_person_goes_towards_the_room(name: str, strength: float) -> None:
    """The mean of the person's Lab colours goes the strength's part of the way."""
    frame, room = colours("person", (90, 120)), colours("room", (90, 120))
    alpha = np.zeros((90, 120), np.float32)
    alpha[:, :60] = 1
    made = open_chain([name], strength=strength, background=True)(frame, alpha, room)
    np.testing.assert_array_equal(made[:, 60:], room[:, 60:])
    before, after, goal = measure(frame, alpha), measure(made, alpha), measure(room)
    expected = before.mean + strength * (goal.mean - before.mean)
    assert np.abs(after.mean - expected).max() < 0.4


@pytest.mark.parametrize("name", ["colour-transfer", "colour-mapping"])
def test_a_wall_of_one_colour_leaves_contrast(name: str) -> None:
    frame = colours("person", (90, 120))
    alpha = np.ones((90, 120), np.float32)
    made = open_chain([name], strength=1.0, background=True)(frame, alpha, (90, 130, 140))
    assert made.std(axis=(0, 1)).max() > 2


def shot(time: float, cut: bool = False) -> Shot:
    frame = np.zeros((2, 2, 3), np.uint8)
    return Shot(frame, np.zeros((2, 2), np.float32), time=time, cut=cut)


def test_what_is_measured_follows_slowly() -> None:
    steady = Steady(seconds=0.5)
    zero, one = np.zeros(2), np.ones(2)
    np.testing.assert_array_equal(steady(zero, shot(0.0, cut=True)), zero)
    for number in range(1, 26):  # however many frames half a second has
        value = steady(one, shot(number / 50))
    np.testing.assert_allclose(value, 1 - math.exp(-1), atol=1e-9)
    np.testing.assert_array_equal(steady(zero, shot(0.6, cut=True)), zero)
    np.testing.assert_array_equal(steady(np.ones(3), shot(0.7)), np.ones(3))  # another size


def test_a_matte_that_flickers_does_not_make_the_colours_flicker() -> None:
    frame = colours("person", (90, 120))
    frame[:30] = (250, 240, 40)
    room = colours("room", (90, 120))
    alphas = np.ones((2, 90, 120), np.float32)
    alphas[1, :30] = 0  # every other frame a bright part is lost

    def flicker(fresh: bool) -> float:
        chain = open_chain(["colour-transfer"], strength=1.0, background=True)
        seen = [
            chain(frame, alphas[n % 2], room, time=n / 30, cut=fresh)[60:].astype(float)
            for n in range(40)
        ]
        return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(seen[-8:])]))

    assert flicker(fresh=False) < 0.12 * flicker(fresh=True)


def test_a_cut_in_the_background_is_followed_at_once() -> None:
    frame, alpha = colours("person", (90, 120)), np.ones((90, 120), np.float32)
    dark, bright = np.full((2, 90, 120, 3), [[[[20]]], [[[235]]]], np.uint8)
    chain = open_chain(["colour-transfer"], strength=1.0, background=True)
    for number in range(5):
        chain(frame, alpha, dark, time=number / 30)
    after = chain(frame, alpha, bright, time=5 / 30)
    fresh = open_chain(["colour-transfer"], strength=1.0, background=True)(frame, alpha, bright)
    np.testing.assert_array_equal(after, fresh)
