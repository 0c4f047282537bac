"""Notice where a film cuts to another scene."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["SceneCuts"]

_SIDE = 32
_BINS = 16
_BIG = 0.16  # mean absolute difference of thumbnails in [0, 1]: a cut whatever else
_SOME = 0.07  # a cut where the brightness is distributed otherwise too
_OTHERWISE = 0.35  # half the summed differences of the histograms, in [0, 1]
_CALM = 0.05  # below it after a cut, the next may be noticed


class SceneCuts:
    """Compares each frame's thumbnail with the one before.

    People move; they change a thumbnail little, and its histogram less. After a cut the next is
    noticed only when the picture has calmed down, so that a flickering lamp or a fast dissolve
    counts once.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._calm = True

    def is_cut(self, image: NDArray[np.uint8] | NDArray[np.float32]) -> bool:
        """Whether a frame begins another scene than the last one's; the first does not.

        Args:
            image: H×W×3 RGB, uint8 or float32 in [0, 1]; a small one will do.
        """
        small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        scale = 255 if image.dtype == np.uint8 else 1
        thumbnail = small.astype(np.float32) / np.float32(scale)
        last, self._last = self._last, thumbnail
        if last is None:
            return False
        difference = float(np.abs(thumbnail - last).mean())
        if difference < _CALM:
            self._calm = True
        changed = difference > _BIG or (
            difference > _SOME and _apart(_histogram(thumbnail), _histogram(last)) > _OTHERWISE
        )
        if not (changed and self._calm):
            return False
        self._calm = False
        return True


def _histogram(thumbnail: NDArray[np.float32]) -> NDArray[np.float64]:
    """Shares of brightness."""
    counts, _ = np.histogram(thumbnail.mean(axis=2), bins=_BINS, range=(0, 1))
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.abs(a - b).sum() / 2)
