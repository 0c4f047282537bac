"""Every score against a hand-computed case and a slow definition written down independently."""

from __future__ import annotations

import math
from itertools import product

import cv2
import numpy as np
import pytest

from livematte.errors import UsageError
from livematte.evaluation import metrics


def square(height: int, width: int, top: int, left: int, side: int) -> np.ndarray:
    matte = np.zeros((height, width), np.float32)
    matte[top : top + side, left : left + side] = 1
    return matte


def soft_pair(seed: int, height: int = 13, width: int = 17) -> tuple[np.ndarray, np.ndarray]:
    """Two related mattes of blobs, on an 8-bit scale."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]

    def blob(cy: float, cx: float, radius: float) -> np.ndarray:
        return np.clip(radius - np.hypot(y - cy, x - cx), 0, 1)

    centres = rng.uniform(0, [height, width], (3, 2))
    truth = np.max([blob(*c, 3.0) for c in centres], axis=0)
    shifted = np.max([blob(*(c + rng.normal(0, 1, 2)), 3.3) for c in centres], axis=0)
    mixed = 0.8 * shifted + 0.2 * rng.random((height, width))
    return tuple(np.float32(np.round(m * 255) / 255) for m in (mixed, truth))


ALL = {
    "counts": lambda p, t, i: metrics.confusion(p, t, i),
    "mad": metrics.mad,
    "mse": metrics.mse,
    "boundary_f": metrics.boundary_f,
    "gradient": metrics.gradient_error,
    "connectivity": metrics.connectivity_error,
    "calibration": metrics.calibration_bins,
}


@pytest.mark.parametrize("name", ALL)
def test_what_lies_under_ignore_changes_nothing(name: str) -> None:
    prediction, truth = soft_pair(1, 40, 50)
    ignore = np.zeros(truth.shape, bool)
    ignore[10:22, 5:30] = True
    other = prediction.copy()
    other[ignore] = np.random.default_rng(5).random(int(ignore.sum()))
    before, after = ALL[name](prediction, truth, ignore), ALL[name](other, truth, ignore)
    np.testing.assert_allclose(after, before, rtol=1e-6)
    assert not np.allclose(ALL[name](other, truth, None), ALL[name](prediction, truth, None))


@pytest.mark.parametrize("name", ["mad", "mse", "gradient", "connectivity"])
def test_a_perfect_matte_has_no_error(name: str) -> None:
    _, truth = soft_pair(2)
    assert ALL[name](truth, truth, None) == pytest.approx(0, abs=1e-12)


def test_shapes_must_agree() -> None:
    with pytest.raises(UsageError, match="H×W"):
        metrics.mad(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))


def test_ious_of_two_overlapping_squares() -> None:
    # 4×4 squares shifted by one column in a 10×10 picture: 12 shared, 4 false, 4 missed.
    counts = metrics.confusion(square(10, 10, 2, 3, 4), square(10, 10, 2, 2, 4))
    assert counts == (12, 4, 4, 80)
    assert metrics.foreground_iou(counts) == pytest.approx(12 / 20)
    assert metrics.background_iou(counts) == pytest.approx(80 / 88)
    assert metrics.mean_iou(counts) == pytest.approx((12 / 20 + 80 / 88) / 2)
    assert metrics.pixel_accuracy(counts) == pytest.approx(0.92)


def test_ious_of_pictures_without_person_or_without_judged_pixels() -> None:
    empty = np.zeros((4, 4), np.float32)
    assert metrics.mean_iou(metrics.confusion(empty, empty)) == 1
    assert metrics.mean_iou(metrics.confusion(empty + 1, empty)) == 0
    assert math.isnan(metrics.mean_iou(metrics.confusion(empty, empty, empty == 0)))
    assert math.isnan(metrics.mad(empty, empty, empty == 0))


def test_mad_and_mse_by_hand() -> None:
    prediction = np.float32([[0, 0.5], [1, 0.25]])
    truth = np.float32([[0, 1], [1, 0.75]])
    ignore = np.array([[False, False], [False, True]])
    assert metrics.mad(prediction, truth) == pytest.approx(0.25)
    assert metrics.mse(prediction, truth) == pytest.approx(0.125)
    assert metrics.mad(prediction, truth, ignore) == pytest.approx(0.5 / 3)


def slow_boundary_f(prediction: np.ndarray, truth: np.ndarray, reach: float) -> float:
    def outline(mask: np.ndarray) -> list[tuple[int, int]]:
        h, w = mask.shape
        found = []
        for y, x in product(range(h), range(w)):
            near = {(y, min(x + 1, w - 1)), (min(y + 1, h - 1), x)}
            near.add((min(y + 1, h - 1), min(x + 1, w - 1)))
            if any(mask[n] != mask[y, x] for n in near):
                found.append((y, x))
        return found

    def share(points: list[tuple[int, int]], targets: list[tuple[int, int]]) -> float:
        return float(np.mean([min(math.dist(p, t) for t in targets) <= reach for p in points]))

    a, b = outline(prediction >= 0.5), outline(truth >= 0.5)
    precision, recall = share(a, b), share(b, a)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reach", [1.0, 1.5, 3.2])
def test_boundary_f_equals_the_slow_definition(seed: int, reach: float) -> None:
    prediction, truth = soft_pair(seed)
    fast = metrics.boundary_f(prediction, truth, tolerance=reach)
    assert fast == pytest.approx(slow_boundary_f(prediction, truth, reach))


def test_boundary_f_forgives_the_tolerance_and_no_more() -> None:
    truth = np.zeros((60, 60), np.float32)
    truth[:, 30:] = 1
    assert metrics.boundary_tolerance((60, 60)) == 1
    assert metrics.boundary_tolerance((480, 640)) == pytest.approx(3.2)
    assert metrics.boundary_f(np.roll(truth, 1, 1) * truth, truth) == 1
    shifted = np.zeros_like(truth)
    shifted[:, 32:] = 1
    assert metrics.boundary_f(shifted, truth) == 0


def test_boundary_f_without_outline() -> None:
    empty, person = np.zeros((9, 9), np.float32), square(9, 9, 3, 3, 3)
    assert metrics.boundary_f(empty, empty) == 1
    assert metrics.boundary_f(person, empty) == 0
    assert metrics.boundary_f(empty, person) == 0


def test_boundary_f_is_undefined_where_a_void_band_hides_the_outline() -> None:
    truth = square(30, 30, 10, 10, 10)
    ignore = square(30, 30, 7, 7, 16) - square(30, 30, 13, 13, 4) > 0
    assert math.isnan(metrics.boundary_f(truth, truth, ignore))
    corner = ignore.copy()
    corner[13:] = False
    corner[:, 13:] = False
    assert metrics.boundary_f(truth, truth, corner) == 1
    assert metrics.boundary_f(np.roll(truth, 3, 0), truth, corner) < 1


def slow_gradient_error(prediction: np.ndarray, truth: np.ndarray, sigma: float = 1.4) -> float:
    reach = 4  # where the Gaussian of 1.4 pixels has fallen below 1 %
    offsets = range(-reach, reach + 1)

    def g(v: float) -> float:
        return math.exp(-(v**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))

    kernel = np.array([[g(dy) * (-dx * g(dx) / sigma**2) for dx in offsets] for dy in offsets])
    kernel /= math.sqrt((kernel**2).sum())

    def magnitude(matte: np.ndarray) -> np.ndarray:
        padded = np.pad(matte.astype(np.float64), reach, mode="edge")
        out = np.zeros(matte.shape)
        for y, x in product(*map(range, matte.shape)):
            window = padded[y : y + 2 * reach + 1, x : x + 2 * reach + 1]
            out[y, x] = math.hypot((window * kernel).sum(), (window * kernel.T).sum())
        return out

    return float(((magnitude(prediction) - magnitude(truth)) ** 2).sum() / 1000)


@pytest.mark.parametrize("seed", range(3))
def test_gradient_error_equals_the_slow_definition(seed: int) -> None:
    prediction, truth = soft_pair(seed)
    expected = slow_gradient_error(prediction, truth)
    assert metrics.gradient_error(prediction, truth) == pytest.approx(expected, rel=1e-4)


def slow_connectivity_error(prediction: np.ndarray, truth: np.ndarray) -> float:
    def largest(mask: np.ndarray) -> set[tuple[int, int]]:
        left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
        best: set[tuple[int, int]] = set()
        while left:
            seen, front = set(), [left.pop()]
            while front:
                y, x = front.pop()
                seen.add((y, x))
                for n in ((y, x + 1), (y, x - 1), (y + 1, x), (y - 1, x)):
                    if n in left:
                        left.remove(n)
                        front.append(n)
            best = max(best, seen, key=len)
        return best

    level = np.full(truth.shape, -1.0)
    for k in range(1, 11):
        theta = k / 10
        omega = largest((prediction >= theta) & (truth >= theta))
        for p in product(*map(range, truth.shape)):
            if level[p] < 0 and p not in omega:
                level[p] = (k - 1) / 10
    level[level < 0] = 1

    def phi(matte: np.ndarray) -> np.ndarray:
        d = matte - level
        return 1 - d * (d >= 0.15)

    return float(np.abs(phi(prediction) - phi(truth)).sum() / 1000)


def largest_regions_are_unambiguous(prediction: np.ndarray, truth: np.ndarray) -> bool:
    for k in range(1, 11):
        mask = ((prediction >= k / 10) & (truth >= k / 10)).astype(np.uint8)
        sizes = sorted(cv2.connectedComponentsWithStats(mask, connectivity=4)[2][1:, 4])
        if len(sizes) > 1 and sizes[-1] == sizes[-2]:
            return False
    return True


def test_connectivity_error_equals_the_slow_definition() -> None:
    pairs = [soft_pair(seed) for seed in range(12)]
    clear = [pair for pair in pairs if largest_regions_are_unambiguous(*pair)]
    assert len(clear) >= 3
    for prediction, truth in clear:
        expected = slow_connectivity_error(prediction, truth)
        assert metrics.connectivity_error(prediction, truth) == pytest.approx(expected, rel=1e-4)


def test_connectivity_error_of_a_lost_island_by_hand() -> None:
    # The island is cut off at every level, so l = 0 there: φ is 1 − 1 in the truth, 1 − 0 where
    # the prediction lacks it: one per pixel.
    truth = square(20, 20, 2, 2, 8) + square(20, 20, 14, 14, 3)
    prediction = square(20, 20, 2, 2, 8)
    assert metrics.connectivity_error(prediction, truth) == pytest.approx(9 / 1000)
    # In both mattes the island is cut off alike: no error.
    assert metrics.connectivity_error(truth, truth) == 0


def test_calibration_bins_by_hand() -> None:
    prediction = np.float32([[0.05, 0.15, 0.95, 1.0]])
    truth = np.float32([[0, 1, 1, 1]])
    sums = metrics.calibration_bins(prediction, truth, bins=10)
    assert sums.shape == (3, 10)
    assert sums[0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    # Bins 0, 1 and 9 are off by 0.05, 0.85 and 0.05 (two pixels, mean 0.975, gap 0.025 each).
    expected = (0.05 + 0.85 + 2 * 0.025) / 4
    assert metrics.expected_calibration_error(sums) == pytest.approx(expected)
    assert metrics.expected_calibration_error(sums * 2) == pytest.approx(expected)
    assert math.isnan(metrics.expected_calibration_error(np.zeros((3, 10))))
