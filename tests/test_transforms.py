"""Nothing shifts, nothing aliases, and a matte comes back to where its frame was."""

import cv2
import numpy as np
import pytest

from livematte.spec import ModelSpec
from livematte.transforms import (
    crop_matte,
    fit_image,
    fit_matte,
    lift_matte,
    place,
    resize,
    shaped,
    shrink,
)


def edge_picture(position: float, width: int, height: int = 8) -> np.ndarray:
    """White left of ``position`` (in pixels), the pixel it crosses by its coverage."""
    row = np.clip(position - np.arange(width), 0, 1)
    grey = np.round(row * 255).astype(np.uint8)
    return np.repeat(np.repeat(grey[None, :, None], 3, axis=2), height, axis=0)


@pytest.mark.parametrize("width", [200, 333, 640, 1000, 2048])
def test_an_edge_stays_where_it_is(width: int) -> None:
    spec = ModelSpec("any", 256, 256)
    positions = np.linspace(0.3, 0.7, 21)
    shifts = []
    for position in positions:
        fitted = fit_image(edge_picture(position * width, width), spec)
        shifts.append(fitted[128, :, 0].sum() / 256 - position)
    assert abs(np.mean(shifts)) * 256 < 0.01  # no shift, in input pixels
    assert np.max(np.abs(shifts)) * 256 < 0.1  # and no edge far off


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("size", [(300, 500), (500, 300), (100, 90), (1, 300)])
def test_a_matte_comes_back_to_its_frame(fit: str, size: tuple[int, int]) -> None:
    height, width = size
    spec = ModelSpec("any", 128, 128, fit=fit)
    ramp = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), size).copy()
    there = fit_matte(ramp, spec)
    back = lift_matte(there, height, width, spec)
    assert there.shape == (128, 128)
    assert back.shape == size
    assert np.abs(back - ramp)[:, 8:-8].max() < 0.02


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((64, 2000, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than 256 columns can hold
    fitted = fit_image(stripes, ModelSpec("any", 64, 256))
    assert fitted[:, 2:-2].std() < 0.02
    assert abs(fitted.mean() - 0.5) < 0.01


def test_letterbox_keeps_proportions_and_fills_with_grey() -> None:
    spec = ModelSpec("any", 100, 100, fit="letterbox")
    where = place(200, 400, spec)
    assert (where.height, where.width, where.top, where.left) == (50, 100, 25, 0)
    fitted = fit_image(np.full((200, 400, 3), 255, np.uint8), spec)
    assert fitted[:25].min() == fitted[75:].max() == 0.5
    assert fitted[25:75].min() == 1
    assert crop_matte(fitted[..., 0], 200, 400, spec).shape == (50, 100)


def test_values_are_rgb_in_unit_range() -> None:
    fitted = fit_image(np.full((10, 10, 3), (255, 0, 51), np.uint8), ModelSpec("any", 32, 32))
    assert fitted.dtype == np.float32
    np.testing.assert_allclose(fitted[16, 16], [1, 0, 0.2], atol=1e-6)


def test_both_resizers_agree_on_growing() -> None:
    """OpenCV enlarges, Pillow does the rest: one convention."""
    small = np.random.default_rng(0).random((20, 30), dtype=np.float32)
    both = resize(small, 40, 90)
    columns_first = resize(resize(small, 20, 90), 40, 90)
    np.testing.assert_allclose(both, columns_first, atol=1e-5)


def test_very_long_pictures() -> None:
    assert resize(np.zeros((1, 50_000, 3), np.uint8), 64, 64).shape == (64, 64, 3)
    assert resize(np.zeros((64, 64), np.float32), 1, 50_000).shape == (1, 50_000)


@pytest.mark.parametrize("size", [(720, 1280), (480, 640), (90, 123), (40, 40)])
def test_quick_fits_are_nearly_the_same(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    image = cv2.GaussianBlur(rng.integers(0, 255, (*size, 3), np.uint8), (0, 0), 3)
    for fit in ("stretch", "letterbox"):
        spec = ModelSpec("x", 64, 64, fit=fit)
        difference = np.abs(fit_image(image, spec) - fit_image(image, spec, quick=True))
        assert difference.mean() < 0.004
        assert difference.max() < 0.05


@pytest.mark.parametrize("size", [(360, 640), (77, 200), (720, 1280), (800, 100)])
def test_shrinking_quickly_moves_nothing(size: tuple[int, int]) -> None:
    ramp = np.linspace(0, 1, 1280, dtype=np.float32)[None].repeat(720, 0)
    expected = (np.arange(size[1]) + 0.5) * (1280 / size[1]) - 0.5
    columns = shrink(ramp, *size).mean(axis=0)[1:-1] * 1279
    np.testing.assert_allclose(columns, expected[1:-1], atol=0.6)


FREE = ModelSpec("free", 256, 256, step=32, stretch=4 / 3)


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        ((640, 480), (256, 256)),  # what it learnt from
        ((720, 1280), (160, 384)),
        ((480, 640), (192, 352)),
        ((1280, 720), (288, 224)),
    ],
)
def test_free_sides_show_frames_as_in_training(
    frame: tuple[int, int], size: tuple[int, int]
) -> None:
    spec = shaped(*frame, FREE)
    assert (spec.height, spec.width) == size
    wider = spec.width / spec.height / (frame[1] / frame[0])
    assert wider == pytest.approx(FREE.stretch, rel=0.05)


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("frame", [(720, 1280), (2000, 300), (40, 4000), (1, 1)])
def test_free_sides_keep_to_the_pixels(frame: tuple[int, int], share: float) -> None:
    spec = shaped(*frame, FREE, share=share)
    assert 0.5 * share < spec.height * spec.width / 256**2 <= 1.05 * share
    assert spec.height % 32 == spec.width % 32 == 0


def test_fixed_sides_stay() -> None:
    spec = ModelSpec("fixed", 256, 192, stretch=4 / 3)
    assert shaped(720, 1280, spec, share=0.6) is spec
