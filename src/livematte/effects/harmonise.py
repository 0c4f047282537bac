"""The person's colours, fitted to the new background by a network that learned what goes together.

See ``docs/harmonisation.md`` for how it learned, and how well.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects.blend import as_background, lay_over
from livematte.effects.checks import check_frame, check_share
from livematte.effects.harmoniser import Correction, Harmoniser
from livematte.effects.memory import Steady
from livematte.effects.shot import Shot
from livematte.errors import UsageError
from livematte.refinement import estimate_foreground

__all__ = ["Harmonise", "correct_person", "harmonise"]

_AS_LEARNED = 0.5  # the strength at which all that the network predicts is applied, no more
_NOBODY = 1e-3  # share of the picture: less is no person to go by


def harmonise(
    frame: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    background: NDArray[np.uint8] | tuple[int, int, int],
    *,
    strength: float = _AS_LEARNED,
    opacity: NDArray[np.float32] | None = None,
    work_side: int = 640,
    harmoniser: Harmoniser | None = None,
) -> NDArray[np.uint8]:
    """The person over a background, in colours that go with it.

    Args:
        frame: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
        background: H×W×3 uint8 RGB, or one colour.
        strength: in [0, 1]. 0.5 applies what the network predicts; above, the background's look
            goes over to the person, by the colour and the brightness of its light; 0 is
            :func:`livematte.effects.blend`.
        opacity, work_side: as for :func:`livematte.effects.blend`.
        harmoniser: an open model; None opens the bundled one.

    Returns:
        H×W×3 uint8 RGB.

    Raises:
        UsageError: other shapes, types or ranges.
        ModelError: the model cannot be opened or run.
    """
    check_frame(frame)
    check_share(alpha, frame, "a matte")
    check_share(opacity, frame, "an opacity")
    _check(strength)
    behind = as_background(background, frame)
    foreground = estimate_foreground(frame, alpha, work_side=work_side)
    if strength > 0 and alpha.mean() >= _NOBODY:
        correction = (harmoniser or Harmoniser()).predict(foreground, alpha, behind)
        foreground = correct_person(foreground, alpha, correction.at(strength))
    return lay_over(foreground, alpha if opacity is None else alpha * opacity, behind)


def correct_person(
    foreground: NDArray[np.uint8], alpha: NDArray[np.float32], correction: Correction
) -> NDArray[np.uint8]:
    """Apply a correction where the person is: in the smallest box that holds all of the matte.

    Args:
        foreground: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].

    Returns:
        H×W×3 uint8 RGB.
    """
    left, top, width, height = cv2.boundingRect((alpha > 0).astype(np.uint8))
    if not width:
        return foreground
    box = slice(top, top + height), slice(left, left + width)
    corrected = foreground.copy()
    corrected[box] = correction(foreground[box])
    return corrected


class Harmonise:
    """The effect: the correction of each frame, followed smoothly through a scene."""

    def __init__(
        self, strength: float = _AS_LEARNED, *, harmoniser: Harmoniser | None = None
    ) -> None:
        """
        Args:
            strength, harmoniser: as for :func:`harmonise`.

        Raises:
            UsageError: a strength outside [0, 1].
            ModelError: the model cannot be opened.
        """
        _check(strength)
        self._strength = strength
        self._harmoniser = harmoniser or Harmoniser()
        self._steady = Steady()

    def __call__(self, shot: Shot) -> Shot:
        """Other colours of the person; where there is no background or no person, the same."""
        if shot.background is None or self._strength == 0 or shot.alpha.mean() < _NOBODY:
            return shot
        colours = shot.colours()
        predicted = self._harmoniser.predict(colours, shot.alpha, shot.background)
        found = np.concatenate([predicted.numbers, predicted.light]).astype(np.float64)
        steady = self._steady(found, shot).astype(np.float32)
        correction = Correction(steady[:-3], steady[-3:]).at(self._strength)
        return replace(shot, foreground=correct_person(colours, shot.alpha, correction))


def _check(strength: float) -> None:
    if not 0 <= strength <= 1:  # NaN neither
        raise UsageError(f"the strength of a harmonisation lies in [0, 1], not {strength}")
