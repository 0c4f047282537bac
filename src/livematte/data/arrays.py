"""Datasets in two NumPy files: Portseg_128 and Portrait_256.

``img_uint8.npy`` is N×H×W×3, ``msk_uint8.npy`` N×H×W×1 or N×H×W; either may be an ``.npz`` with
one array.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livematte.data.reading import decode_mask
from livematte.data.sample import Sample
from livematte.data.splits import read_split_list, select
from livematte.errors import InputError

__all__ = ["ArrayDataset"]


@dataclass(frozen=True)
class ArrayDataset:
    """Pictures and masks in two arrays. Build it with :meth:`open`.

    Attributes:
        root: the dataset's folder.
        images: N×H×W×3 uint8 RGB (mapped from the disk where the file allows).
        masks: N×H×W uint8.
        indices: the rows of this split.
        split: which part this is.
    """

    root: Path
    images: NDArray[np.uint8] = field(repr=False)
    masks: NDArray[np.uint8] = field(repr=False)
    indices: tuple[int, ...] = field(repr=False)
    split: str | None = None

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether ``root`` holds the two arrays."""
        return _find(root, "img_uint8") is not None and _find(root, "msk_uint8") is not None

    @classmethod
    def open(cls, root: Path, *, split: str | None = None) -> ArrayDataset:
        """Open the two arrays in ``root``.

        Raises:
            InputError: they are missing or do not fit each other.
        """
        image_file, mask_file = _find(root, "img_uint8"), _find(root, "msk_uint8")
        if image_file is None or mask_file is None:
            raise InputError(f"{root}: expected img_uint8.npy and msk_uint8.npy (or .npz)")
        images, masks = _load(image_file), _load(mask_file)
        if masks.ndim == 4 and masks.shape[3] == 1:
            masks = masks[..., 0]
        if images.ndim != 4 or images.shape[3] != 3 or masks.shape != images.shape[:3]:
            raise InputError(
                f"{root}: expected pictures N×H×W×3 and masks N×H×W×1, found "
                f"{images.shape} and {masks.shape}"
            )
        every = {f"{i:05d}": i for i in range(len(images))}
        names = select(tuple(every), split, read_split_list(root))
        return cls(root, images, masks, tuple(every[name] for name in names), split)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Row numbers with five digits."""
        return tuple(f"{i:05d}" for i in self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def load(self, index: int) -> Sample:
        """Copy one row out of the arrays."""
        row = self.indices[index]
        matte = decode_mask(np.array(self.masks[row]))
        image = np.array(self.images[row])
        return Sample(image, matte.alpha, matte.ignore, self.names[index], matte.soft)


def _find(root: Path, stem: str) -> Path | None:
    return next((p for s in (".npy", ".npz") if (p := root / (stem + s)).is_file()), None)


def _load(path: Path) -> NDArray[np.uint8]:
    """The file's array: mapped for .npy, read for .npz."""
    try:
        loaded = np.load(path, mmap_mode="r" if path.suffix == ".npy" else None)
        array: NDArray[np.uint8] = loaded if path.suffix == ".npy" else loaded[loaded.files[0]]
    except (OSError, ValueError, EOFError, IndexError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a NumPy array file ({error}); download it again") from error
    if array.dtype != np.uint8:
        raise InputError(f"{path}: expected uint8, found {array.dtype}; convert it")
    return array
