"""From the paths on the command line to pairs of input and output."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from livematte.errors import InputError, OutputError, UsageError
from livematte.images import READABLE_SUFFIXES, UNREADABLE_SUFFIXES, format_of

__all__ = ["STANDARD", "Failure", "Job", "Plan", "exists", "plan", "protect"]

STANDARD = "-"


@dataclass(frozen=True)
class Job:
    """One picture to make.

    Attributes:
        source: None: standard input.
        target: None: standard output.
        file_format: Pillow's name of the output's format.
    """

    source: Path | None
    target: Path | None
    file_format: str

    @property
    def source_name(self) -> str:
        """For messages."""
        return "standard input" if self.source is None else str(self.source)


@dataclass(frozen=True)
class Failure:
    """An input that gives no picture, and why."""

    source: Path
    error: InputError


@dataclass(frozen=True)
class Plan:
    """What the inputs come to.

    Attributes:
        jobs: the pictures to make.
        failures: folders without pictures, and folders that may not be searched.
        unread: how many pictures of each suffix lie in the folders that livematte does not read.
    """

    jobs: list[Job]
    failures: list[Failure] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)


def plan(inputs: list[str], output: str, suffix: str, *, used: Iterable[Path] = ()) -> Plan:
    """What to read and what to write.

    One file goes to a file or into a folder; several files and folders go into a folder, in
    which folders are mirrored. Of two inputs that would get one output (``a.jpg``, ``a.png``)
    both keep their suffix in its name (``a.jpg.png``).

    Args:
        inputs: files, folders, or ``-`` alone.
        output: a file, a folder, or ``-``.
        suffix: of the outputs that are not named on the command line, with its dot.
        used: other files that must not be overwritten.

    Raises:
        UsageError: inputs and output do not go together, or the output's format is unknown.
        OutputError: an output is one of the inputs, or a file stands where a folder is needed.
    """
    if STANDARD in inputs and len(inputs) > 1:
        raise UsageError("standard input (-) cannot be mixed with other inputs")
    single = len(inputs) == 1 and (inputs[0] == STANDARD or not _is_folder(Path(inputs[0])))
    if output == STANDARD:
        if not single:
            raise UsageError("standard output (-) takes one picture; give a folder for several")
        return Plan([Job(_source(inputs[0]), None, format_of(Path("x" + suffix)))])
    target = Path(output)
    named_folder = output.endswith(tuple(filter(None, (os.sep, os.altsep))))
    if single and not (named_folder or _is_folder(target)):
        result = Plan([Job(_source(inputs[0]), target, format_of(target))])
    elif inputs == [STANDARD]:
        raise UsageError(f"{output}: is a folder; name a file for the picture of standard input")
    else:
        _check_folder(target, inputs, named=named_folder)
        result = _into_folder([Path(name) for name in inputs], target, suffix)
    sources = [job.source for job in result.jobs if job.source is not None]
    protect([*sources, *used], [job.target for job in result.jobs if job.target is not None])
    return result


def _source(name: str) -> Path | None:
    return None if name == STANDARD else Path(name)


def exists(path: Path) -> bool:
    """Whether a path exists; not where that may not be asked, or cannot be."""
    try:
        return path.exists()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    return exists(path) and path.is_dir()


def _check_folder(folder: Path, inputs: list[str], *, named: bool) -> None:
    there = exists(folder)
    if there and not _is_folder(folder):
        raise OutputError(f"{folder}: is a file; several pictures need a folder, such as -o out/")
    if not (there or named) and folder.suffix.lower() in READABLE_SUFFIXES:
        raise UsageError(
            f"{folder}: several pictures need a folder, such as -o out/; end it in / if it is one"
        )
    for name in inputs:
        if there and _is_folder(Path(name)) and folder.samefile(name):
            raise OutputError(
                f"{folder}: is also an input, and would fill with results; choose another folder, "
                "such as -o out/"
            )


def _into_folder(inputs: list[Path], folder: Path, suffix: str) -> Plan:
    failures: list[Failure] = []
    unread: Counter[str] = Counter()
    places: dict[Path, Path] = {}  # input → its path below the output folder
    seen: set[Path] = set()
    for path in inputs:
        members = [(path, Path(path.name))]
        if _is_folder(path):
            found = _search(path, folder)
            failures += found.failures
            unread += found.unread
            top = Path() if len(inputs) == 1 else Path(_real(path).name)
            members = [(file, top / file.relative_to(path)) for file in found.files]
        for source, place in members:
            if _real(source) not in seen:
                seen.add(_real(source))
                places[source] = place
    targets = _targets(places, folder, suffix)
    file_format = format_of(Path("x" + suffix))
    jobs = [Job(source, target, file_format) for source, target in targets.items()]
    return Plan(jobs, failures, unread)


def _targets(places: dict[Path, Path], folder: Path, suffix: str) -> dict[Path, Path]:
    """Input → output, no output twice."""
    counts = Counter(place.with_suffix(suffix) for place in places.values())
    targets: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    for source, place in places.items():
        plain = place.with_suffix(suffix)
        target = folder / (plain if counts[plain] == 1 else place.with_name(place.name + suffix))
        other = owners.setdefault(target, source)
        if other != source:
            raise UsageError(
                f"{other} and {source} would both be written to {target}; give the folders that "
                "they are in, which are kept apart, or rename one"
            )
        targets[source] = target
    return targets


@dataclass(frozen=True)
class _Found:
    files: list[Path]
    failures: list[Failure]
    unread: Counter[str]


def _search(folder: Path, output: Path) -> _Found:
    """The pictures below a folder, less what is hidden and what the output folder holds."""
    locked: list[OSError] = []
    files: list[Path] = []
    unread: Counter[str] = Counter()
    inside = _real(output)
    for place, below, names in os.walk(folder, onerror=locked.append):
        here = Path(place)
        below[:] = [name for name in below if name[0] != "." and _real(here / name) != inside]
        for name in names:
            kind = Path(name).suffix.lower()
            if name[0] != "." and kind in READABLE_SUFFIXES:
                files.append(here / name)
            elif name[0] != "." and kind in UNREADABLE_SUFFIXES:
                unread[kind] += 1
    failures = [
        Failure(
            Path(error.filename),
            InputError(
                f"{error.filename}: the folder cannot be searched ({error.strerror}); "
                "check its permissions"
            ),
        )
        for error in locked
    ]
    if not (files or failures):
        known = " ".join(sorted(READABLE_SUFFIXES))
        message = f"{folder}: no pictures in this folder (looked for {known}); check the path"
        failures = [Failure(folder, InputError(message))]
    return _Found(sorted(files), failures, unread)


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # RuntimeError: a loop of links
        return path.absolute()


def protect(used: Iterable[Path], targets: Iterable[Path]) -> None:
    """Refuse to write over what is read, under whatever name.

    Raises:
        OutputError: a target is one of the files used.
    """
    taken = {key for path in used for key in _identities(path)}
    for target in targets:
        if not taken.isdisjoint(_identities(target)):
            raise OutputError(
                f"{target}: is also an input, and would be lost; choose another output"
            )


def _identities(path: Path) -> list[object]:
    """What tells a file: its path, and where it exists its number (hard links, upper case)."""
    try:
        facts = path.stat()
    except OSError:
        return [_real(path)]
    return [_real(path), (facts.st_dev, facts.st_ino)]
