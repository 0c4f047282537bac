"""Open a dataset folder, whatever its layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from livematte.data.arrays import ArrayDataset
from livematte.data.dataset import (
    Backgrounds,
    ConcatDataset,
    Dataset,
    FileDataset,
    Pair,
    check_split,
)
from livematte.data.layouts import LAYOUTS, Listing
from livematte.data.listed import eg1800, pp_humanseg
from livematte.data.splits import read_split_list, select
from livematte.errors import InputError, UsageError

__all__ = [
    "FILE_LAYOUTS",
    "LAYOUT_NAMES",
    "Backgrounds",
    "ConcatDataset",
    "Dataset",
    "FileDataset",
    "Pair",
    "open_dataset",
    "recognise",
]

FILE_LAYOUTS: dict[str, Callable[[Path], Listing | None]] = {
    "eg1800": eg1800,
    "pp-humanseg": pp_humanseg,
    **LAYOUTS,
}
LAYOUT_NAMES = ("auto", "arrays", "collection", *FILE_LAYOUTS)

_EXPECTED = (
    "expected images/ and masks/ with the same names, a folder of such sets, or one of the public "
    f"layouts ({', '.join(name for name in LAYOUT_NAMES if name not in ('auto', 'plain'))})"
)


def open_dataset(path: Path | str, *, layout: str = "auto", split: str | None = None) -> Dataset:
    """Open a dataset folder.

    Args:
        path: the folder.
        layout: one of :data:`LAYOUT_NAMES`; ``auto`` recognises it.
        split: ``train``, ``validation`` or None for everything. The set's own lists decide, then a
            ``splits.json``, else a tenth is held out by the hash of the name. In a folder of sets,
            a set without a sample in the split is left out.

    Raises:
        InputError: no such folder, or nothing in it that can be used.
        UsageError: no such layout or split.
    """
    check_split(split)
    if layout not in LAYOUT_NAMES:
        raise UsageError(f"layout {layout!r}: choose from {', '.join(LAYOUT_NAMES)}")
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the folder of a dataset")
    dataset = recognise(root, layout=layout, split=split)
    if isinstance(dataset, ConcatDataset):
        dataset = replace(
            dataset, parts={k: part for k, part in dataset.parts.items() if len(part)}
        )
    if not len(dataset):
        part = f" in the {split} split" if split else ", only files without a partner"
        raise InputError(f"{root}: no complete pairs of picture and mask{part}; see docs/data.md")
    return dataset


def recognise(root: Path, *, layout: str = "auto", split: str | None = None) -> Dataset:
    """The dataset in ``root``, even when it holds no complete pair.

    Raises:
        InputError: the layout is not recognised.
    """
    dataset = _open_single(root, layout, split)
    if dataset is None and layout in ("auto", "collection"):
        dataset = _open_collection(root, split)
    if dataset is None:
        expected = _EXPECTED if layout == "auto" else f"expected the layout {layout!r}"
        raise InputError(f"{root}: not a dataset; {expected}")
    return dataset


def _open_single(root: Path, layout: str, split: str | None) -> Dataset | None:
    """The one set in ``root``; None when its layout is not recognised."""
    if layout in ("auto", "arrays") and ArrayDataset.recognises(root):
        return ArrayDataset.open(root, split=split)
    for name, listing_of in FILE_LAYOUTS.items():
        if layout not in ("auto", name):
            continue
        listing = listing_of(root)
        if listing is not None:
            return _from_listing(root, listing, split)
    return None


def _from_listing(root: Path, listing: Listing, split: str | None) -> FileDataset:
    listed = read_split_list(root)
    if listing.validation is not None:
        listed = replace(listed, validation=listing.validation)
    pairs = {pair.name: pair for pair in listing.pairs}
    names = select(tuple(pairs), split, listed)
    chosen = tuple(pairs[name] for name in names)
    return FileDataset(root, chosen, split, listing.decode, listing.missing)


def _open_collection(root: Path, split: str | None) -> ConcatDataset | None:
    """Every subfolder that is a set with masks; None when there is none."""
    found = {
        folder.name: part
        for folder in sorted(root.iterdir())
        if folder.is_dir() and (part := _open_single(folder, "auto", split)) is not None
    }
    if not found:
        return None
    return ConcatDataset(found, split)
