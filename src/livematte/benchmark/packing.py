"""Sixteen pixels of a binary mask in one float32: a sixteenth of what is read back from a GPU.

A convolution of 1×16 with stride 16 and the weights 2⁷, 2⁶, …, 2⁻⁸ packs them, which every delegate
runs; a float32 has 24 bits for the significand, so every pattern comes back exactly. A float16 has
11: where a GPU computes in 16 bits, pack eight pixels, or ask it for 32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livematte.errors import UsageError

__all__ = ["PIXELS", "pack_mask", "packing_weights", "unpack_mask"]

PIXELS = 16
"""In one number; the leftmost has the greatest weight."""

_SCALE = 256.0


def packing_weights() -> NDArray[np.float32]:
    """The sixteen weights, from 128 to 1/256."""
    return np.exp2(np.arange(7, 7 - PIXELS, -1)).astype(np.float32)


def pack_mask(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """H×W bool to H×(W/16) float32, as the convolution gives it.

    Raises:
        UsageError: the width is not a multiple of sixteen.
    """
    if mask.ndim != 2 or mask.shape[1] % PIXELS:
        raise UsageError(f"a mask of shape {mask.shape} is not H×W with W a multiple of {PIXELS}")
    groups = mask.reshape(mask.shape[0], -1, PIXELS)
    return np.asarray(groups.astype(np.float32) @ packing_weights(), np.float32)


def unpack_mask(packed: NDArray[np.float32]) -> NDArray[np.bool_]:
    """H×N float32 to H×(16·N) bool: the inverse of :func:`pack_mask`, for every pattern."""
    # Rounded, for a GPU may sum in another order or with another rounding.
    codes = np.rint(packed * np.float32(_SCALE)).astype(">u2")
    return np.unpackbits(codes.view(np.uint8), axis=-1).view(np.bool_)
