"""Training pictures in memory as uint8, ready to be drawn in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livematte.data.datasets import Backgrounds, ConcatDataset, Dataset, open_dataset
from livematte.data.sample import Sample
from livematte.errors import InputError
from livematte.training.recipe import DataConfig
from livematte.transforms import resize

__all__ = ["PictureCache", "PictureStore", "load_training", "load_validation", "upper_half"]

MOST_READERS = 16

Array = NDArray[Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PictureStore:
    """N pictures of one stored size S×S (or H×W).

    Pictures and masks may lie on a device; what is known of each stays on the CPU, where batches
    are drawn.

    Attributes:
        images: N×3×S×S uint8 RGB, stretched to a square.
        alpha: N×1×S×S uint8.
        ignore: N×1×S×S bool.
        aspect: N float32, true width / height.
        hard: N bool, masks without grey levels.
        sets: set of each picture, an index into ``names``.
        names: names of the sets.
        cutout: N bool, pictures that only serve as cut-outs.
        weights: N float32, how often each is drawn.
        backgrounds: M×3×S×S uint8 RGB, pictures without people.
        background_aspect: M float32.
    """

    images: Tensor
    alpha: Tensor
    ignore: Tensor
    aspect: Tensor
    hard: Tensor
    sets: Tensor
    names: tuple[str, ...]
    cutout: Tensor
    weights: Tensor
    backgrounds: Tensor
    background_aspect: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def __deepcopy__(self, memo: dict[int, object]) -> PictureStore:
        """Pictures are never changed, so copies of their owner may share them."""
        return self

    def to(self, device: torch.device) -> PictureStore:
        """The same pictures on a device."""
        return replace(
            self,
            images=self.images.to(device),
            alpha=self.alpha.to(device),
            ignore=self.ignore.to(device),
            backgrounds=self.backgrounds.to(device),
        )


def _open_sets(
    data: Path, split: str, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, Dataset]]:
    dataset = open_dataset(data, split=split)
    if isinstance(dataset, ConcatDataset):
        yield from ((name, part) for name, part in dataset.parts.items() if wanted(name))
    else:
        yield data.resolve().name, dataset


def _check_sets(data: Path, asked: set[str], split: str) -> None:
    """Refuse names of sets that are not there."""
    names = [name for name, _ in _open_sets(data, split, lambda _: True)] if asked else []
    missing = sorted(asked - set(names))
    if missing:
        raise InputError(
            f"{data}: no set {', '.join(missing)} with a {split} split there, which the recipe "
            f"asks for; there are {', '.join(names)} (--set data='{{}}' takes all alike)"
        )


def upper_half(sample: Sample) -> Sample:
    """Crop a standing person to head and trunk, with some room around."""
    rows, columns = (np.flatnonzero((sample.alpha > 0.5).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return sample
    height, width = sample.alpha.shape
    tall = rows[-1] - rows[0] + 1
    half = max(tall * 0.35, (columns[-1] - columns[0] + 1) * 0.6)
    centre = (columns[0] + columns[-1]) / 2
    box = (
        slice(max(0, int(rows[0] - 0.08 * tall)), min(height, int(rows[0] + 0.55 * tall) + 1)),
        slice(max(0, int(centre - half)), min(width, int(centre + half) + 1)),
    )
    ignore = None if sample.ignore is None else sample.ignore[box]
    return Sample(sample.image[box], sample.alpha[box], ignore, sample.name, sample.soft)


def _stretch(sample: Sample, size: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Stretch picture, matte and ignore mask to (height, width), as inference does.

    Masks without grey levels stay without.
    """
    height, width = size
    image = resize(sample.image, height, width)
    if sample.soft:
        alpha = np.round(resize(sample.alpha, height, width) * 255).clip(0, 255).astype(np.uint8)
    else:
        alpha = _nearest((sample.alpha * 255).astype(np.uint8), size)
    if sample.ignore is None:
        ignore = np.zeros(size, np.uint8)
    else:
        ignore = _nearest(sample.ignore.astype(np.uint8), size)
    return image.transpose(2, 0, 1), alpha[None], ignore[None].astype(bool)


