"""What every dataset offers, and the few shapes a dataset has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np

from livematte.data.reading import IMAGE_SUFFIXES, read_image, read_mask
from livematte.data.sample import Matte, Sample
from livematte.data.splits import read_split_list, select
from livematte.errors import InputError, UsageError

__all__ = [
    "Backgrounds",
    "ConcatDataset",
    "Dataset",
    "FileDataset",
    "Pair",
    "Split",
    "check_split",
    "image_name",
    "list_images",
]

Split = Literal["train", "validation"]


def check_split(split: str | None) -> None:
    """Raise UsageError unless ``split`` is None, ``train`` or ``validation``."""
    if split is not None and split not in get_args(Split):
        raise UsageError(f"split {split!r}: choose from train and validation")


class Dataset(Protocol):
    """A sequence of named samples."""

    @property
    def names(self) -> Sequence[str]:
        """The samples' names, unique within the dataset."""
        ...

    @property
    def split(self) -> str | None:
        """Which part this is: ``train``, ``validation``, or None for everything."""
        ...

    def __len__(self) -> int: ...

    def load(self, index: int) -> Sample:
        """Read one sample; InputError names the file that cannot be used."""
        ...


@dataclass(frozen=True)
class Pair:
    """A picture file and the file that holds its matte."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class FileDataset:
    """Pictures and masks in files.

    Attributes:
        root: the dataset's folder.
        pairs: the files of each sample.
        split: which part this is.
        decode: reads a mask file.
        missing: pictures that have no mask and masks that have no picture; they are left out.
    """

    root: Path
    pairs: tuple[Pair, ...]
    split: str | None = None
    decode: Callable[[Path], Matte] = field(default=read_mask, repr=False)
    missing: tuple[Path, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The samples' names, in the order of :attr:`pairs`."""
        return tuple(pair.name for pair in self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def load(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            InputError: a file cannot be read, or picture and mask differ in size.
        """
        pair = self.pairs[index]
        matte = self.decode(pair.mask)
        image = read_image(pair.image, shape=matte.alpha.shape)
        if image.shape[:2] != matte.alpha.shape:
            height, width = matte.alpha.shape
            raise InputError(
                f"{pair.mask}: the mask is {width}×{height} but {pair.image.name} is "
                f"{image.shape[1]}×{image.shape[0]}; make them the same size"
            )
        return Sample(image, matte.alpha, matte.ignore, pair.name, matte.soft)


@dataclass(frozen=True)
class ConcatDataset:
    """Several datasets one after the other; names become ``set/name``."""

    parts: dict[str, Dataset]
    split: str | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every part's names, each prefixed with its set."""
        return tuple(f"{key}/{name}" for key, part in self.parts.items() for name in part.names)

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts.values())

    def load(self, index: int) -> Sample:
        """Read one sample; see :meth:`Dataset.load`."""
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        for key, part in self.parts.items():
            if index < len(part):
                sample = part.load(index)
                return Sample(
                    sample.image, sample.alpha, sample.ignore, f"{key}/{sample.name}", sample.soft
                )
            index -= len(part)
        raise IndexError(index)


@dataclass(frozen=True)
class Backgrounds:
    """Pictures without people: the alpha is zero everywhere.

    Build it with :meth:`open`.
    """

    root: Path
    files: tuple[Path, ...]
    names: tuple[str, ...]
    split: str | None = None

    @classmethod
    def open(cls, root: Path | str, *, split: str | None = None) -> Backgrounds:
        """Take the pictures under ``root`` (or under its ``images`` folder).

        Raises:
            InputError: the folder is missing or holds no picture.
        """
        check_split(split)
        root = Path(root)
        folder = root / "images" if (root / "images").is_dir() else root
        if not folder.is_dir():
            raise InputError(f"{root}: no such folder; give a folder of pictures")
        files = {image_name(folder, path): path for path in list_images(folder)}
        names = select(tuple(files), split, read_split_list(root))
        if not names:
            part = f" in the {split} split" if split else ""
            raise InputError(f"{root}: no pictures{part}; put JPEG, PNG or WebP files there")
        return cls(root, tuple(files[name] for name in names), names, split)

    def __len__(self) -> int:
        return len(self.files)

    def load(self, index: int) -> Sample:
        """Read one picture; InputError when it cannot be read."""
        image = read_image(self.files[index])
        alpha = np.zeros(image.shape[:2], np.float32)
        return Sample(image, alpha, None, self.names[index], soft=False)


def list_images(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> list[Path]:
    """Every picture under ``folder``, sorted; hidden files (``._x.jpg``) are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


def image_name(folder: Path, path: Path) -> str:
    """A file's name within a folder: its relative path without the suffix, with slashes."""
    return path.relative_to(folder).with_suffix("").as_posix()
