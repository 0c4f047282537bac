"""Which kinds of pictures a score hides: groups that the picture and its truth alone tell.

No set that we know labels ages or skin tones, and a guess at them from pixels would be one more
model to mistrust. What is measured is what such differences look like to a network: how bright the
person is, how bright the scene, and how far the two stand apart.
"""

from __future__ import annotations

import cv2
import numpy as np

from livematte.data.sample import Sample

__all__ = ["SLICES", "slices_of"]

SLICES = {
    "dark scene": "mean luma of the picture below 0.25",
    "dark person": "mean luma of the person below 0.25",
    "light person": "mean luma of the person above 0.65",
    "like its background": "person and surroundings less than 0.1 apart in mean colour",
    "no colour": "mean chroma below 0.02",
    "small person": "less than 15 % of the picture",
    "cut by a side": "more than 3 % of the left, right or upper edge is person",
    "several people": "two or more separate regions of at least 1 % of the picture",
    "nobody": "no person at all",
}
"""Every slice's name and rule, in the order in which they are reported."""

_DARK, _LIGHT = 0.25, 0.65
_ALIKE = 0.1
_COLOURLESS = 0.02
_SMALL = 0.15
_CUT = 0.03
_REGION = 0.01
_SURROUNDINGS = 0.08  # of the longer side: how far around the person they reach
_WORK_SIDE = 160
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def slices_of(sample: Sample) -> tuple[str, ...]:
    """The :data:`SLICES` that a sample belongs to; it may be none.

    Luma and colours are of gamma-encoded RGB in [0, 1]; pixels to ignore count as background.
    """
    height, width = sample.alpha.shape
    zoom = min(1.0, _WORK_SIDE / max(height, width))
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    small = cv2.resize(sample.image, size, interpolation=cv2.INTER_AREA)
    image = np.asarray(small, np.float32) / np.float32(255)
    alpha = np.asarray(cv2.resize(sample.alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    luma = image @ _LUMA
    chroma = float((image.max(axis=2) - image.min(axis=2)).mean())
    person = alpha >= 0.5
    holds = {
        "dark scene": float(luma.mean()) < _DARK,
        "no colour": chroma < _COLOURLESS,
        "nobody": not person.any(),
    }
    if person.any():
        brightness = float(luma[person].mean())
        edges = (person[:, 0], person[:, -1], person[0])
        holds |= {
            "dark person": brightness < _DARK,
            "light person": brightness > _LIGHT,
            "like its background": _distance_to_surroundings(image, person) < _ALIKE,
            "small person": float(person.mean()) < _SMALL,
            "cut by a side": any(float(edge.mean()) > _CUT for edge in edges),
            "several people": _regions(person) > 1,
        }
    return tuple(name for name in SLICES if holds.get(name, False))


def _distance_to_surroundings(image: np.ndarray, person: np.ndarray) -> float:
    """Euclidean distance of the mean colours of the person and of a band around them."""
    reach = 2 * round(_SURROUNDINGS * max(person.shape)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    around = (cv2.dilate(person.astype(np.uint8), kernel) > 0) & ~person
    if not around.any():
        return float("inf")
    return float(np.linalg.norm(image[person].mean(axis=0) - image[around].mean(axis=0)))


def _regions(person: np.ndarray) -> int:
    """Connected regions that are large enough to be somebody."""
    _, _, statistics, _ = cv2.connectedComponentsWithStats(person.astype(np.uint8))
    areas = statistics[1:, cv2.CC_STAT_AREA]
    return int(np.count_nonzero(areas >= _REGION * person.size))
