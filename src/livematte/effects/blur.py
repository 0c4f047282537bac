"""Blur what lies behind a person, without smearing the person into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects.blend import blend
from livematte.effects.checks import check_frame, check_share, check_strength
from livematte.effects.shot import Shot
from livematte.refinement import work_size
from livematte.transforms import resize, shrink

__all__ = ["Blur", "blur_background", "blurred_background", "fill_in", "room_weight"]

Floats = NDArray[np.float32]

_WORK_SIDE = 640
_MARGIN = 0.006  # kept away from the person, in parts of the longest side
_TINY = np.float32(1e-4)
_MOST = 0.04  # of the longest side: the standard deviation at full strength


def blur_background(
    frame: NDArray[np.uint8],
    alpha: Floats,
    *,
    strength: float = 0.02,
    opacity: Floats | None = None,
    work_side: int = _WORK_SIDE,
) -> NDArray[np.uint8]:
    """The person sharp, the rest out of focus.

    Args:
        frame: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
        strength: standard deviation of the blur, in parts of the longest side; 0 leaves the frame
            as it is.
        opacity: H×W float32 in [0, 1], the frame's own alpha channel; None: opaque. What is
            transparent is filled from the room around it.
        work_side: longest side, at most, of the picture that is blurred.

    Returns:
        H×W×3 uint8 RGB.

    Raises:
        UsageError: other shapes, types or ranges.
    """
    behind = blurred_background(
        frame, alpha, strength=strength, opacity=opacity, work_side=work_side
    )
    if strength == 0:
        return behind
    return blend(frame, alpha, behind, opacity=opacity, work_side=work_side)


def blurred_background(
    frame: NDArray[np.uint8],
    alpha: Floats,
    *,
    strength: float = 0.02,
    opacity: Floats | None = None,
    work_side: int = _WORK_SIDE,
) -> NDArray[np.uint8]:
    """The background alone, blurred, and continued behind the person.

    Normalised convolution (Knutsson and Westin, 1993): pixels count by how much of them is
    background, so nothing of the person comes in; what no background reaches is filled by ever
    wider blurs.

    Args, Returns, Raises: as :func:`blur_background`.
    """
    check_frame(frame)
    check_share(alpha, frame, "a matte")
    check_share(opacity, frame, "an opacity")
    check_strength(strength)
    if strength == 0:
        return frame.copy()
    height, width = alpha.shape
    # A blur needs no more pixels than a few per standard deviation.
    side = min(work_side, max(round(min(8 / strength, work_side)), 64))
    rows, columns = work_size(height, width, side)
    longest = max(rows, columns)
    weight = room_weight(alpha, opacity, rows, columns)
    small = shrink(frame, rows, columns).astype(np.float32)
    sigma = max(strength * longest, 0.3)
    filled = fill_in(small, weight, lambda x: _blurred(x, sigma), sigma)
    blurred = np.clip(filled + np.float32(0.5), 0, 255).astype(np.uint8)
    return resize(blurred, height, width)


def room_weight(alpha: Floats, opacity: Floats | None, rows: int, columns: int) -> Floats:
    """How much of each pixel is background for sure: ``rows`` × ``columns`` float32 in [0, 1].

    Args:
        alpha, opacity: H×W float32 in [0, 1]; opacity None: opaque.
    """
    margin = max(round(_MARGIN * max(rows, columns)), 1)
    person = cv2.dilate(shrink(alpha, rows, columns), np.ones((2 * margin + 1,) * 2, np.uint8))
    # Half a person already counts as one: it would show again as a ghost.
    weight = np.asarray(np.clip(1 - 2 * person, 0, 1), dtype=np.float32)
    return weight if opacity is None else weight * shrink(opacity, rows, columns)


def fill_in(
    picture: Floats, weight: Floats, spread: Callable[[Floats], Floats], sigma: float
) -> Floats:
    """The weighted mean of a picture around each pixel, by ``spread``; where there is nothing
    within its reach, by ever wider Gaussians.

    Args:
        picture: h×w×3 float32.
        weight: h×w float32 in [0, 1].
        spread: a linear filter whose kernel has a sum of 1, for h×w and h×w×3.
        sigma: how far it reaches, in pixels.

    Returns:
        h×w×3 float32.
    """
    longest = max(weight.shape)
    weighted = picture * weight[..., None]
    layers = [(spread(weighted), spread(weight)[..., None])]
    while sigma <= longest and layers[-1][1].min() <= 0.05:
        sigma *= 2
        layers.append((_blurred(weighted, sigma), _blurred(weight, sigma)[..., None]))
    filled = np.full_like(picture, picture.mean(axis=(0, 1)))
    for total, norm in reversed(layers):
        # A layer decides where it has seen enough background, and fades out where it has not.
        trust = np.clip(norm / np.float32(0.05), 0, 1)
        filled += trust * (total / (np.maximum(norm, 0) + _TINY) - filled)
    return filled


def _blurred(x: Floats, sigma: float) -> Floats:
    blurred = cv2.GaussianBlur(x, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32)


class Blur:
    """The effect: the given background, or the room, out of focus."""

    def __init__(self, strength: float = 0.5) -> None:
        self._strength = _MOST * strength

    def __call__(self, shot: Shot) -> Shot:
        """Another background."""
        picture, alpha, opacity = shot.behind()
        blurred = blurred_background(
            picture, alpha, strength=self._strength, opacity=opacity, work_side=shot.work_side
        )
        return replace(shot, background=blurred)
