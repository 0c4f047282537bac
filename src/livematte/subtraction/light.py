"""Bring a frame to the light that the empty room was learned in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["relit"]

_GAIN = (0.4, 2.5)
_FLAT = 3.0  # 8-bit steps: with less contrast a gain cannot be told from an offset
_ROUNDS = 3
_EVERY = 3  # pixels, each way: enough to fit two numbers


def relit(
    picture: NDArray[np.uint8], room: NDArray[np.uint8], person: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """A frame as the room's light would show it.

    The light is one gain and one offset per colour, fitted to the pixels outside the person by
    least squares; those that fit badly are left out and the rest is fitted again, so that
    somebody new does not count.

    Args:
        picture: the frame, h×w×3.
        room: the empty room, h×w×3.
        person: where the person was in the last frame, h×w.

    Returns:
        h×w×3.
    """
    free = ~person[::_EVERY, ::_EVERY]
    if np.count_nonzero(free) < 0.05 * free.size:
        return picture
    seen = picture[::_EVERY, ::_EVERY][free].astype(np.float32)
    known = room[::_EVERY, ::_EVERY][free].astype(np.float32)
    table = np.empty((256, 3), np.float32)
    levels = np.arange(256, dtype=np.float32)
    for channel in range(3):
        gain, offset = _fit(seen[:, channel], known[:, channel])
        table[:, channel] = gain * levels + offset
    lookup = np.clip(np.rint(table), 0, 255).astype(np.uint8)
    return np.stack([lookup[picture[..., channel], channel] for channel in range(3)], axis=-1)


def _fit(seen: NDArray[np.float32], known: NDArray[np.float32]) -> tuple[float, float]:
    """Gain and offset from seen to known values."""
    gain, offset = 1.0, float(np.median(known - seen))
    for _ in range(_ROUNDS):
        residual = np.abs(gain * seen + offset - known)
        fits = residual <= max(2 * float(np.median(residual)), 2.0)
        x, y = seen[fits], known[fits]
        spread = float(x.std())
        if spread > _FLAT:
            covariance = float(((x - x.mean()) * (y - y.mean())).mean())
            gain = float(np.clip(covariance / spread**2, *_GAIN))
        offset = float(y.mean() - gain * x.mean())
    return gain, offset
