"""Notice that a camera that should stand still has moved."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["CameraWatch", "Moved"]

_FAR = 0.004  # of the longer side: a smaller way blurs edges only
_QUARTERS = 2  # of the picture's four that must agree: a person or a curtain is in one
_FRAMES = 3  # in a row
_BETTER = 0.75  # of the difference at the room's edges: what the way must explain
_EDGES = 0.85  # quantile of the gradient that is an edge
_FAINT = 12.0  # 8-bit steps: edges that are none
_CAPPED = 60.0  # 8-bit steps: a person before an edge counts so much

Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Moved:
    """How far the picture has gone: rightwards and downwards, in parts of its width."""

    right: float
    down: float


class CameraWatch:
    """Compares frames with the empty room, quarter by quarter.

    Phase correlation gives the way of each quarter (Kuglin and Hines, 1975). It counts where it is
    long enough and explains the difference at the room's edges; when two quarters go a way for
    three frames, it was the camera, be it shifted, turned or zoomed. A quarter without edges says
    nothing.
    """

    def __init__(self) -> None:
        self._found: deque[Moved | None] = deque(maxlen=_FRAMES)

    def look(self, picture: NDArray[np.uint8], room: NDArray[np.uint8]) -> Moved | None:
        """Whether the camera has moved by now.

        Args:
            picture: the frame, h×w×3 uint8, in the room's light.
            room: the empty room, h×w×3 uint8.
        """
        new, old = (
            cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(np.float32) for one in (picture, room)
        )
        height, width = old.shape
        far = _FAR * max(height, width)
        ways = []
        for rows in (slice(0, height // 2), slice(height // 2, None)):
            for columns in (slice(0, width // 2), slice(width // 2, None)):
                way = _way(new[rows, columns], old[rows, columns], far)
                if way is not None:
                    ways.append(way)
        found = None
        if len(ways) >= _QUARTERS:
            right, down = np.median(np.array(ways), axis=0) / width
            found = Moved(float(right), float(down))
        self._found.append(found)
        always = len(self._found) == _FRAMES and None not in self._found
        return found if always else None


def _way(new: Grey, old: Grey, far: float) -> tuple[float, float] | None:
    """Where a part of the room went, in pixels; None: nowhere, or it cannot be told."""
    gradient = cv2.magnitude(cv2.Sobel(old, -1, 1, 0), cv2.Sobel(old, -1, 0, 1)) / 8
    edges = gradient > max(float(np.quantile(gradient, _EDGES)), _FAINT / 4)
    if np.count_nonzero(edges) < 20:
        return None
    window = cv2.createHanningWindow((old.shape[1], old.shape[0]), cv2.CV_32F)
    # OpenCV 5 multiplies its arguments by the window in place.
    (right, down), _ = cv2.phaseCorrelate(old.copy(), new.copy(), window)
    if np.hypot(right, down) < far:
        return None
    matrix = np.array([[1, 0, right], [0, 1, down]])
    moved = cv2.warpAffine(
        old, matrix, (old.shape[1], old.shape[0]), borderMode=cv2.BORDER_REPLICATE
    )
    here, there = (
        float(np.minimum(np.abs(new - one), _CAPPED)[edges].mean()) for one in (old, moved)
    )
    return (right, down) if there < _BETTER * here else None
