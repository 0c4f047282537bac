"""Which samples train and which validate.

In this order: the lists that the dataset itself ships; a ``splits.json`` in the dataset's folder or
beside it, ``{"set": {"validation": ["name", ...], "excluded": ["name", ...]}}``; else one name in
ten, picked by its hash, so that the choice stays the same when pictures are added. Excluded names
belong to no split: the twins of validation pictures, for instance, which ``livematte data check``
finds.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from livematte.errors import InputError

__all__ = ["HELD_OUT", "SPLITS_FILE", "SplitList", "read_split_list", "select"]

SPLITS_FILE = "splits.json"
HELD_OUT = 0.1


@dataclass(frozen=True)
class SplitList:
    """What is said about a set's split.

    Attributes:
        validation: names held out; None leaves the choice to the hash.
        excluded: names that belong to no split.
    """

    validation: frozenset[str] | None = None
    excluded: frozenset[str] = frozenset()


def read_split_list(root: Path) -> SplitList:
    """What a ``splits.json`` says about the set in ``root``; nothing, when there is none.

    Raises:
        InputError: the file is there but is not what it should be.
    """
    # Not resolved: a folder of links to sets may bring lists of its own.
    root = Path(os.path.abspath(root))  # noqa: PTH100
    for path in (root / SPLITS_FILE, root.parent / SPLITS_FILE):
        if not path.is_file():
            continue
        try:
            entry = json.loads(path.read_text(encoding="utf-8")).get(root.name)
            if entry is not None:
                validation = frozenset(str(name) for name in entry["validation"])
                return SplitList(validation, frozenset(map(str, entry.get("excluded", ()))))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f'{path}: not a split list; expected {{"set": {{"validation": ["name", ...]}}}}'
            ) from error
    return SplitList()


def select(names: tuple[str, ...], split: str | None, listed: SplitList) -> tuple[str, ...]:
    """The names of one split, in their order.

    Args:
        names: all names.
        split: ``train``, ``validation`` or None for all, the excluded ones among them.
        listed: who is held out; without such a list about a tenth by hash, and at least one.
    """
    if split is None:
        return names
    held_out = listed.validation
    if held_out is None:
        first = min(names, key=_rank, default="")
        held_out = frozenset(name for name in names if name == first or _rank(name) < HELD_OUT)
    return tuple(
        name
        for name in names
        if name not in listed.excluded and (name in held_out) == (split == "validation")
    )


def _rank(name: str) -> float:
    """A number in [0, 1) that only depends on the name."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
