"""Decide what a network left open, and tidy what it got wrong.

A soft value is an edge only near one. Elsewhere it is doubt, seen as a veil over a flag in the
background or a hole in a jacket; it goes to the side that it leans to, specks beside the person go
altogether, and small gaps that are nowhere sure to be background are filled
(:func:`settle_doubt`). That lowers MAD, and raises MSE a little, the price of
deciding: ``benchmarks/refinement.py`` prints both.

The other functions are done on request (:class:`Cleaning`). Alpha goes in and alpha comes out:
greyscale morphology works on every level of the matte alike, so that soft edges stay soft.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Cleaning",
    "close_matte",
    "fill_holes",
    "largest_person",
    "open_matte",
    "settle_doubt",
    "without_specks",
]

Floats = NDArray[np.float32]

_BAND = 0.02  # of the longer side: how far an edge's softness reaches; at twice that it is doubt
_SPECK = 0.02  # of the largest person
_RADIUS = 0.01  # of the longer side: of opening and closing
_HOLE = 0.03  # of the person: a larger one is the room seen through an arm
_SURE = 0.2  # alpha below which something is sure to be background
_LEVELS = (0.25, 0.5, 0.75, 1.0)


def settle_doubt(matte: Floats) -> Floats:
    """The matte (h×w float32 in [0, 1]) with soft values only around the person's edges."""
    person = without_specks((matte > 0.5).astype(np.uint8))
    _fill_doubtful_gaps(person, matte)
    if person.min() == person.max():
        return person.astype(np.float32)
    inside = cv2.distanceTransform(person, cv2.DIST_L2, cv2.DIST_MASK_3)
    outside = cv2.distanceTransform(1 - person, cv2.DIST_L2, cv2.DIST_MASK_3)
    reach = max(_BAND * max(matte.shape), 1.0)
    settled = np.clip((inside + outside) / reach - 1, 0, 1)
    return np.asarray(matte + settled * (person - matte), dtype=np.float32)


def without_specks(person: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask (h×w, 0 or 1) less its pieces that are tiny beside the largest."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(person, connectivity=8)
    if count <= 2:
        return person
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= _SPECK * areas[1:].max()
    kept[0] = False  # the background
    return np.asarray(kept[labels], dtype=np.uint8)


def _fill_doubtful_gaps(person: NDArray[np.uint8], matte: Floats) -> None:
    """Fill a mask's (h×w, 0 or 1) small gaps in which no alpha is low: straps, badges."""
    count, labels = cv2.connectedComponents(1 - person, connectivity=4)
    if count <= 2:  # the person, and one room around
        return
    areas = np.bincount(labels.ravel(), minlength=count)
    rooms = np.bincount(labels[matte < _SURE], minlength=count)
    gaps = (rooms == 0) & (areas <= _HOLE * np.count_nonzero(person))
    gaps[0] = False  # the person
    if gaps.any():
        person[gaps[labels]] = 1


def open_matte(matte: Floats, radius: float = _RADIUS) -> Floats:
    """Take away what is thinner than a disc: threads, burrs and specks.

    Args:
        matte: h×w float32 in [0, 1].
        radius: of the disc, in parts of the longer side.
    """
    return np.asarray(cv2.morphologyEx(matte, cv2.MORPH_OPEN, _disc(matte, radius)), np.float32)


def close_matte(matte: Floats, radius: float = _RADIUS) -> Floats:
    """Fill what is narrower than a disc: cracks, notches and pinholes; as :func:`open_matte`."""
    return np.asarray(cv2.morphologyEx(matte, cv2.MORPH_CLOSE, _disc(matte, radius)), np.float32)


def _disc(matte: Floats, radius: float) -> NDArray[np.uint8]:
    side = 2 * max(round(radius * max(matte.shape)), 1) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(disc, dtype=np.uint8)


def largest_person(matte: Floats) -> Floats:
    """The matte (h×w float32 in [0, 1]) of its largest connected person; the others become 0.

    A soft pixel belongs to the nearest piece.
    """
    person = (matte > 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(person, connectivity=8)
    if count <= 2:
        return matte
    chosen = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    to_chosen, to_others = (
        cv2.distanceTransform(1 - piece.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
        for piece in (labels == chosen, (labels != chosen) & (labels != 0))
    )
    return np.where(to_chosen <= to_others, matte, np.float32(0))


def fill_holes(matte: Floats, largest: float = _HOLE) -> Floats:
    """Fill what the person surrounds.

    Each level of the matte has its holes, background that does not touch the border; what lies in
    a hole of a level is lifted to it. So a hole is filled up with its soft rim, and a soft outer
    edge stays.

    Args:
        matte: h×w float32 in [0, 1].
        largest: hole to fill, by the alpha that is missing in it, in parts of the person's area.
    """
    limit = largest * np.count_nonzero(matte > 0.5)
    filled = matte
    for level in _LEVELS:
        outside = (filled < level).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=4)
        left, top, width, height, _ = stats.T
        missing = np.bincount(labels.ravel(), (level - matte).ravel(), minlength=count)
        hole = (left > 0) & (top > 0) & (missing <= limit)
        hole &= (left + width < matte.shape[1]) & (top + height < matte.shape[0])
        hole[0] = False  # the person
        if count > 1 and hole.any():
            filled = np.where(hole[labels], np.maximum(filled, np.float32(level)), filled)
    return filled


@dataclass(frozen=True)
class Cleaning:
    """What to tidy in a matte; always in this order.

    Attributes:
        opening: see :func:`open_matte`.
        closing: see :func:`close_matte`.
        holes: see :func:`fill_holes`.
        largest: see :func:`largest_person`.
    """

    opening: bool = False
    closing: bool = False
    holes: bool = False
    largest: bool = False

    def __call__(self, matte: Floats) -> Floats:
        """The tidied matte (h×w float32 in [0, 1]); a new array where anything is done."""
        if self.opening:
            matte = open_matte(matte)
        if self.closing:
            matte = close_matte(matte)
        if self.holes:
            matte = fill_holes(matte)
        if self.largest:
            matte = largest_person(matte)
        return matte
