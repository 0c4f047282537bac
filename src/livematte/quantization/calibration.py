"""The pictures on which a quantiser measures how large a network's features get."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livematte.data.dataset import list_images
from livematte.data.datasets import open_dataset, recognise
from livematte.data.reading import read_image
from livematte.errors import InputError, UsageError
from livematte.spec import ModelSpec
from livematte.transforms import fit_image

__all__ = ["CALIBRATION_COUNT", "CalibrationSet", "open_calibration"]

CALIBRATION_COUNT = 100

_REMEDY = "give a folder of pictures like those the model will see, or a dataset"


@dataclass(frozen=True)
class CalibrationSet:
    """Pictures that stand for all that a model will see, fitted to its input.

    Attributes:
        source: the folder they are from.
        images: each H×W×3 uint8 RGB, of the model's input size.
    """

    source: Path
    images: tuple[NDArray[np.uint8], ...]

    def __len__(self) -> int:
        return len(self.images)

    def batches(self) -> list[NDArray[np.float32]]:
        """The pictures one by one as a network takes them: 1×3×H×W float32 RGB in [0, 1]."""
        return [
            np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
            for image in self.images
        ]


def open_calibration(
    folder: Path, spec: ModelSpec, *, count: int = CALIBRATION_COUNT, seed: int = 0
) -> CalibrationSet:
    """Choose pictures from a folder, and read them all: whatever is wrong shows now.

    Args:
        folder: of pictures, at any depth; or a dataset that livematte.data knows, of which the
            pictures for training are taken and the masks are not.
        spec: of the model that they are fitted to.
        count: how many; a smaller folder is taken whole.
        seed: decides which; the same folder and seed give the same pictures.

    Raises:
        UsageError: a ``count`` below 1.
        InputError: no such folder, no picture in it, or one that cannot be read.
    """
    if count < 1:
        raise UsageError(f"{count} pictures cannot calibrate anything: take 1 or more")
    names, read = _list(folder)
    order = np.random.default_rng(seed).permutation(len(names))[:count]
    images = []
    for index in sorted(order.tolist()):
        try:
            picture = read(index)
        except InputError as error:
            raise InputError(f"{folder}: cannot be used for calibration ({error})") from error
        images.append(np.rint(fit_image(picture, spec) * 255).astype(np.uint8))
    return CalibrationSet(folder, tuple(images))


def _list(folder: Path) -> tuple[Sequence[str], Callable[[int], NDArray[np.uint8]]]:
    """The names of what a folder holds, and what reads each."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; {_REMEDY}")
    try:
        known = len(recognise(folder)) > 0
    except InputError:
        known = False
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    if known:
        dataset = open_dataset(folder, split="train")
        return dataset.names, lambda index: dataset.load(index).image
    files = list_images(folder)
    if not files:
        raise InputError(f"{folder}: no pictures to calibrate on; {_REMEDY}")
    return [file.name for file in files], lambda index: read_image(files[index])
