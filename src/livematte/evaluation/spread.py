"""How far a score would move with other pictures: a seeded percentile bootstrap over images.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993. Every score of a dataset is a
function of sums over its images (of values, of pixel counts, of calibration bins), so a resample
is a vector of multiplicities and all of them are one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Score", "interval", "resampled_sums"]

_CHUNK_ELEMENTS = 4_000_000


@dataclass(frozen=True)
class Score:
    """A dataset's score.

    Attributes:
        value: the score itself; NaN when no image defines it.
        low, high: the 2.5th and 97.5th percentile over the resamples; NaN without resamples.
        images: how many images define it.
    """

    value: float
    low: float
    high: float
    images: int


def resampled_sums(
    columns: NDArray[np.float64], *, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Column sums of ``resamples`` draws of N rows out of N, with replacement.

    Args:
        columns: N×K, one row per image.
        resamples: number of draws.
        seed: of the random draws.

    Returns:
        ``resamples``×K sums.
    """
    return np.concatenate(
        [np.zeros((0, columns.shape[1]))]
        + [weights @ columns for weights in _multiplicities(len(columns), resamples, seed)]
    )


def _multiplicities(images: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each image was drawn, in chunks of resamples that keep memory flat."""
    generator = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_ELEMENTS // images)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        yield generator.multinomial(images, np.full(images, 1 / images), size=size)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile, NaN values left out; NaN when nothing is left."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return math.nan, math.nan
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)
