"""Estimated colours are the person's, not the room's."""

import tracemalloc

import numpy as np
import pytest

from livematte.refinement import estimate_foreground


def test_edges_carry_the_persons_colour(composite) -> None:
    estimate = estimate_foreground(composite.image, composite.alpha).astype(np.float32)
    edge = (composite.alpha > 0.05) & (composite.alpha < 0.95)

    def error(colours: np.ndarray) -> float:
        # As seen: weighted by how much of it shows.
        shown = composite.alpha[..., None] * (colours - composite.foreground)
        return float(np.abs(shown)[edge].mean())

    assert error(estimate) < 0.3 * error(composite.image.astype(np.float32))


def test_opaque_pixels_are_the_pictures_and_clear_ones_black(composite) -> None:
    estimate = estimate_foreground(composite.image, composite.alpha)
    opaque, clear = composite.alpha == 1, composite.alpha == 0
    np.testing.assert_array_equal(estimate[opaque], composite.image[opaque])
    assert estimate[clear].max() == 0


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (20, 30)])
def test_any_size_and_constant_mattes(size: tuple[int, int], value: float) -> None:
    image = np.full((*size, 3), 100, np.uint8)
    estimate = estimate_foreground(image, np.full(size, value, np.float32))
    assert estimate.shape == image.shape
    if value > 0:
        assert np.abs(estimate.astype(int) - 100).max() <= 1


def test_lots_of_tiles_meet_without_a_seam(composite, monkeypatch: pytest.MonkeyPatch) -> None:
    half = np.full(composite.alpha.shape, 0.5, np.float32)
    at_once = estimate_foreground(composite.image, half)
    monkeypatch.setattr("livematte.refinement.tiles._MOST", 7)
    np.testing.assert_array_equal(estimate_foreground(composite.image, half), at_once)


def test_a_matte_of_halves_needs_little_memory() -> None:
    image = np.full((2000, 2000, 3), 100, np.uint8)
    half = np.full((2000, 2000), 0.5, np.float32)
    tracemalloc.start()
    estimate_foreground(image, half)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * image.nbytes
