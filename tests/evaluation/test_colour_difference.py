"""CIEDE2000 against the pairs that its authors published."""

from __future__ import annotations

import numpy as np
import pytest

from livematte.evaluation.colour_difference import ciede2000, to_lab

# From table 1 of Sharma, Wu and Dalal (2005).
PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, 2.8361, -74.0200), (50, 0, -82.7485), 3.4412),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((90.9257, -0.5406, -0.9208), (88.6381, -0.8985, -0.7239), 1.5381),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "wanted"), PAIRS)
def test_published_pairs(
    first: tuple[float, ...], second: tuple[float, ...], wanted: float
) -> None:
    one, other = np.array(first, float), np.array(second, float)
    assert ciede2000(one, other) == pytest.approx(wanted, abs=1e-4)
    assert ciede2000(other, one) == pytest.approx(wanted, abs=1e-4)


def test_pictures() -> None:
    pixels = np.array([[[255, 255, 255], [0, 0, 0], [128, 128, 128]]], np.uint8)
    lab = to_lab(pixels)
    assert lab[0, :, 0] == pytest.approx([100, 0, 53.585], abs=0.05)
    assert ciede2000(lab, lab).max() == 0
    assert ciede2000(lab, lab[:, ::-1])[0, 0] > 30
