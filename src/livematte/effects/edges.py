"""The background as a drawing of its edges."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects.checks import check_frame, check_share
from livematte.effects.shot import Shot

__all__ = ["Edges", "background_edges"]

Floats = NDArray[np.float32]

_SMOOTHING = 1.0  # standard deviation, in pixels: grain is no edge
_GAIN = 0.8
_REACH = np.float32(5)  # pixels in which the smoothing and the operator see the person
_FADE = np.float32(8)  # pixels more in which lines fade in
_SEEN = np.float32(0.03)  # of a person, whose outline is not to be drawn


def background_edges(
    frame: NDArray[np.uint8], alpha: Floats, *, opacity: Floats | None = None
) -> NDArray[np.uint8]:
    """How steeply the brightness rises at each pixel, white on black (Sobel's operator).

    Args:
        frame: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1]: whom to leave out, with their outline.
        opacity: H×W float32 in [0, 1], the frame's own alpha channel; None: opaque.

    Returns:
        H×W×3 uint8 RGB, grey.

    Raises:
        UsageError: other shapes, types or ranges.
    """
    check_frame(frame)
    check_share(alpha, frame, "a matte")
    check_share(opacity, frame, "an opacity")
    grey = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (0, 0), _SMOOTHING)
    across, down = (
        cv2.Sobel(grey, cv2.CV_32F, *order, scale=_GAIN, borderType=cv2.BORDER_REPLICATE)
        for order in ((1, 0), (0, 1))
    )
    steepness = np.minimum(cv2.magnitude(across, down), 255)
    room = (alpha <= _SEEN).astype(np.uint8)
    if opacity is not None:
        room &= (opacity >= 1).astype(np.uint8)
    if not room.all():
        away = cv2.distanceTransform(room, cv2.DIST_L2, 3)
        steepness *= np.clip((away - _REACH) / _FADE, 0, 1)
    return np.asarray(cv2.cvtColor(steepness.astype(np.uint8), cv2.COLOR_GRAY2RGB), dtype=np.uint8)


class Edges:
    """The effect: the given background, or the room, drawn; in part at a smaller strength."""

    def __init__(self, strength: float = 1.0) -> None:
        self._strength = strength

    def __call__(self, shot: Shot) -> Shot:
        """Another background."""
        picture, alpha, opacity = shot.behind()
        drawn = background_edges(picture, alpha, opacity=opacity)
        mixed = cv2.addWeighted(drawn, self._strength, picture, 1 - self._strength, 0)
        return replace(shot, background=np.asarray(mixed, dtype=np.uint8))
