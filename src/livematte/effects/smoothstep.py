"""A firmer edge: the matte through a smooth step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from livematte.effects.shot import Shot
from livematte.errors import UsageError
from livematte.refinement import tiles_with

__all__ = ["SmoothStep", "smooth_step"]


def smooth_step(
    alpha: NDArray[np.float32], lower: float = 0.2, upper: float = 0.8
) -> NDArray[np.float32]:
    """0 up to ``lower``, 1 from ``upper`` on, and between them the Hermite cubic ``3t² - 2t³``.

    Shading languages know it as smoothstep. It takes away faint veils, closes what is nearly
    opaque, and leaves no step where it begins and ends.

    Args:
        alpha: float32 in [0, 1], any shape.
        lower, upper: 0 ≤ lower < upper ≤ 1.

    Returns:
        float32 in [0, 1], of the same shape.

    Raises:
        UsageError: other thresholds.
    """
    if not 0 <= lower < upper <= 1:
        raise UsageError(f"thresholds lie in 0 ≤ lower < upper ≤ 1, not {lower} and {upper}")
    t: NDArray[np.float32] = np.clip((alpha - np.float32(lower)) / np.float32(upper - lower), 0, 1)
    return t * t * (3 - 2 * t)


class SmoothStep:
    """The effect: the thresholds close in on a half as the strength grows."""

    def __init__(self, strength: float = 1.0) -> None:
        self._strength = np.float32(strength)

    def __call__(self, shot: Shot) -> Shot:
        """Another matte; the colours are those that the first one tells."""
        alpha = shot.alpha.copy()
        edge = ((alpha > 0) & (alpha < 1)).astype(np.uint8)
        for tiles in tiles_with(edge, *alpha.shape).parts():
            soft = tiles.gather(shot.alpha)
            tiles.scatter(soft + self._strength * (smooth_step(soft) - soft), alpha)
        return replace(shot, alpha=alpha, foreground=shot.colours())
