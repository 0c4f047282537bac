"""What the tiny videos of these tests show, and how they are read back."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

RED, BLUE = (220, 30, 30), (30, 30, 220)
WIDTH, HEIGHT, RATE = 64, 48, 25


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A red square (the person) that moves to the right on blue, H×W×3 uint8."""
    image = np.full((height, width, 3), BLUE, np.uint8)
    left = 4 + 2 * (number % 15)
    image[8 : height - 8, left : left + 24] = RED
    return image


def person_left(image: np.ndarray) -> int:
    """Where the square begins."""
    row = image[image.shape[0] // 2].astype(int)
    return int(np.argmax(row[:, 0] > row[:, 2]))


def decode(path: Path | str, pixel_format: str = "rgb24") -> list[np.ndarray]:
    """Every picture of a file, by FFmpeg alone."""
    with av.open(path) as container:
        return [f.to_ndarray(format=pixel_format) for f in container.decode(video=0)]
