from __future__ import annotations

import math

import numpy as np
import pytest

from livematte.evaluation.temporal import dtssd, flicker


def frames() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A truth whose last column changes, a prediction that also wavers in the first."""
    last_truth = np.float32([[0, 1, 0, 0]])
    truth = np.float32([[0, 1, 0, 1]])
    last_prediction = np.float32([[0.0, 1, 0, 0]])
    prediction = np.float32([[0.3, 1, 0, 1]])
    return prediction, truth, last_prediction, last_truth


def test_dtssd_by_hand() -> None:
    assert dtssd(*frames()) == pytest.approx(math.sqrt(0.3**2 / 4))


def test_dtssd_does_not_charge_a_steady_bias() -> None:
    _, truth, _, last_truth = frames()
    assert dtssd(truth * 0.5 + 0.2, truth, last_truth * 0.5 + 0.2, last_truth) > 0
    assert dtssd(truth - 0.1, truth, last_truth - 0.1, last_truth) == pytest.approx(0, abs=1e-6)


def test_flicker_counts_change_only_where_the_truth_stands_still() -> None:
    assert flicker(*frames()) == pytest.approx(0.3 / 3)


def test_ignored_pixels_are_left_out() -> None:
    ignore = np.array([[True, False, False, False]])
    assert dtssd(*frames(), ignore) == 0
    assert flicker(*frames(), ignore) == 0
    assert math.isnan(dtssd(*frames(), np.ones((1, 4), bool)))


def test_flicker_is_undefined_where_everything_moves() -> None:
    one = np.ones((2, 2), np.float32)
    assert math.isnan(flicker(one, one, one, one * 0))
