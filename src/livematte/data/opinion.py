"""A model's opinion on masks: what to doubt of those that are there, and proposals for others."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.dataset import Backgrounds, Dataset, FileDataset, Pair
from livematte.data.datasets import open_dataset, recognise
from livematte.data.files import new_folder, write_picture
from livematte.data.reading import VOID
from livematte.data.sample import BoolMask, FloatMatte, RgbImage, Sample
from livematte.data.splits import SPLITS_FILE
from livematte.errors import UsageError
from livematte.files import write_atomically

__all__ = ["DOUBTS", "Doubt", "OpinionConfig", "clean", "contradicted", "proposal", "propose"]

DOUBTS = "doubts.csv"

Progress = Callable[[int, int], None]
Segment = Callable[[RgbImage], FloatMatte]


@dataclass(frozen=True)
class OpinionConfig:
    """When a model's word counts.

    Attributes:
        sure: alpha from which the model is sure of a person, and below 1 - ``sure`` of none.
        reach: share of the picture's diagonal; whatever is no wider than twice that is a matter of
            outlines, in which masks are better than models.
    """

    sure: float = 0.9
    reach: float = 0.01


@dataclass(frozen=True)
class Doubt:
    """A picture of which the model left something open.

    Attributes:
        name: of the sample.
        share: of its pixels that are void for that.
    """

    name: str
    share: float


def contradicted(alpha: FloatMatte, matte: FloatMatte, config: OpinionConfig) -> BoolMask:
    """Where a sure model says the opposite of an H×W mask, over more than an outline's width."""
    against = np.where(alpha > 0.5, matte < 1 - config.sure, matte > config.sure)
    return _wide_parts(against, config.reach)


def proposal(matte: FloatMatte, config: OpinionConfig) -> NDArray[np.uint8]:
    """A mask for an H×W matte: 0, 255, and 128 where the model is not sure of a wide part."""
    mask = np.where(matte > 0.5, 255, 0).astype(np.uint8)
    unsure = (matte > 1 - config.sure) & (matte < config.sure)
    mask[_wide_parts(unsure, config.reach)] = VOID
    return mask


def _wide_parts(region: BoolMask, reach: float) -> BoolMask:
    """What an opening by a square leaves of a region, and the fringe around that."""
    side = 2 * max(1, round(reach * float(np.hypot(*region.shape)))) + 1
    square = np.ones((side, side), np.uint8)
    core = cv2.erode(region.astype(np.uint8), square)
    grown = cv2.dilate(core, np.ones((side + 2, side + 2), np.uint8))
    return (grown > 0) & region


def clean(
    root: Path,
    segment: Segment,
    output: Path,
    *,
    layout: str = "auto",
    config: OpinionConfig = OpinionConfig(),
    progress: Progress | None = None,
) -> list[Doubt]:
    """Copy a set, with void where a model contradicts the masks of its training pictures.

    Held-out pictures keep their masks. A doubted matte becomes a hard mask: greys have no void.
    Written are ``images/``, ``masks/``, the ``splits.json`` that keeps everybody where they were,
    and :data:`DOUBTS`.

    Args:
        root: the set's folder.
        segment: H×W×3 uint8 RGB to an H×W matte: a model that was trained on better masks, or on
            many of which few are wrong.
        output: folder to make.
        layout: see :func:`livematte.data.datasets.open_dataset`.
        config: when the model's word counts.
        progress: called with the number of pictures done and in all.

    Returns:
        The pictures of which something was voided, most first.

    Raises:
        InputError: no such folder, nothing in it to train on, or a file that cannot be read.
        OutputError: ``output`` exists with something in it, or cannot be written.
        UsageError: several sets, or a set that has no files for its pictures.
    """
    training = _files(open_dataset(root, layout=layout, split="train"), root)
    # Nobody need be held out, which open_dataset would not have.
    held_out = _files(recognise(root, layout=layout, split="validation"), root)

    def doubted(sample: Sample) -> tuple[NDArray[np.uint8], float]:
        mask = _stored(sample)
        wrong = contradicted(sample.alpha, segment(sample.image), config)
        if sample.ignore is not None:
            wrong &= ~sample.ignore
        if not wrong.any():
            return mask, 0.0
        if sample.soft:
            mask = np.where(sample.alpha > 0.5, 255, 0).astype(np.uint8)
        mask[wrong] = VOID
        return mask, float(wrong.mean())

    def made() -> Iterator[_Made]:
        for pair, sample in _samples(training):
            yield _Made(pair.name, pair.image, *doubted(sample))
        for pair, sample in _samples(held_out):
            yield _Made(pair.name, pair.image, _stored(sample), 0.0)

    entry = {output.name: {"validation": list(held_out.names)}}
    split = json.dumps(entry, indent=1, ensure_ascii=False) + "\n"
    return _write(output, made(), len(training) + len(held_out), progress, {SPLITS_FILE: split})


def propose(
    pictures: Backgrounds,
    segment: Segment,
    output: Path,
    *,
    config: OpinionConfig = OpinionConfig(),
    progress: Progress | None = None,
) -> list[Doubt]:
    """Make a set of pictures that have no masks: a model's, for a person to put right.

    Args:
        pictures: the pictures.
        segment, output, config, progress: as of :func:`clean`.

    Returns:
        The pictures with parts of which the model is not sure, most first.

    Raises:
        InputError: a picture cannot be read.
        OutputError: ``output`` exists with something in it, or cannot be written.
    """

    def made() -> Iterator[_Made]:
        for index, path in enumerate(pictures.files):
            mask = proposal(segment(pictures.load(index).image), config)
            yield _Made(pictures.names[index], path, mask, float((mask == VOID).mean()))

    return _write(output, made(), len(pictures), progress, {})


def _files(dataset: Dataset, root: Path) -> FileDataset:
    if not isinstance(dataset, FileDataset):
        raise UsageError(f"{root}: not one set of picture and mask files; give one set's folder")
    return dataset


class _Made(NamedTuple):
    """A picture's name and file, its new mask, and the share of it that is open."""

    name: str
    image: Path
    mask: NDArray[np.uint8]
    share: float


def _samples(dataset: FileDataset) -> Iterator[tuple[Pair, Sample]]:
    for index, pair in enumerate(dataset.pairs):
        yield pair, dataset.load(index)


def _stored(sample: Sample) -> NDArray[np.uint8]:
    """A sample's matte as a mask file holds it."""
    mask = np.rint(sample.alpha * 255).astype(np.uint8)
    if sample.ignore is not None:
        mask[sample.ignore] = VOID
    return mask


def _write(
    output: Path,
    made: Iterator[_Made],
    count: int,
    progress: Progress | None,
    texts: Mapping[str, str],
) -> list[Doubt]:
    """Write pictures, masks, the doubts and some texts; whole or not at all."""
    doubts: list[Doubt] = []
    with new_folder(output) as folder:
        for number, item in enumerate(made, 1):
            picture = folder / "images" / f"{item.name}{item.image.suffix}"
            picture.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(item.image, picture)
            write_picture(folder / "masks" / f"{item.name}.png", item.mask, optimize=True)
            if item.share:
                doubts.append(Doubt(item.name, item.share))
            if progress is not None:
                progress(number, count)
        doubts.sort(key=lambda doubt: -doubt.share)
        for name, text in {DOUBTS: _table(doubts), **texts}.items():
            write_atomically(folder / name, text.encode())
    return doubts


def _table(doubts: Sequence[Doubt]) -> str:
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(("name", "share"))
    rows.writerows((doubt.name, f"{doubt.share:.4f}") for doubt in doubts)
    return stream.getvalue()
