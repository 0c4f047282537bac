"""Run a predictor over a dataset and score it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from livematte.data.dataset import Dataset
from livematte.data.sample import FloatMatte, Sample
from livematte.errors import UsageError
from livematte.evaluation.predictors import Predictor
from livematte.evaluation.result import (
    EvaluationConfig,
    EvaluationResult,
    ImageScores,
    Latency,
    summarise,
)
from livematte.evaluation.scoring import score, score_steadiness
from livematte.evaluation.slices import slices_of
from livematte.evaluation.worst import WorstCases

__all__ = ["evaluate"]


def evaluate(
    predictor: Predictor,
    dataset: Dataset,
    config: EvaluationConfig | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> EvaluationResult:
    """Score a predictor on a dataset.

    Samples are read one at a time and only numbers are kept of them, so that memory does not grow
    with the pictures.

    Args:
        predictor: what turns an image into a matte.
        dataset: see :func:`livematte.data.datasets.open_dataset`.
        config: what is measured; the defaults are those of the published tables.
        progress: called with the number of images done and their total after each of them.

    Raises:
        InputError: a sample cannot be read, or frames of a clip differ in size.
        ModelError: the model answers with something that is no matte.
        UsageError: nothing to score.
    """
    config = config or EvaluationConfig()
    worst = WorstCases(config.worst)
    images: list[ImageScores] = []
    indices = _chosen(len(dataset), config)
    for scored in _scored(predictor, dataset, indices, config, worst):
        images.append(scored)
        if progress is not None:
            progress(len(images), len(indices))
    return EvaluationResult(
        model=predictor.name,
        spec=predictor.spec,
        refined=predictor.refined,
        config=config,
        scores=summarise(images, config),
        images=tuple(images),
        bins=np.sum([image.bins for image in images], axis=0),
        latency=_latency(images, predictor),
        worst=worst.sorted(),
    )


def _scored(
    predictor: Predictor,
    dataset: Dataset,
    indices: Sequence[int],
    config: EvaluationConfig,
    worst: WorstCases,
) -> Iterator[ImageScores]:
    """Predict and score one sample after the other, offering each to ``worst``."""
    predictor.predict(dataset.load(indices[0]).image)  # the first call warms up, unmeasured
    predictor.reset()
    last: tuple[FloatMatte, Sample] | None = None
    for index in indices:
        sample = dataset.load(index)
        started = time.perf_counter()
        prediction = predictor.predict(sample.image)
        call_seconds = time.perf_counter() - started
        values, counts, bins = score(prediction, sample, config)
        if not config.frames:
            predictor.reset()
        elif last is not None:
            values |= score_steadiness(prediction, sample, *last)
        last = prediction, sample
        worst.offer(sample, prediction, values)
        height, width = sample.alpha.shape
        times = predictor.run_seconds, call_seconds
        yield ImageScores(
            sample.name, height, width, sample.soft, values, counts, bins, *times, slices_of(sample)
        )


def _chosen(samples: int, config: EvaluationConfig) -> list[int]:
    """The indices to score: all, the first of a clip, or evenly spaced ones."""
    wanted = samples if config.limit is None else min(config.limit, samples)
    if wanted < 1:
        raise UsageError("nothing to score: the dataset is empty or the limit below 1")
    if config.frames:
        return list(range(wanted))
    return [index * samples // wanted for index in range(wanted)]


def _latency(images: Sequence[ImageScores], predictor: Predictor) -> Latency:
    run = 1000 * np.array([image.run_seconds for image in images])
    call = 1000 * np.array([image.call_seconds for image in images])
    return Latency(
        run_median=float(np.median(run)),
        run_p95=float(np.percentile(run, 95)),
        call_median=float(np.median(call)),
        call_p95=float(np.percentile(call, 95)),
        engine=predictor.engine,
        device=predictor.device,
        threads=predictor.threads,
    )
