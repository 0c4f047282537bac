"""An outline that is off goes to where the colours part; what is sure stays."""

import cv2
import numpy as np
import pytest

from livematte.refinement.grabcut import grabcut_matte


def test_nearer_to_the_truth(composite) -> None:
    """A matte two of its pixels, thirteen of the picture's, off."""
    off = cv2.warpAffine(composite.coarse, np.float32([[1, 0, 2], [0, 1, -2]]), (64, 64))
    cut = grabcut_matte(off, composite.image)

    def error(matte: np.ndarray) -> float:
        lifted = cv2.resize(matte, composite.alpha.shape[::-1])
        return float(np.abs(lifted - composite.alpha).mean())

    assert cut.dtype == np.float32
    assert 0 <= cut.min() <= cut.max() <= 1
    assert error(cut) < 0.5 * error(off)


def test_the_same_picture_gives_the_same_matte(composite) -> None:
    mattes = [grabcut_matte(composite.coarse, composite.image) for _ in range(2)]
    np.testing.assert_array_equal(*mattes)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_nobody_and_nobody_else_stay(composite, value: float) -> None:
    matte = np.full((32, 32), value, np.float32)
    assert grabcut_matte(matte, composite.image) is matte
