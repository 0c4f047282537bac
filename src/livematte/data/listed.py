"""Sets whose samples stand in text or MATLAB lists: EG1800 / PFCN and PP-HumanSeg14K."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from livematte.data.dataset import Pair, image_name, list_images
from livematte.data.layouts import Listing
from livematte.data.reading import IMAGE_SUFFIXES, decode_mask, read_mask
from livematte.data.sample import Matte
from livematte.errors import InputError, MissingExtra

__all__ = ["eg1800", "pp_humanseg"]

_EG_FOLDERS = (
    ("images_data_crop", "GT_png"),
    ("images_data_crop", "images_mask"),
    ("images_data_crop", "images_mask_crop"),
    ("Images", "Labels"),
)
_HELD_OUT = ("val", "test")


def eg1800(root: Path) -> Listing | None:
    """EG1800 and PFCN (Shen et al. 2016), in the forms it is passed on.

    ``images_data_crop/00001.jpg`` with ``images_mask/00001_mask.mat`` or
    ``GT_png/00001_mask.png``, or ``Images/`` with ``Labels/``. The lists ``*train*`` and
    ``*test*`` or ``*val*`` (.txt with names, .mat with numbers) say what belongs to the set; a
    test list is held out. Without lists, every pair counts.
    """
    for images, labels in _EG_FOLDERS:
        if (root / images).is_dir() and (root / labels).is_dir():
            break
    else:
        return None
    pictures = {image_name(root / images, p): p for p in list_images(root / images)}
    masks: dict[str, Path] = {}
    for path in list_images(root / labels, IMAGE_SUFFIXES | {".mat"}):
        masks.setdefault(image_name(root / labels, path).removesuffix("_mask"), path)
    train, held_out = _eg_lists(root)
    wanted = sorted(train | held_out or pictures.keys() | masks.keys())
    both = pictures.keys() & masks.keys()
    pairs = tuple(Pair(n, pictures[n], masks[n]) for n in wanted if n in both)
    missing = tuple(
        files[name] for files in (pictures, masks) for name in wanted if name in files.keys() - both
    )
    return Listing(pairs, missing, _read_eg_mask, frozenset(held_out) or None)


def _eg_lists(root: Path) -> tuple[set[str], set[str]]:
    """The names on the training lists and on the held-out lists in ``root``."""
    train: set[str] = set()
    held_out: set[str] = set()
    for path in sorted(p for p in root.iterdir() if p.suffix.lower() in (".txt", ".mat")):
        stem = path.stem.lower()
        target = train if "train" in stem else held_out
        if "train" in stem or any(word in stem for word in _HELD_OUT):
            target.update(_read_names(path))
    return train, held_out - train


def _read_names(path: Path) -> Iterable[str]:
    if path.suffix.lower() == ".txt":
        return [
            Path(line.split()[0]).stem for line in path.read_text().splitlines() if line.strip()
        ]
    numbers = _read_mat(path)
    return [f"{int(n):05d}" for n in np.asarray(numbers).ravel()]


def _read_eg_mask(path: Path) -> Matte:
    if path.suffix.lower() != ".mat":
        return read_mask(path)
    return decode_mask(np.ascontiguousarray(_read_mat(path)).astype(np.uint8))


def _read_mat(path: Path) -> Any:
    """The one array in a MATLAB file."""
    try:
        from scipy.io import loadmat  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("scipy", "train") from error
    try:
        found = [v for k, v in loadmat(path).items() if not k.startswith("__")]
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        raise InputError(f"{path}: not a MATLAB file ({error}); download it again") from error
    if len(found) != 1:
        raise InputError(f"{path}: expected one array, found {len(found)}; download it again")
    return found[0]


def pp_humanseg(root: Path) -> Listing | None:
    """PP-HumanSeg14K: ``train.txt``, ``val.txt``, ``test.txt`` with an image and a label per line.

    Labels are 0/1 or 0/255. ``val.txt`` and ``test.txt`` are held out.
    """
    pairs: list[Pair] = []
    missing: list[Path] = []
    held_out: set[str] = set()
    for part in ("train", "val", "test"):
        for image, label in _read_pairs(root / f"{part}.txt"):
            name = Path(image).with_suffix("").as_posix()
            paths = (root / image, root / label)
            there = [path for path in paths if path.is_file()]
            if len(there) < 2:
                missing += [path for path in paths if path not in there]
                continue
            pairs.append(Pair(name, *paths))
            if part != "train":
                held_out.add(name)
    if not pairs and not missing:
        return None
    return Listing(tuple(pairs), tuple(missing), read_mask, frozenset(held_out) or None)


def _read_pairs(path: Path) -> list[tuple[str, str]]:
    """The two columns of a list; nothing when the file is absent or is no such list."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [re.split(r"[\s,]+", line.strip()) for line in lines if line.strip()]
    suffixes = tuple(IMAGE_SUFFIXES)
    if not all(len(r) == 2 and all(c.lower().endswith(suffixes) for c in r) for r in rows):
        return []
    return [(row[0], row[1]) for row in rows]
