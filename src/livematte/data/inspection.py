"""Look at one sample of a dataset: can it be read, and does its mask make sense?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.data.dataset import Backgrounds, Dataset, FileDataset, Pair
from livematte.data.duplicates import Fingerprint, fingerprint
from livematte.data.reading import (
    IMAGE_SUFFIXES,
    JPEG_SUFFIXES,
    VOID,
    mask_values,
    read_image,
    read_mask,
)
from livematte.data.sample import BoolMask, Matte
from livematte.errors import InputError

__all__ = ["KINDS", "Inspection", "Kind", "Problem", "inspect_sample", "rings_like_jpeg"]


@dataclass(frozen=True)
class Kind:
    """A kind of problem: what it means, and whether it spoils training."""

    title: str
    serious: bool


KINDS: dict[str, Kind] = {
    "unreadable": Kind("files that cannot be read", True),
    "missing-pair": Kind("pictures without a mask, or masks without a picture", True),
    "size-mismatch": Kind("masks of another size than their picture", True),
    "empty-mask": Kind("masks without a person", True),
    "split-duplicate": Kind("near-duplicates on both sides of the split", True),
    "ambiguous-values": Kind("masks that hold both 1 and 255: which one is the person?", True),
    "mixed-values": Kind("0/1 masks among 0/255 masks", False),
    "jpeg-mask": Kind("masks kept as JPEG; they are read as hard masks", False),
    "jpeg-artefacts": Kind("masks that once were JPEG: greys ring around the edges", False),
    "full-mask": Kind("masks that are person everywhere", False),
    "duplicate": Kind("near-duplicates", False),
}


@dataclass(frozen=True)
class Problem:
    """One finding.

    Attributes:
        kind: a key of :data:`KINDS`.
        files: the files it is about.
        detail: what was seen, when the kind does not say it all.
    """

    kind: str
    files: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True)
class Inspection:
    """What is kept of a sample.

    Attributes:
        file: the picture, or the sample's name where it has no file of its own.
        mask: likewise the mask.
        problems: what is wrong with it.
        print: the picture's fingerprint; None when it cannot be read.
        values: how the mask writes the person: ``1``, ``255``, or None when it does not tell.
    """

    file: str
    mask: str
    problems: tuple[Problem, ...]
    print: Fingerprint | None
    values: int | None = None


def inspect_sample(dataset: Dataset, index: int, root: Path) -> Inspection:
    """Read one sample and judge it; no error leaves this function for a bad file."""
    if isinstance(dataset, FileDataset):
        return _inspect_pair(dataset, dataset.pairs[index], root)
    file = dataset.names[index]
    if isinstance(dataset, Backgrounds):
        file = _relative(dataset.files[index], root)
    try:
        sample = dataset.load(index)
    except InputError as error:
        return Inspection(file, file, (Problem("unreadable", (file,), str(error)),), None)
    matte = Matte(sample.alpha, sample.ignore, sample.soft)
    problems = [] if isinstance(dataset, Backgrounds) else _judge_matte(matte, file)
    return Inspection(file, file, tuple(problems), fingerprint(sample.image))


def _inspect_pair(dataset: FileDataset, pair: Pair, root: Path) -> Inspection:
    file, mask_file = (_relative(path, root) for path in (pair.image, pair.mask))
    problems: list[Problem] = []
    matte = image = None
    try:
        matte = dataset.decode(pair.mask)
    except InputError as error:
        problems.append(Problem("unreadable", (mask_file,), str(error)))
    try:
        image = read_image(pair.image, shape=None if matte is None else matte.alpha.shape)
    except InputError as error:
        problems.append(Problem("unreadable", (file,), str(error)))
    if matte is not None and image is not None and image.shape[:2] != matte.alpha.shape:
        sizes = " and ".join(f"{w}×{h}" for h, w in (image.shape[:2], matte.alpha.shape))
        problems.append(Problem("size-mismatch", (file, mask_file), sizes))
    values = None
    if matte is not None:
        problems += _judge_matte(matte, mask_file)
        if pair.mask.suffix.lower() in IMAGE_SUFFIXES:
            values, more = _judge_values(pair.mask, mask_file, by_value=dataset.decode is read_mask)
            problems += more
    found = None if image is None else fingerprint(image)
    return Inspection(file, mask_file, tuple(problems), found, values)


def _judge_matte(matte: Matte, mask_file: str) -> list[Problem]:
    counted = matte.alpha if matte.ignore is None else matte.alpha[~matte.ignore]
    if not counted.size or counted.max() < 0.5:
        return [Problem("empty-mask", (mask_file,))]
    if counted.min() > 0.5:
        return [Problem("full-mask", (mask_file,))]
    return []


def _judge_values(
    path: Path, mask_file: str, *, by_value: bool
) -> tuple[int | None, list[Problem]]:
    """How a mask file writes the person, and what its values give away."""
    if path.suffix.lower() in JPEG_SUFFIXES:
        return 255, [Problem("jpeg-mask", (mask_file,))]
    values = mask_values(path)
    if rings_like_jpeg(values):
        return 255, [Problem("jpeg-artefacts", (mask_file,))]
    counts = np.bincount(values.ravel(), minlength=256)
    flat = counts[[0, 1, VOID, 255]].sum() == values.size
    if not by_value or not flat or not counts[[1, 255]].any():
        return None, []
    if counts[1] and counts[255]:
        detail = f"{counts[1]} pixels of 1, {counts[255]} of 255"
        return None, [Problem("ambiguous-values", (mask_file,), detail)]
    return (1 if counts[1] else 255), []


def rings_like_jpeg(values: NDArray[np.uint8]) -> bool:
    """Whether an H×W uint8 mask looks as if it had once been a JPEG.

    JPEG codes blocks of 8×8 pixels apart. A block that an edge crosses gets many values a little
    off 0 and 255, which swing up and down; a block without an edge gets none. A smooth matte
    rises steadily, and a real one does not keep to the blocks.
    """
    height, width = (side // 8 * 8 for side in values.shape)
    if not height or not width:
        return False
    blocks = _in_blocks(values[:height, :width])
    off = ((blocks > 0) & (blocks < 16)) | ((blocks > 239) & (blocks < 255))
    low, high = blocks.min(axis=(2, 3)), blocks.max(axis=(2, 3))
    counts = off.sum(axis=(2, 3)) * (low != high)  # a flat block may be 254 all over
    edge = (low < 100) & (high > 155)
    if not edge.any() or not counts.any():
        return False
    if counts[edge].mean() <= 8 or counts[edge].sum() <= 0.7 * counts.sum():
        return False
    swings = _in_blocks(_swings(values[:height, :width])) & off
    return bool(swings[edge].sum() > 0.12 * counts[edge].sum())


def _in_blocks(values: NDArray[Any]) -> NDArray[Any]:
    """H×W, multiples of 8, as H/8×W/8×8×8."""
    height, width = values.shape
    return values.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2)


def _swings(values: NDArray[np.uint8]) -> BoolMask:
    """Pixels that are larger, or smaller, than both neighbours in their row or their column."""
    signed = values.astype(np.int16)
    swings = np.zeros(values.shape, np.bool_)
    across, down = np.diff(signed, axis=1), np.diff(signed, axis=0)
    swings[:, 1:-1] |= across[:, :-1] * across[:, 1:] < 0
    swings[1:-1] |= down[:-1] * down[1:] < 0
    return swings


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
