"""Prior masks: the warps go where they are told, and chance is repeatable."""

from __future__ import annotations

import numpy as np
import pytest

from livematte.data.priors import (
    PriorConfig,
    affine_warp,
    distort_prior,
    empty_prior,
    make_prior,
    motion_blur,
    perspective_warp,
    thin_plate_warp,
)

CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float64)


@pytest.fixture
def alpha() -> np.ndarray:
    matte = np.zeros((60, 80), np.float32)
    matte[20:50, 25:55] = 1
    return matte


def centre(matte: np.ndarray) -> tuple[float, float]:
    y, x = np.indices(matte.shape)
    return float((matte * x).sum() / matte.sum()), float((matte * y).sum() / matte.sum())


@pytest.mark.parametrize(
    "warp",
    [
        lambda a, p: affine_warp(a, p[:3]),
        perspective_warp,
        lambda a, p: thin_plate_warp(a, CORNERS, p),
    ],
    ids=["affine", "perspective", "thin plate"],
)
class TestWarps:
    def test_points_that_stay_change_nothing(self, warp, alpha):
        np.testing.assert_allclose(warp(alpha, CORNERS), alpha, atol=1e-3)

    def test_points_that_move_carry_the_matte_along(self, warp, alpha):
        moved = warp(alpha, CORNERS + np.array([0.1, -0.05]))
        before, after = centre(alpha), centre(moved)
        assert after[0] - before[0] == pytest.approx(8, abs=0.1)
        assert after[1] - before[1] == pytest.approx(-3, abs=0.1)


def test_thin_plate_bends_only_near_the_point_that_moves():
    grid = np.stack(np.meshgrid([0, 0.5, 1], [0, 0.5, 1]), axis=-1).reshape(-1, 2)
    target = grid.copy()
    target[4] += [0.1, 0]
    spots = np.zeros((101, 101), np.float32)
    spots[50, 50] = spots[50, 0] = 1
    bent = thin_plate_warp(spots, grid, target)
    assert abs(int(bent[50, 10:].argmax()) + 10 - 60) <= 1
    assert bent[50, :3].argmax() == 0


def test_motion_blur_keeps_the_mass_and_smears_along_its_line():
    dot = np.zeros((41, 41), np.float32)
    dot[20, 20] = 1
    blurred = motion_blur(dot, 11, 0)
    assert blurred.sum() == pytest.approx(1, abs=1e-5)
    assert (blurred[20, 15:26] > 0.05).all()
    assert blurred[19].max() < 1e-6
    diagonal = motion_blur(dot, 11, 45)
    assert diagonal[23, 23] > 0.02
    assert diagonal[23, 17] < 1e-6


def test_short_blur_changes_nothing(alpha):
    assert motion_blur(alpha, 1, 30) is alpha


def test_priors_are_plausible_and_repeatable(alpha):
    rng, again = np.random.default_rng(3), np.random.default_rng(3)
    overlaps = []
    for _ in range(20):
        prior = distort_prior(alpha, rng)
        np.testing.assert_array_equal(prior, distort_prior(alpha, again))
        assert prior.shape == alpha.shape
        assert prior.dtype == np.float32
        assert 0 <= prior.min() <= prior.max() <= 1
        both = np.minimum(prior, alpha).sum() / np.maximum(prior, alpha).sum()
        overlaps.append(both)
    assert min(overlaps) > 0.4
    assert len({round(float(v), 4) for v in overlaps}) > 10


def test_empty_priors_come_as_often_as_asked(alpha):
    rng = np.random.default_rng(0)
    assert not empty_prior((4, 6)).any()
    empty = [not make_prior(alpha, rng, PriorConfig(empty=0.5)).any() for _ in range(100)]
    assert 30 < sum(empty) < 70
    assert not any(not make_prior(alpha, rng, PriorConfig(empty=0)).any() for _ in range(10))
