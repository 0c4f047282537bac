"""Bring a picture of another size into a frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_into"]


def fit_into(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Scaled to fit, centred on black."""
    scale = min(height / image.shape[0], width / image.shape[1])
    rows = min(max(round(image.shape[0] * scale), 1), height)
    columns = min(max(round(image.shape[1] * scale), 1), width)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    canvas[top : top + rows, left : left + columns] = cv2.resize(
        image, (columns, rows), interpolation=method
    )
    return canvas
