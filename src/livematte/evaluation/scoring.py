"""The scores of one image, or of one frame and the one before it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livematte.data.sample import FloatMatte, Sample
from livematte.errors import InputError, ModelError
from livematte.evaluation import metrics
from livematte.evaluation.result import EvaluationConfig
from livematte.evaluation.temporal import dtssd, flicker

__all__ = ["Scored", "score", "score_steadiness"]


class Scored(NamedTuple):
    """Scores by name, and the sums that pooling needs."""

    values: dict[str, float]
    counts: metrics.Confusion
    bins: NDArray[np.float64]


def score(prediction: FloatMatte, sample: Sample, config: EvaluationConfig) -> Scored:
    """Score a matte against its sample's truth.

    Raises:
        ModelError: the matte has another size than the image, or is not in [0, 1].
    """
    truth, ignore = sample.alpha, sample.ignore
    if prediction.shape != truth.shape:
        raise ModelError(
            f"{sample.name}: the model answered {prediction.shape} for an image of {truth.shape}"
        )
    # Written so that NaN fails too.
    if not (prediction.min() >= 0 and prediction.max() <= 1):
        raise ModelError(
            f"{sample.name}: the model's matte leaves [0, 1] or holds NaN; check the activation, "
            "mean and std in its spec"
        )
    counts = metrics.confusion(prediction, truth, ignore, threshold=config.threshold)
    tolerance = metrics.boundary_tolerance(truth.shape, config.boundary_fraction)
    values = {
        "miou": metrics.mean_iou(counts),
        "foreground_iou": metrics.foreground_iou(counts),
        "pixel_accuracy": metrics.pixel_accuracy(counts),
        "boundary_f": metrics.boundary_f(
            prediction, truth, ignore, threshold=config.threshold, tolerance=tolerance
        ),
        "mad": metrics.mad(prediction, truth, ignore),
        "mse": metrics.mse(prediction, truth, ignore),
        "gradient": metrics.gradient_error(prediction, truth, ignore),
        "connectivity": metrics.connectivity_error(prediction, truth, ignore),
    }
    bins = metrics.calibration_bins(prediction, truth, ignore, bins=config.bins)
    return Scored(values, counts, bins)


def score_steadiness(
    prediction: FloatMatte, sample: Sample, last_prediction: FloatMatte, last: Sample
) -> dict[str, float]:
    """``dtssd`` and ``flicker`` of a frame and the one before it.

    Raises:
        InputError: the frames differ in size.
    """
    if sample.alpha.shape != last.alpha.shape:
        raise InputError(
            f"{sample.name}: another size than {last.name}; frames of one clip share one size "
            "(score independent images without --frames)"
        )
    hidden = [mask for mask in (sample.ignore, last.ignore) if mask is not None]
    ignore = np.logical_or.reduce(hidden) if hidden else None
    pair = (prediction, sample.alpha, last_prediction, last.alpha, ignore)
    return {"dtssd": dtssd(*pair), "flicker": flicker(*pair)}
