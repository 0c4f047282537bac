"""Effects by name, and chains of them."""

import numpy as np
import pytest

from livematte.effects import EFFECTS, blend, cut_out, open_chain
from livematte.errors import UsageError

PERSON, ROOM = (200, 40, 40), (40, 200, 40)


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """A person left of a soft edge, in a room of another colour: 60×80."""
    row = np.clip((44 - np.arange(80)) / 8, 0, 1).astype(np.float32)
    alpha = np.repeat(row[None], 60, 0)
    mixed = alpha[..., None] * np.array(PERSON) + (1 - alpha[..., None]) * np.array(ROOM)
    return np.round(mixed).astype(np.uint8), alpha


def test_no_effect_is_a_blend_or_a_cut_out(scene) -> None:
    frame, alpha = scene
    np.testing.assert_array_equal(
        open_chain()(frame, alpha, (0, 0, 255)), blend(frame, alpha, (0, 0, 255))
    )
    rgba, expected = open_chain()(frame, alpha), cut_out(frame, alpha)
    assert np.abs(rgba.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("strength", [0.0, None, 1.0])
def test_every_effect_composes(scene, name: str, strength: float | None) -> None:
    frame, alpha = scene
    before = frame.copy(), alpha.copy()
    behind = np.random.default_rng(0).integers(0, 255, frame.shape, dtype=np.uint8)
    kept = behind.copy()
    chain = open_chain([name], strength=strength, background=True)
    for number in range(3):
        result = chain(frame, alpha, behind, time=number / 25)
        assert (result.shape, result.dtype) == (frame.shape, np.uint8)
    for given, was in ((frame, before[0]), (alpha, before[1]), (behind, kept)):
        np.testing.assert_array_equal(given, was)
    if strength == 0:
        plain = blend(frame, alpha, behind).astype(int)
        assert np.abs(result - plain).max() <= 2


@pytest.mark.parametrize("name", EFFECTS)
def test_a_colour_is_a_background_like_any_other(scene, name: str) -> None:
    colour = (30, 60, 90)
    picture = np.full(scene[0].shape, colour, np.uint8)
    results = [open_chain([name], background=True)(*scene, behind) for behind in (colour, picture)]
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("name", EFFECTS)
def test_what_is_transparent_shows_the_background(scene, name: str) -> None:
    frame, alpha = scene
    behind = np.full(frame.shape, (90, 140, 60), np.uint8)
    opacity = np.ones(alpha.shape, np.float32)
    opacity[:30] = 0
    chain = open_chain([name], background=True)
    made = chain(frame, alpha, behind, opacity=opacity)
    nobody = chain(frame, np.zeros_like(alpha), behind, cut=True)
    np.testing.assert_array_equal(made[:30], nobody[:30])
    assert (made[30:, :30] != nobody[30:, :30]).any()


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (3, 2)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_any_size(name: str, size: tuple[int, int], value: float) -> None:
    frame = np.full((*size, 3), 90, np.uint8)
    chain = open_chain([name], background=True)
    result = chain(frame, np.full(size, value, np.float32), frame)
    assert result.shape == frame.shape


@pytest.mark.parametrize("name", EFFECTS)
def test_who_needs_a_background_says_so(scene, name: str) -> None:
    if EFFECTS[name].needs_background:
        with pytest.raises(UsageError, match=f"{name} needs a background.* blur"):
            open_chain([name])
        made = open_chain([name, "blur"])(*scene)
    else:
        made = open_chain([name])(*scene)
    assert made.shape[:2] == scene[1].shape


@pytest.mark.parametrize(
    ("names", "strength", "message"),
    [
        (["sepia"], None, "no effect is called 'sepia'; there are smooth-step, "),
        (["blur", "blur"], None, "given twice"),
        (["blur"], 1.1, r"strength of blur lies in \[0, 1\]"),
        (["blur"], float("nan"), "strength of blur"),
        (["blur"], {"blur": -1.0}, "strength of blur"),
    ],
)
def test_chains_that_cannot_be(names, strength, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_chain(names, strength=strength)


def test_stages_decide_the_order(scene) -> None:
    results = [
        open_chain(names)(*scene) for names in (["smooth-step", "blur"], ["blur", "smooth-step"])
    ]
    np.testing.assert_array_equal(*results)


def test_a_smooth_step_firms_the_edge(scene) -> None:
    frame, alpha = scene
    made = open_chain(["smooth-step"])(frame, alpha)[..., 3] / 255
    np.testing.assert_array_equal(made[alpha <= 0.2], 0)
    np.testing.assert_array_equal(made[alpha >= 0.8], 1)
    assert abs(made[alpha == 0.5].mean() - 0.5) < 0.01
    halfway = open_chain(["smooth-step"], strength=0.5)(frame, alpha)[..., 3] / 255
    assert np.abs(halfway - (made + alpha) / 2).max() < 0.01
