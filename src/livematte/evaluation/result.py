"""What an evaluation found, and how scores of images become scores of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livematte.data.sample import RgbImage
from livematte.evaluation.metrics import (
    Confusion,
    expected_calibration_error,
    foreground_iou,
    mean_iou,
)
from livematte.evaluation.spread import Score, interval, resampled_sums
from livematte.spec import ModelSpec

__all__ = [
    "EvaluationConfig",
    "EvaluationResult",
    "ImageScores",
    "Latency",
    "WorstCase",
    "summarise",
]


@dataclass(frozen=True)
class EvaluationConfig:
    """What is measured, and how.

    Attributes:
        threshold: alpha from which a pixel counts as person.
        boundary_fraction: tolerance of the boundary F, as a share of the image diagonal.
        bins: bins of the calibration error.
        frames: the samples are consecutive frames of one clip: the model keeps its memory from
            one to the next, and steadiness is measured.
        limit: score only so many samples, evenly spaced (with ``frames``: the first ones).
        worst: how many of the worst images to keep for the picture.
        resamples, seed: of the bootstrap.
    """

    threshold: float = 0.5
    boundary_fraction: float = 0.004
    bins: int = 15
    frames: bool = False
    limit: int | None = None
    worst: int = 8
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class ImageScores:
    """One image's scores.

    Attributes:
        name: of the sample.
        height, width: in pixels.
        soft: whether its truth is a real matte rather than a hard mask.
        values: scores by name; NaN where undefined.
        counts: pixel counts of the foreground decision.
        bins: 3×bins sums of the calibration.
        run_seconds: of the network alone.
        call_seconds: of the whole prediction, from the image to a matte of its size.
        slices: the groups it belongs to, see :mod:`livematte.evaluation.slices`.
    """

    name: str
    height: int
    width: int
    soft: bool
    values: dict[str, float]
    counts: Confusion
    bins: NDArray[np.float64]
    run_seconds: float
    call_seconds: float
    slices: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorstCase:
    """A badly scored image, shrunk for showing.

    Attributes:
        name: of the sample.
        values: its scores.
        image: H×W×3 uint8 RGB.
        truth, prediction: H×W uint8, 255 = person.
        ignore: H×W bool.
    """

    name: str
    values: dict[str, float]
    image: RgbImage
    truth: NDArray[np.uint8]
    prediction: NDArray[np.uint8]
    ignore: NDArray[np.bool_]


@dataclass(frozen=True)
class Latency:
    """Milliseconds per image, batch 1, after one warm-up call.

    Attributes:
        run_median, run_p95: of the network alone.
        call_median, call_p95: of the whole prediction, from the image to a matte of its size.
        engine: what ran the model.
        device: where.
        threads: the engine's threads; None when the engine chose.
    """

    run_median: float
    run_p95: float
    call_median: float
    call_p95: float
    engine: str
    device: str
    threads: int | None


@dataclass(frozen=True)
class EvaluationResult:
    """A model's scores on a dataset.

    Attributes:
        model: the predictor's name.
        spec: the model's spec.
        refined: whether the matte went through edge-aware refinement.
        config: what was asked for.
        scores: by name; docs/evaluation.md defines each.
        images: the scores of each image, in the dataset's order.
        bins: 3×bins sums of the calibration over all images.
        latency: of the same run.
        worst: the worst images by ``miou``, worst first.
    """

    model: str
    spec: ModelSpec
    refined: bool
    config: EvaluationConfig
    scores: dict[str, Score]
    images: tuple[ImageScores, ...]
    bins: NDArray[np.float64]
    latency: Latency
    worst: tuple[WorstCase, ...]


def summarise(images: Sequence[ImageScores], config: EvaluationConfig) -> dict[str, Score]:
    """Scores of the dataset with their spread.

    Every name in ``ImageScores.values`` is averaged over the images that define it;
    ``miou_pooled`` and ``foreground_iou_pooled`` come from the pixel counts of all images added
    up, ``ece`` from their calibration bins added up.
    """
    names = list(dict.fromkeys(name for image in images for name in image.values))
    table = np.array([[image.values.get(n, np.nan) for n in names] for image in images])
    defined = np.isfinite(table)
    counts = np.array([image.counts for image in images], dtype=np.float64)
    bins = np.stack([image.bins.ravel() for image in images])
    columns = np.hstack([np.where(defined, table, 0.0), defined, counts, bins])
    totals = columns.sum(axis=0, keepdims=True)
    resampled = resampled_sums(columns, resamples=config.resamples, seed=config.seed)
    point, drawn = (_from_sums(sums, names) for sums in (totals, resampled))
    images_of = dict(zip(names, defined.sum(axis=0).tolist(), strict=True))
    return {
        name: Score(float(values[0]), *interval(drawn[name]), images_of.get(name, len(images)))
        for name, values in point.items()
    }


def _from_sums(sums: NDArray[np.float64], names: list[str]) -> dict[str, NDArray[np.float64]]:
    """Scores of each row of sums, laid out as in :func:`summarise`."""
    width = len(names)
    total, number, counts, bins = np.split(sums, [width, 2 * width, 2 * width + 4], axis=1)
    averages = np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)
    scores = {name: averages[:, i] for i, name in enumerate(names)}
    pooled = [Confusion(*row) for row in counts.astype(np.int64).tolist()]
    scores["miou_pooled"] = np.array([mean_iou(c) for c in pooled])
    scores["foreground_iou_pooled"] = np.array([foreground_iou(c) for c in pooled])
    scores["ece"] = np.array([expected_calibration_error(row.reshape(3, -1)) for row in bins])
    return scores
