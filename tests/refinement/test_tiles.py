"""Squares are found where the mask is, and hold what the picture holds there."""

import cv2
import numpy as np
import pytest

from livematte.refinement import tiles_with

SIZES = [(48, 64), (50, 67), (7, 100), (100, 5), (16, 16)]


@pytest.mark.parametrize("size", SIZES)
def test_every_set_pixel_is_in_a_square(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    for share in (0.0, 0.003, 0.2):
        mask = (rng.random(size) < share).astype(np.uint8)
        found = np.zeros(size, np.uint8)
        tiles = tiles_with(mask, *size)
        tiles.scatter(np.ones((len(tiles), tiles.height, tiles.width), np.uint8), found)
        assert (found >= mask).all()
        assert share > 0 or len(tiles) == 0


def test_squares_elsewhere_are_left_out() -> None:
    mask = np.zeros((160, 160), np.uint8)
    mask[70, 90] = 1
    assert len(tiles_with(mask, 160, 160)) == 1


@pytest.mark.parametrize("size", SIZES)
def test_a_small_mask_is_found_in_the_large_picture(size: tuple[int, int]) -> None:
    """Whatever an enlarged mask touches is in a square."""
    rng = np.random.default_rng(2)
    small = (rng.random((max(size[0] // 3, 1), max(size[1] // 3, 1))) < 0.1).astype(np.uint8)
    large = cv2.resize(small.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) > 0
    found = np.zeros(size, np.uint8)
    tiles = tiles_with(small, *size)
    tiles.scatter(np.ones((len(tiles), tiles.height, tiles.width), np.uint8), found)
    assert (found >= large).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [(), (3,)])
def test_what_is_gathered_is_scattered_back(size, channels) -> None:
    rng = np.random.default_rng(3)
    picture = rng.random((*size, *channels)).astype(np.float32)
    tiles = tiles_with(np.ones(size, np.uint8), *size)
    copy = np.zeros_like(picture)
    for part in tiles.parts():
        part.scatter(part.gather(picture), copy)
    np.testing.assert_array_equal(copy, picture)


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_samples_are_those_of_the_enlarged_picture(channels) -> None:
    rng = np.random.default_rng(4)
    small = rng.random((23, 31, *channels)).astype(np.float32)
    large = cv2.resize(small, (124, 90), interpolation=cv2.INTER_LINEAR)
    tiles = tiles_with(np.ones((90, 124), np.uint8), 90, 124)
    # Remapping weighs in 32nds of a pixel.
    np.testing.assert_allclose(tiles.sample(small), tiles.gather(large), atol=0.05)
