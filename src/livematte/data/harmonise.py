"""Make a cut-out look as if it had been photographed before its new background.

All pictures are H×W×3 float32 RGB in [0, 1]; alphas are H×W float32 in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.sample import FloatMatte

__all__ = ["Colour", "cast_shadow", "contact_shadow", "light_wrap", "match_colour", "match_light"]

FloatImage = NDArray[np.float32]

_MOST_SHIFT = np.array([18.0, 10.0, 10.0], np.float32)
_MOST_SPREAD = (0.75, 1.3)


@dataclass(frozen=True)
class Colour:
    """How far a person's colours go towards the background's, each in [0, 1].

    Attributes:
        tint: mean of the two colour axes of Lab.
        light: mean lightness.
        contrast: standard deviation of all three.
    """

    tint: float
    light: float
    contrast: float


def match_colour(
    person: FloatImage, alpha: FloatMatte, background: FloatImage, strength: Colour
) -> FloatImage:
    """Move mean and spread in Lab part of the way (Reinhard et al., IEEE CG&A 2001).

    The whole way would paint a face green before a wood, so shifts and ratios are limited.
    """
    weight = alpha[..., None]
    total = float(weight.sum())
    if total < 1:
        return person
    own, other = _lab(person), _lab(background)
    mean = (own * weight).sum(axis=(0, 1)) / total
    spread = np.sqrt((((own - mean) ** 2) * weight).sum(axis=(0, 1)) / total)
    target, target_spread = other.mean(axis=(0, 1)), other.std(axis=(0, 1))

    part = np.array([strength.light, strength.tint, strength.tint], np.float32)
    shift = np.clip((target - mean) * part, -_MOST_SHIFT, _MOST_SHIFT)
    ratio = np.clip(target_spread / np.maximum(spread, 1), *_MOST_SPREAD) ** strength.contrast
    # Black stays black and white stays white: the shift of lightness is for what lies between.
    lightness = np.clip(own[..., :1] / 100, 0, 1)
    middle = np.concatenate([4 * lightness * (1 - lightness), np.ones_like(own[..., 1:])], axis=2)
    return _rgb((own - mean) * ratio + mean + shift * middle)


def match_light(
    person: FloatImage, alpha: FloatMatte, background: FloatImage, strength: float
) -> FloatImage:
    """Let the background's broad light and shade fall on the person.

    A strongly blurred lightness of the background, relative to its mean under the person, becomes
    a gain, so that a window on the left lights the left cheek.
    """
    luma = cv2.cvtColor(background, cv2.COLOR_RGB2GRAY)
    sigma = 0.18 * max(luma.shape)
    small = cv2.resize(luma, (32, 32), interpolation=cv2.INTER_AREA)
    broad = cv2.GaussianBlur(small, (0, 0), sigma / max(luma.shape) * 32)
    field = np.asarray(cv2.resize(broad, luma.shape[::-1], interpolation=cv2.INTER_CUBIC))
    under = float((field * alpha).sum() / max(float(alpha.sum()), 1.0))
    gain = np.clip(field / max(under, 0.05), 0.65, 1.4) ** strength
    return np.asarray(np.clip(person * gain[..., None], 0, 1), np.float32)


def light_wrap(
    person: FloatImage, alpha: FloatMatte, background: FloatImage, strength: float
) -> FloatImage:
    """Let the light of the background creep round the person's edge.

    Bright surroundings spill onto the rim of what stands before them; dark ones do not, hence the
    mixing by "screen".
    """
    sigma = max(1.0, 0.012 * max(alpha.shape))
    outside = cv2.GaussianBlur(1 - alpha, (0, 0), sigma)
    spill = cv2.GaussianBlur(background, (0, 0), 2 * sigma)
    amount = (strength * outside * alpha)[..., None]
    screened = 1 - (1 - person) * (1 - 0.6 * spill)
    return np.asarray(person + (screened - person) * amount, np.float32)


def cast_shadow(alpha: FloatMatte, offset: tuple[float, float], blur: float) -> FloatMatte:
    """The soft shadow on a wall behind the person: 0 none, 1 full.

    Args:
        alpha: the person.
        offset: of the shadow in pixels, right and down.
        blur: standard deviation of its softness in pixels.
    """
    height, width = alpha.shape
    matrix = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
    moved = cv2.warpAffine(alpha, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), blur), np.float32)


def contact_shadow(alpha: FloatMatte, lean: float) -> FloatMatte:
    """The shadow on the floor under a standing person: 0 none, 1 full.

    Darkest where the feet touch; the body's outline lies flattened on the floor behind them.

    Args:
        alpha: the person, feet inside the picture.
        lean: how far the head's shadow falls to the right, in heights of the person.
    """
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    if not len(rows):
        return np.zeros_like(alpha)
    height, width = alpha.shape
    top, feet = int(rows[0]), int(rows[-1])
    tall = feet - top + 1
    # Fold the outline onto the floor: a quarter of its height, sheared sideways.
    flat, shear = 0.22, -lean
    matrix = np.array([[1, shear, -shear * feet], [0, flat, feet * (1 - flat)]], np.float32)
    folded = cv2.warpAffine(alpha, matrix, (width, height), flags=cv2.INTER_AREA)
    outline = cv2.GaussianBlur(folded, (0, 0), max(1.0, 0.015 * tall))
    spread = (max(1.0, 0.03 * tall), 0.012 * tall + 0.5)
    soles = alpha.copy()
    soles[: max(0, feet - int(0.05 * tall))] = 0
    below = np.array([[1, 0, 0], [0, 1, spread[1]]], np.float32)  # else the feet hide it
    soles = np.asarray(cv2.warpAffine(soles, below, (width, height)), np.float32)
    touch = cv2.GaussianBlur(soles, (0, 0), sigmaX=spread[0], sigmaY=spread[1])
    darkest = max(float(touch.max()), 1e-6)
    return np.asarray(np.maximum(0.55 * outline, 0.9 / darkest * touch), np.float32)


def _lab(image: FloatImage) -> FloatImage:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2Lab), np.float32)


def _rgb(lab: NDArray[np.float32]) -> FloatImage:
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_Lab2RGB)
    return np.asarray(np.clip(rgb, 0, 1), np.float32)
