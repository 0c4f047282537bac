"""Keep the worst images of a run and draw them: image, truth, prediction, difference."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from livematte.data.sample import FloatMatte, RgbImage, Sample
from livematte.evaluation.result import WorstCase

__all__ = ["WorstCases", "draw_worst"]

_SIDE = 320
_GAP = 6
_CAPTION = 22
_WHITE = 255
_GREY = 128
_FALSE_PERSON = np.array([220, 40, 40], np.float32)
_MISSED_PERSON = np.array([40, 80, 230], np.float32)


class WorstCases:
    """The ``keep`` images with the lowest ``miou`` so far, shrunk so that memory stays flat."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._heap: list[tuple[float, int, WorstCase]] = []
        self._seen = 0

    def offer(self, sample: Sample, prediction: FloatMatte, values: dict[str, float]) -> None:
        """Take an image if it is bad enough; one without a defined ``miou`` never is."""
        self._seen += 1
        # A min-heap of goodness negated: its first entry is the best of those kept. Of equals,
        # the earlier image stays.
        badness = -values["miou"]
        full = len(self._heap) >= self._keep
        if math.isnan(badness) or self._keep < 1 or (full and badness <= self._heap[0][0]):
            return
        entry = (badness, -self._seen, _shrunk(sample, prediction, values))
        if full:
            heapq.heapreplace(self._heap, entry)
        else:
            heapq.heappush(self._heap, entry)

    def sorted(self) -> tuple[WorstCase, ...]:
        """The kept images, worst first."""
        return tuple(case for _, _, case in sorted(self._heap, key=lambda e: e[:2], reverse=True))


def _shrunk(sample: Sample, prediction: FloatMatte, values: dict[str, float]) -> WorstCase:
    height, width = sample.alpha.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))

    def small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)

    ignore = np.zeros((height, width), bool) if sample.ignore is None else sample.ignore
    return WorstCase(
        name=sample.name,
        values=dict(values),
        image=small(sample.image),
        truth=small(np.rint(sample.alpha * 255).astype(np.uint8)),
        prediction=small(np.rint(prediction * 255).astype(np.uint8)),
        ignore=small(ignore.astype(np.uint8) * 255) >= 128,
    )


def draw_worst(cases: Sequence[WorstCase]) -> RgbImage:
    """A sheet with one row per image: the image, the truth, the prediction, their difference.

    In the difference red is a person claimed where there is none, blue a person missed, grey what
    is ignored.

    Returns:
        H×W×3 uint8 RGB.
    """
    rows = [_row(case) for case in cases]
    width = max(row.shape[1] for row in rows)
    filled = [
        np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=_WHITE)
        for row in rows
    ]
    return np.concatenate(filled)


def _row(case: WorstCase) -> RgbImage:
    height, width = case.truth.shape
    panels = (case.image, _grey(case.truth), _grey(case.prediction), _difference(case))
    row = np.full(
        (height + _CAPTION + _GAP, max(4 * width + 3 * _GAP, 2 * _SIDE), 3), _WHITE, np.uint8
    )
    for index, panel in enumerate(panels):
        left = index * (width + _GAP)
        row[_CAPTION : _CAPTION + height, left : left + width] = panel
    picture = Image.fromarray(row)
    caption = f"{case.name}   " + "   ".join(
        f"{label} {100 * case.values[key]:.1f}"
        for label, key in (("mean IoU", "miou"), ("boundary F", "boundary_f"))
        if not math.isnan(case.values.get(key, math.nan))
    )
    font = ImageFont.load_default(size=14)
    ImageDraw.Draw(picture).text((2, 3), caption, fill=(0, 0, 0), font=font)
    return np.array(picture)


def _grey(matte: NDArray[np.uint8]) -> RgbImage:
    return np.repeat(matte[..., None], 3, axis=2)


def _difference(case: WorstCase) -> RgbImage:
    error = (case.prediction.astype(np.float32) - case.truth.astype(np.float32))[..., None] / 255
    # The truth shows faintly beneath, for orientation.
    base = 255 - 0.2 * _grey(case.truth).astype(np.float32)
    ink = np.where(error > 0, _FALSE_PERSON, _MISSED_PERSON)
    strength = np.abs(error)
    mixed = base * (1 - strength) + ink * strength
    mixed[case.ignore] = _GREY
    return np.asarray(np.rint(mixed), np.uint8)
