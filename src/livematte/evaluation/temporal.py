"""Steadiness of mattes over consecutive frames of a clip.

Arrays as in :mod:`livematte.evaluation.metrics`; the frames of a pair share one size. ``ignore``
hides a pixel when it is hidden in either frame.
"""

from __future__ import annotations

import math

import numpy as np

from livematte.evaluation.metrics import Alpha, Mask

__all__ = ["dtssd", "flicker"]

_STILL = 1 / 255 + 1e-6
"""The truth stands still where it moves by no more than one step of an 8-bit mask."""


def dtssd(
    prediction: Alpha,
    truth: Alpha,
    last_prediction: Alpha,
    last_truth: Alpha,
    ignore: Mask | None = None,
) -> float:
    """sqrt(mean((Δα − Δα*)²)) for one pair of frames, Δ the change since the last frame.

    Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015, divided by the
    number of pixels so that sizes compare (tables often print it times 100). In [0, 2]; a clip's
    score is the mean over its pairs. NaN when every pixel is ignored.
    """
    difference = np.square((prediction - last_prediction) - (truth - last_truth))
    judged = difference if ignore is None else difference[~ignore]
    return math.sqrt(float(judged.mean(dtype=np.float64))) if judged.size else math.nan


def flicker(
    prediction: Alpha,
    truth: Alpha,
    last_prediction: Alpha,
    last_truth: Alpha,
    ignore: Mask | None = None,
) -> float:
    """mean |Δα| over the pixels where the truth stands still, in [0, 1], for one pair of frames.

    Own definition: what the eye sees as flicker is change where nothing moved. NaN when no judged
    pixel stands still.
    """
    still = np.abs(truth - last_truth) <= _STILL
    if ignore is not None:
        still &= ~ignore
    change = np.abs(prediction - last_prediction)[still]
    return float(change.mean(dtype=np.float64)) if change.size else math.nan
