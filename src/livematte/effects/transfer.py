"""Bring the person's colours to those of the background.

Both work on the first two moments of the colours in CIE Lab, where light, red-green and yellow-blue
are nearly independent and a distance is about as large as it looks:

- Reinhard, Ashikhmin, Gooch and Shirley, "Color Transfer between Images" (2001), match mean and
  standard deviation of each channel by itself;
- Pitié and Kokaram, "The Linear Monge-Kantorovitch Linear Colour Mapping for Example-Based Colour
  Transfer" (2007), match the whole covariance, by the one linear map that moves the colours least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects.memory import Steady
from livematte.effects.shot import Shot
from livematte.refinement import work_size
from livematte.transforms import shrink

__all__ = [
    "ColourTransfer",
    "Moments",
    "apply_in_lab",
    "measure",
    "monge_kantorovich",
    "reinhard",
]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_SIDE = 128  # longest side of the picture that is measured
_LEAST = 1e-3  # of a picture: fewer pixels of a person say nothing about its colours
_FLAT = 4.0  # variance in Lab that every colour has: a wall of one colour leaves some contrast
_MOST = 2.0  # how far contrasts are changed, at most
_STRIP = 64  # rows taken at once: they stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (3) and covariance (3×3) of colours in CIE Lab, L in [0, 100]."""

    mean: Doubles
    covariance: Doubles


def measure(picture: NDArray[np.uint8], weight: Floats | None = None) -> Moments | None:
    """The moments of a picture's colours.

    Args:
        picture: H×W×3 uint8 RGB.
        weight: H×W float32 in [0, 1], how much each pixel counts; None: all the same.

    Returns:
        None where hardly anything counts.
    """
    rows, columns = work_size(picture.shape[0], picture.shape[1], _SIDE)
    small = shrink(picture, rows, columns)
    lab = _to_lab(small).reshape(-1, 3).astype(np.float64)
    share = np.ones(len(lab))
    if weight is not None:
        # What is half a person is half the room's colour.
        share = np.clip(2 * shrink(weight, rows, columns).reshape(-1).astype(np.float64) - 1, 0, 1)
    total = share.sum()
    if total < max(_LEAST * len(lab), 1):
        return None
    mean = share @ lab / total
    centred = lab - mean
    return Moments(mean, (centred * share[:, None]).T @ centred / total)


def reinhard(source: Moments, target: Moments) -> Doubles:
    """3×4, factors and offset: mean and deviation of each channel become the target's."""
    spread = np.diagonal(target.covariance) + _FLAT
    ratio = np.sqrt(spread / (np.diagonal(source.covariance) + _FLAT))
    return _around(np.diag(np.clip(ratio, 1 / _MOST, _MOST)), source, target)


def monge_kantorovich(source: Moments, target: Moments) -> Doubles:
    """3×4, factors and offset: mean and covariance become the target's.

    With S and T for the covariances: ``S^-½ (S^½ T S^½)^½ S^-½``.
    """
    flat = _FLAT * np.eye(3)
    root = _power(source.covariance + flat, 0.5)
    inverse = _power(source.covariance + flat, -0.5)
    factors = inverse @ _power(root @ (target.covariance + flat) @ root, 0.5) @ inverse
    values, vectors = np.linalg.eigh((factors + factors.T) / 2)
    factors = (vectors * np.clip(values, 1 / _MOST, _MOST)) @ vectors.T
    return _around(factors, source, target)


def _power(matrix: Doubles, exponent: float) -> Doubles:
    """Of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    powered: Doubles = (vectors * np.maximum(values, 1e-9) ** exponent) @ vectors.T
    return powered


def _around(factors: Doubles, source: Moments, target: Moments) -> Doubles:
    offset = target.mean - factors @ source.mean
    return np.hstack([factors, offset[:, None]])


def apply_in_lab(
    colours: NDArray[np.uint8], mapping: Doubles, where: Floats | None = None
) -> NDArray[np.uint8]:
    """``factors · Lab + offset`` of every colour.

    Args:
        colours: H×W×3 uint8 RGB.
        mapping: 3×4.
        where: H×W float32: of each strip of rows, only the smallest rectangle around what is above
            0 is worked on. None: all.

    Returns:
        H×W×3 uint8 RGB.
    """
    result = colours.copy()
    matrix = mapping.astype(np.float32)
    for first in range(0, colours.shape[0], _STRIP):
        rows, columns = slice(first, first + _STRIP), slice(None)
        if where is not None:
            left, top, width, height = cv2.boundingRect((where[rows] > 0).astype(np.uint8))
            if width == 0:
                continue
            rows = slice(first + top, first + top + height)
            columns = slice(left, left + width)
        strip = (rows, columns)
        mapped = cv2.transform(_to_lab(np.ascontiguousarray(colours[strip])), matrix)
        rgb = cv2.cvtColor(mapped, cv2.COLOR_Lab2RGB)
        result[strip] = cv2.convertScaleAbs(np.maximum(rgb, 0), alpha=255)
    return result


def _to_lab(rgb: NDArray[np.uint8]) -> Floats:
    scaled = rgb.astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), dtype=np.float32)


class ColourTransfer:
    """The effect: the person's colours towards the background's, smoothly over a film."""

    def __init__(
        self, strength: float, solve: Callable[[Moments, Moments], Doubles] = reinhard
    ) -> None:
        self._strength, self._solve = strength, solve
        self._source, self._target = Steady(), Steady()

    def __call__(self, shot: Shot) -> Shot:
        """Other colours of the person."""
        if shot.background is None or self._strength == 0:
            return shot
        source, target = measure(shot.frame, shot.alpha), measure(shot.background)
        if source is None or target is None:
            return shot
        mapping = self._solve(
            self._steady(self._source, source, shot), self._steady(self._target, target, shot)
        )
        mixed = np.eye(3, 4) + self._strength * (mapping - np.eye(3, 4))
        return replace(shot, foreground=apply_in_lab(shot.colours(), mixed, shot.alpha))

    @staticmethod
    def _steady(steady: Steady, moments: Moments, shot: Shot) -> Moments:
        mean = steady(np.column_stack([moments.mean, moments.covariance]), shot)
        return Moments(mean[:, 0], mean[:, 1:])
