"""Light wrap: the background's light bleeds over the person's edge.

A bright background glows around what stands before it, in every lens. Without the glow a person
looks cut out. The blurred background is screened over the person, most at the outline, less and
less inside, as compositors have long done (Brinkmann, "The Art and Science of Digital
Compositing", 1999).
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects.shot import Shot
from livematte.refinement import tiles_with, work_size
from livematte.transforms import shrink

__all__ = ["LightWrap", "light_wrap"]

Floats = NDArray[np.float32]

_REACH = 0.012  # standard deviation of the glow, in parts of the longest side
_GAIN = 1.6  # half of the kernel lies outside at a straight edge; there all light counts
_LEAST = np.float32(1 / 255)


def light_wrap(
    colours: NDArray[np.uint8],
    alpha: Floats,
    background: NDArray[np.uint8],
    *,
    strength: float = 0.5,
    reach: float = _REACH,
    work_side: int = 640,
) -> NDArray[np.uint8]:
    """The person's colours with the glow over them: ``1 - (1 - F)·(1 - w·B)``.

    w is the strength times how much of the neighbourhood is background; B is blurred.

    Args:
        colours: H×W×3 uint8 RGB, the person's.
        alpha: H×W float32 in [0, 1].
        background: H×W×3 uint8 RGB.
        strength: in [0, 1].
        reach: standard deviation of the glow, in parts of the longest side.
        work_side: longest side of the small picture that is blurred.

    Returns:
        H×W×3 uint8 RGB.
    """
    height, width = alpha.shape
    rows, columns = work_size(height, width, work_side)
    sigma = max(reach * max(rows, columns), 0.3)
    share = shrink(alpha, rows, columns)
    outside = 1 - _blurred(share, sigma)
    weight = np.minimum(np.float32(_GAIN * strength) * outside, 1)
    glow = _blurred(shrink(background, rows, columns).astype(np.float32), sigma)
    glow *= weight[..., None] / np.float32(255)
    lit = ((weight > _LEAST) & (share > 0)).astype(np.uint8)
    result = colours.copy()
    for tiles in tiles_with(lit, height, width).parts():
        dark = np.float32(255) - tiles.gather(colours)
        tiles.scatter(
            (255 - dark * (1 - tiles.sample(glow)) + np.float32(0.5)).astype(np.uint8), result
        )
    return result


def _blurred(x: Floats, sigma: float) -> Floats:
    blurred = cv2.GaussianBlur(x, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32)


class LightWrap:
    """The effect: the background's glow over the person's edge."""

    def __init__(self, strength: float = 0.5) -> None:
        self._strength = strength

    def __call__(self, shot: Shot) -> Shot:
        """Other colours of the person."""
        if shot.background is None or self._strength == 0:
            return shot
        lit = light_wrap(
            shot.colours(),
            shot.alpha,
            shot.background,
            strength=self._strength,
            work_side=shot.work_side,
        )
        return replace(shot, foreground=lit)
