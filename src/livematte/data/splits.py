"""Which samples train and which validate.

In this order: the lists that the dataset itself ships; a ``splits.json`` in the dataset's folder or
beside it, ``{"set": {"validation": ["name", ...]}}``; else one name in ten, picked by its hash, so
that the choice stays the same when pictures are added.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path

from livematte.errors import InputError

__all__ = ["HELD_OUT", "SPLITS_FILE", "listed_validation", "select"]

SPLITS_FILE = "splits.json"
HELD_OUT = 0.1


def listed_validation(root: Path) -> frozenset[str] | None:
    """The validation names that a ``splits.json`` gives for the set in ``root``, or None.

    Raises:
        InputError: the file is there but is not what it should be.
    """
    root = root.resolve()
    for path in (root / SPLITS_FILE, root.parent / SPLITS_FILE):
        if not path.is_file():
            continue
        try:
            entry = json.loads(path.read_text(encoding="utf-8")).get(root.name)
            if entry is not None:
                return frozenset(str(name) for name in entry["validation"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f'{path}: not a split list; expected {{"set": {{"validation": ["name", ...]}}}}'
            ) from error
    return None


def select(
    names: tuple[str, ...], split: str | None, validation: Collection[str] | None
) -> tuple[str, ...]:
    """The names of one split, in their order.

    Args:
        names: all names.
        split: ``train``, ``validation`` or None for all.
        validation: the names held out; None picks about a tenth by hash, and at least one.
    """
    if split is None:
        return names
    if validation is None:
        ranked = sorted(names, key=_rank)
        held_out = frozenset(
            name for i, name in enumerate(ranked) if i == 0 or _rank(name) < HELD_OUT
        )
    else:
        held_out = frozenset(validation)
    return tuple(name for name in names if (name in held_out) == (split == "validation"))


def _rank(name: str) -> float:
    """A number in [0, 1) that only depends on the name."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