def _nearest(mask: Array, size: tuple[int, int]) -> Array:
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def _load(
    parts: Sequence[tuple[str, Dataset]],
    size: tuple[int, int],
    upper_body: Sequence[str],
    progress: Progress | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Read every sample of every part into tensors of the stored size.

    Decoders let other threads run, so a pool of them reads; each writes into its picture's place.
    """
    places = [(number, at) for number, (_, part) in enumerate(parts) for at in range(len(part))]
    total = len(places)
    images = np.empty((total, 3, *size), np.uint8)
    alpha = np.empty((total, 1, *size), np.uint8)
    ignore = np.empty((total, 1, *size), bool)
    aspect, hard, sets = np.empty(total, np.float32), np.empty(total, bool), np.empty(total, int)

    def read(index: int) -> None:
        number, at = places[index]
        name, part = parts[number]
        sample = part.load(at)
        if name in upper_body:
            sample = upper_half(sample)
        images[index], alpha[index], ignore[index] = _stretch(sample, size)
        height, width = sample.alpha.shape
        aspect[index], hard[index], sets[index] = width / height, not sample.soft, number

    with ThreadPoolExecutor(min(MOST_READERS, os.cpu_count() or 1)) as pool:
        # In order, so that of several bad files always the same one is named.
        for done, _ in enumerate(pool.map(read, range(total)), 1):
            if progress is not None:
                progress(done, total)
    arrays = (images, alpha, ignore, aspect, hard, sets)
    tensors = [torch.from_numpy(array) for array in arrays]
    return tensors[0], tensors[1], tensors[2], tensors[3], tensors[4], tensors[5]


def load_training(
    data: Path, config: DataConfig, *, progress: Progress | None = None
) -> PictureStore:
    """Read the training split of a dataset folder into memory.

    Args:
        data: a dataset folder, or a folder of such sets.
        config: which sets to take and how often.
        progress: called with (pictures read, pictures in all).

    Raises:
        InputError: a folder, set or picture cannot be used.
    """

    def wanted(name: str) -> bool:
        return not config.weights or config.weights.get(name, 0.0) > 0

    parts = list(_open_sets(data, "train", wanted))
    names = tuple(name for name, _ in parts)
    drawn = {name for name, weight in config.weights.items() if weight > 0}
    _check_sets(data, drawn | {*config.cutouts, *config.upper_body}, "train")
    size = (config.stored_size, config.stored_size)
    images, alpha, ignore, aspect, hard, sets = _load(parts, size, config.upper_body, progress)
    counts = torch.bincount(sets, minlength=len(names)).float()
    shares = torch.tensor([config.weights.get(name, 1.0) for name in names])
    weights = (shares / counts if config.weights else torch.ones(len(names)))[sets]
    rooms = [(name, Backgrounds.open(data / name, split="train")) for name in config.backgrounds]
    room_images, _, _, room_aspect, _, _ = _load(rooms, size, (), progress)
    chosen = torch.tensor([name in config.cutouts for name in names], dtype=torch.bool)
    return PictureStore(
        images, alpha, ignore, aspect, hard, sets, names, chosen[sets], weights, room_images,
        room_aspect,
    )  # fmt: skip


def load_validation(data: Path, config: DataConfig, size: tuple[int, int]) -> PictureStore:
    """Read the validation split, stretched to the network's input size as inference does.

    Raises:
        InputError: a folder, set or picture cannot be used.
    """

    def wanted(name: str) -> bool:
        if config.validate:
            return name in config.validate
        return name not in config.cutouts

    _check_sets(data, set(config.validate), "validation")
    parts = list(_open_sets(data, "validation", wanted))
    if not parts:
        raise InputError(
            f"{data}: only sets for cut-outs, and none to validate on; name one (data.validate)"
        )
    images, alpha, ignore, aspect, hard, sets = _load(parts, size, config.upper_body, None)
    none = torch.empty(0, 3, 1, 1, dtype=torch.uint8)
    return PictureStore(
        images, alpha, ignore, aspect, hard, sets, tuple(name for name, _ in parts),
        torch.zeros(len(images), dtype=torch.bool), torch.ones(len(images)), none, torch.empty(0),
    )  # fmt: skip


class PictureCache:
    """Keeps what was read last, so that runs on the same pictures read them once."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, PictureStore]] = {}

    def training(
        self, data: Path, config: DataConfig, progress: Progress | None = None
    ) -> PictureStore:
        """What :func:`load_training` gives."""
        which = (config.stored_size, config.weights, config.cutouts, config.backgrounds)
        return self._get(
            "training",
            (data, which, config.upper_body),
            lambda: load_training(data, config, progress=progress),
        )

    def validation(self, data: Path, config: DataConfig, size: tuple[int, int]) -> PictureStore:
        """What :func:`load_validation` gives."""
        return self._get(
            "validation",
            (data, config.validate, config.cutouts, config.upper_body, size),
            lambda: load_validation(data, config, size),
        )

    def _get(self, kind: str, key: object, load: Callable[[], PictureStore]) -> PictureStore:
        if kind not in self._kept or self._kept[kind][0] != key:
            self._kept.pop(kind, None)  # before the next is read, so that both need not fit
            self._kept[kind] = (key, load())
        return self._kept[kind][1]
