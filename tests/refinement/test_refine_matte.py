"""Lifting follows edges, and adds nothing where there are none."""

import cv2
import numpy as np
import pytest

from livematte.refinement import refine_matte, settle_doubt
from livematte.transforms import resize


def test_nearer_to_the_truth_than_bilinear(composite) -> None:
    plain = resize(composite.coarse, *composite.alpha.shape)
    refined = refine_matte(composite.coarse, composite.image)

    def error(matte: np.ndarray) -> float:
        return float(np.abs(matte - composite.alpha).mean())

    def gradient_error(matte: np.ndarray) -> float:
        smooth = cv2.GaussianBlur(matte - composite.alpha, (0, 0), 1.4)
        return float((cv2.Sobel(smooth, -1, 1, 0) ** 2 + cv2.Sobel(smooth, -1, 0, 1) ** 2).sum())

    assert error(refined) < 0.5 * error(plain)
    assert gradient_error(refined) < 0.5 * gradient_error(plain)


def test_no_texture_leaks_into_flat_parts(composite) -> None:
    refined = refine_matte(composite.coarse, composite.image)
    reach = np.ones((61, 61), np.uint8)
    inside = cv2.erode((composite.alpha > 0.99).astype(np.uint8), reach) > 0
    outside = cv2.dilate((composite.alpha > 0.01).astype(np.uint8), reach) == 0
    assert inside.any()
    assert outside.any()
    assert refined[inside].min() > 0.999
    assert refined[outside].max() < 0.001


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_mattes_stay(composite, value: float) -> None:
    matte = refine_matte(np.full((16, 16), value, np.float32), composite.image)
    assert (matte == value).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2), (700, 900)])
def test_any_size(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    coarse = np.random.default_rng(1).random((32, 32), dtype=np.float32)
    matte = refine_matte(coarse, image)
    assert matte.shape == size
    assert matte.dtype == np.float32
    assert np.isfinite(matte).all()
    assert 0 <= matte.min() <= matte.max() <= 1


def test_a_flat_picture_cannot_divide_by_zero() -> None:
    coarse = np.zeros((32, 32), np.float32)
    coarse[8:24, 8:24] = 1
    matte = refine_matte(coarse, np.full((100, 100, 3), 77, np.uint8))
    assert np.isfinite(matte).all()
    assert matte[50, 50] == 1
    assert matte[2, 2] == 0


def test_lots_of_tiles_meet_without_a_seam(composite, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = refine_matte(composite.coarse, composite.image)
    monkeypatch.setattr("livematte.refinement.tiles._MOST", 7)
    np.testing.assert_array_equal(refine_matte(composite.coarse, composite.image), at_once)


def test_half_the_work_is_nearly_as_good(composite) -> None:
    whole = refine_matte(composite.coarse, composite.image)
    half = refine_matte(composite.coarse, composite.image, work_side=240)
    plain = resize(composite.coarse, *composite.alpha.shape)
    errors = [float(np.abs(m - composite.alpha).mean()) for m in (whole, half, plain)]
    assert errors[1] < 0.5 * (errors[0] + errors[2])


def test_doubt_far_from_an_edge_is_settled() -> None:
    matte = np.zeros((100, 100), np.float32)
    matte[30:90, 30:70] = 1
    matte[60, 50] = 0.7  # doubt inside
    matte[5:15, 5:15] = 0.3  # a veil outside
    matte[29, 30:70] = 0.4  # softness at an edge
    settled = settle_doubt(matte)
    assert settled[60, 50] == 1
    assert settled[:15, :15].max() == 0
    assert settled[29, 50] == np.float32(0.4)


@pytest.mark.parametrize(("alpha", "filled"), [(0.3, True), (0.1, False)])
def test_a_small_gap_is_filled_where_it_is_not_surely_the_room(alpha: float, filled: bool) -> None:
    matte = np.zeros((100, 100), np.float32)
    matte[20:, 10:90] = 1
    matte[60:66, 48:54] = alpha  # a strap
    assert (settle_doubt(matte)[63, 51] == 1) == filled


def test_a_large_gap_is_left_open() -> None:
    matte = np.zeros((100, 100), np.float32)
    matte[20:, 10:90] = 1
    matte[50:80, 40:70] = 0.3
    assert settle_doubt(matte)[65, 55] < 0.5


def test_specks_go_and_second_persons_stay() -> None:
    matte = np.zeros((100, 200), np.float32)
    matte[20:90, 20:80] = 1
    matte[40:80, 120:150] = 1
    matte[5:9, 180:184] = 1
    settled = settle_doubt(matte)
    assert settled[60, 135] == 1
    assert settled[7, 182] == 0
