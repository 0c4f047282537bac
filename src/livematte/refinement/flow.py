"""Carry a picture along: by the optical flow between two frames, or to another part of a scene."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Flow", "Matrix", "carried", "shifted"]

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
"""2×3, affine: from a place in a new picture to the place in an old one, x before y, in pixels
whose centres lie at whole numbers (OpenCV's convention)."""

Pixels = TypeVar("Pixels", np.uint8, np.float32)

_LEAST = 0.15  # pixels: shorter ways are noise, and following them would blur what stands still


class Flow:
    """Dense optical flow from each frame to the one before it.

    Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, as in OpenCV.
    """

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._last: NDArray[np.uint8] | None = None

    def back(self, image: Floats) -> Floats | None:
        """Where each pixel of a frame was in the frame before.

        Args:
            image: h×w×3 float32 RGB in [0, 1].

        Returns:
            h×w×2 float32, the way to there in pixels, x before y; None for the first frame.
        """
        grey = (255 * cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)).astype(np.uint8)
        last, self._last = self._last, grey
        if last is None:
            return None
        none = np.zeros((*grey.shape, 2), np.float32)  # where the search begins
        way = np.asarray(self._search.calc(grey, last, none), dtype=np.float32)
        length = np.hypot(way[..., 0], way[..., 1])
        return np.where((length < _LEAST)[..., None], np.float32(0), way)

    def forget(self) -> None:
        """Take the next frame for the first one."""
        self._last = None

    def follow(self, matrix: Matrix) -> None:
        """Tell that the next frame shows another part of the scene."""
        if self._last is not None:
            self._last = shifted(self._last, matrix)


def carried(picture: Floats, way: Floats) -> Floats:
    """What ``picture`` (h×w or h×w×3) shows where each pixel was (h×w×2, see :meth:`Flow.back`)."""
    height, width = way.shape[:2]
    x = way[..., 0] + np.arange(width, dtype=np.float32)
    y = way[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float32)


def shifted(
    picture: NDArray[Pixels], matrix: Matrix, *, outside: float | None = None
) -> NDArray[Pixels]:
    """A picture as seen from another part of the scene.

    Args:
        picture: h×w or h×w×3.
        matrix: see :data:`Matrix`.
        outside: value of what ``picture`` does not show; None: its nearest border's.

    Returns:
        Same shape and type.
    """
    moved = cv2.warpAffine(
        picture,
        matrix,
        (picture.shape[1], picture.shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT,
        borderValue=0 if outside is None else outside,
    )
    return np.asarray(moved, dtype=picture.dtype)
