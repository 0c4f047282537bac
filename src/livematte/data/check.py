"""Look over a dataset before a network learns its mistakes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from livematte.data.dataset import Backgrounds, ConcatDataset, Dataset, FileDataset
from livematte.data.datasets import recognise
from livematte.data.duplicates import duplicate_groups, duplicate_pairs
from livematte.data.inspection import KINDS, Inspection, Problem, inspect_sample
from livematte.errors import InputError

__all__ = ["Report", "check"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Report:
    """What :func:`check` found.

    Attributes:
        root: the folder.
        samples: number of complete pairs, by set.
        problems: the findings, in the order of :data:`~livematte.data.inspection.KINDS`.
    """

    root: str
    samples: dict[str, int]
    problems: tuple[Problem, ...]

    @property
    def serious(self) -> bool:
        """Whether any finding would spoil training."""
        return any(KINDS[problem.kind].serious for problem in self.problems)

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by kind."""
        return dict(Counter(problem.kind for problem in self.problems))

    def to_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        return {**asdict(self), "counts": self.counts, "serious": self.serious}


def check(path: Path | str, *, layout: str = "auto", progress: Progress | None = None) -> Report:
    """Read every file of a dataset, or of a folder of sets, and report what is wrong.

    Folders of pictures without masks beside the sets (backgrounds) take part in the search for
    duplicates. Files are named relative to ``path``.

    Args:
        path: the folder.
        layout: see :func:`livematte.data.datasets.open_dataset`.
        progress: called with the number of samples done and in all.

    Raises:
        InputError: the folder is no dataset.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the folder of a dataset")
    parts = _parts(root, layout, None)
    problems = [
        Problem("missing-pair", (file.relative_to(root).as_posix(),))
        for part in parts.values()
        if isinstance(part, FileDataset)
        for file in part.missing
    ]
    splits = {
        (key, name): split
        for split in ("train", "validation")
        for key, part in _parts(root, layout, split).items()
        for name in part.names
    }
    items = [(key, part, i) for key, part in parts.items() for i in range(len(part))]
    seen = _inspect_all(items, root, progress)
    problems += [problem for one in seen for problem in one.problems]
    problems += _mixed_values(seen)
    problems += _duplicates(seen, [splits.get((key, p.names[i])) for key, p, i in items])
    order = list(KINDS)
    problems.sort(key=lambda problem: order.index(problem.kind))
    return Report(str(root), {k: len(part) for k, part in parts.items()}, tuple(problems))


def _parts(root: Path, layout: str, split: str | None) -> dict[str, Dataset]:
    """The sets under ``root`` by name, folders of backgrounds among them."""
    dataset = recognise(root, layout=layout, split=split)
    if not isinstance(dataset, ConcatDataset):
        return {root.resolve().name: dataset}
    parts = dict(dataset.parts)
    for folder in sorted(root.iterdir()):
        if folder.name not in parts and (folder / "images").is_dir():
            try:
                parts[folder.name] = Backgrounds.open(folder, split=split)
            except InputError:  # no picture in this split
                continue
    return parts


def _inspect_all(
    items: Sequence[tuple[str, Dataset, int]], root: Path, progress: Progress | None
) -> list[Inspection]:
    """Inspect on all cores: the decoders of Pillow work outside the interpreter's lock."""
    seen: list[Inspection] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [partial(inspect_sample, part, index, root) for _, part, index in items]
        try:
            for one in pool.map(lambda job: job(), jobs):
                seen.append(one)
                if progress is not None:
                    progress(len(seen), len(items))
        except BaseException:  # Ctrl-C shall not wait for the rest of the queue
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return seen


def _mixed_values(seen: Sequence[Inspection]) -> list[Problem]:
    """The rarer habit, where some masks write the person as 1 and others as 255."""
    ones = [one.mask for one in seen if one.values == 1]
    others = [one.mask for one in seen if one.values == 255]
    rare = min(ones, others, key=len)
    habit = "0/1" if rare is ones else "0/255"
    return [Problem("mixed-values", (mask,), f"a {habit} mask") for mask in rare]


def _duplicates(seen: Sequence[Inspection], splits: Sequence[str | None]) -> list[Problem]:
    """Groups of near-duplicates; samples that were taken out of both splits do no harm."""
    known = [(one, split) for one, split in zip(seen, splits, strict=True) if split]
    known = [(one, split) for one, split in known if one.print is not None]
    prints = [one.print for one, _ in known if one.print is not None]
    problems = []
    for group in duplicate_groups(duplicate_pairs(prints)):
        members = [known[i] for i in group]
        sides = {split for _, split in members}
        files = tuple(one.file for one, _ in members)
        if len(sides) > 1:
            detail = ", ".join(split for _, split in members)
            problems.append(Problem("split-duplicate", files, detail))
        else:
            problems.append(Problem("duplicate", files))
    return problems
