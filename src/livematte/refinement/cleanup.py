"""Decide what a network left open far from any edge of the person.

A soft value is an edge only near one. Elsewhere it is doubt, seen as a veil over a flag in the
background or a hole in a jacket; it goes to the side that it leans to. Specks beside the person
go altogether. That lowers MAD, and raises MSE a little, the price of deciding:
``benchmarks/refinement.py`` prints both.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["settle_doubt"]

_BAND = 0.02  # of the longer side: how far an edge's softness reaches; at twice that it is doubt
_SPECK = 0.02  # of the largest person


def settle_doubt(matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matte (h×w float32 in [0, 1]) with soft values only around the person's edges."""
    person = _without_specks((matte > 0.5).astype(np.uint8))
    if person.min() == person.max():
        return person.astype(np.float32)
    inside = cv2.distanceTransform(person, cv2.DIST_L2, cv2.DIST_MASK_3)
    outside = cv2.distanceTransform(1 - person, cv2.DIST_L2, cv2.DIST_MASK_3)
    reach = max(_BAND * max(matte.shape), 1.0)
    settled = np.clip((inside + outside) / reach - 1, 0, 1)
    return np.asarray(matte + settled * (person - matte), dtype=np.float32)


def _without_specks(person: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """0/1 mask less its pieces that are tiny beside the largest."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(person, connectivity=8)
    if count <= 2:
        return person
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= _SPECK * areas[1:].max()
    kept[0] = False  # the background
    return np.asarray(kept[labels], dtype=np.uint8)
