"""A composite whose matte and colours are known."""

from typing import NamedTuple

import cv2
import numpy as np
import pytest


class Composite(NamedTuple):
    image: np.ndarray
    alpha: np.ndarray
    coarse: np.ndarray
    foreground: np.ndarray


@pytest.fixture(scope="session")
def composite() -> Composite:
    """A soft blob with strands, textured on textured; its 64×64 matte is half a pixel off."""
    rng = np.random.default_rng(3)
    height, width = 480, 400
    alpha = np.zeros((height, width), np.uint8)
    cv2.ellipse(alpha, (200, 240), (110, 150), 0, 0, 360, 255, -1, cv2.LINE_AA)
    for angle in np.linspace(0, 2 * np.pi, 60):
        start = np.array([200 + 105 * np.cos(angle), 240 + 145 * np.sin(angle)])
        end = start + 22 * np.array([np.cos(angle + 0.4), np.sin(angle + 0.4)])
        points = np.round(np.array([start, end])).astype(np.int32)
        cv2.polylines(alpha, [points], False, 255, 2, cv2.LINE_AA)
    soft = cv2.GaussianBlur(alpha, (0, 0), 1.2).astype(np.float32) / 255

    def layer(colour: tuple[int, int, int], amount: float) -> np.ndarray:
        noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 3)).astype(np.float32), (0, 0), 3)
        return np.clip(np.array(colour, np.float32) + amount * noise / noise.std(), 0, 255)

    person, room = layer((90, 60, 40), 8), layer((170, 180, 190), 12)
    mixed = soft[..., None] * person + (1 - soft[..., None]) * room
    small = cv2.resize(soft, (64, 64), interpolation=cv2.INTER_AREA)
    moved = cv2.warpAffine(
        cv2.GaussianBlur(small, (0, 0), 1.0), np.float32([[1, 0, 0.5], [0, 1, -0.5]]), (64, 64)
    )
    return Composite(np.round(mixed).astype(np.uint8), soft, moved, person)
