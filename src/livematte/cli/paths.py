"""From the paths on the command line to pairs of input and output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from livematte.errors import InputError, OutputError, UsageError
from livematte.images import READABLE_SUFFIXES, format_of

__all__ = ["STANDARD", "Job", "plan"]

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


def plan(inputs: list[str], output: str, suffix: str, *, used: Iterable[Path] = ()) -> list[Job]:
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
        InputError: a folder holds no pictures.
        OutputError: an output is one of the inputs, or a file stands where a folder is needed.
    """
    if STANDARD in inputs and len(inputs) > 1:
        raise UsageError("standard input (-) cannot be mixed with other inputs")
    folders = any(Path(name).is_dir() for name in inputs if name != STANDARD)
    single = len(inputs) == 1 and not folders
    if output == STANDARD:
        if not single:
            raise UsageError("standard output (-) takes one picture; give a folder for several")
        return [Job(_source(inputs[0]), None, format_of(Path("x" + suffix)))]
    target = Path(output)
    into_folder = output.endswith(("/", "\\")) or target.is_dir()
    if single and not into_folder:
        jobs = [Job(_source(inputs[0]), target, format_of(target))]
    elif inputs == [STANDARD]:
        raise UsageError(f"{output}: is a folder; name a file for the picture of standard input")
    else:
        jobs = _into_folder(inputs, target, suffix)
    _protect([*(job.source for job in jobs if job.source), *used], jobs)
    return jobs


def _source(name: str) -> Path | None:
    return None if name == STANDARD else Path(name)


def _into_folder(inputs: list[str], folder: Path, suffix: str) -> list[Job]:
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; several pictures need a folder")
    if not folder.exists() and folder.suffix.lower() in READABLE_SUFFIXES:
        raise UsageError(f"{folder}: several pictures need a folder; end it in / if it is one")
    places: dict[Path, Path] = {}  # input → its path below the output folder
    seen: set[Path] = set()
    for name in inputs:
        for source, place in _members(Path(name), folder, alone=len(inputs) == 1):
            if source.resolve() not in seen:
                seen.add(source.resolve())
                places[source] = place
    counts = Counter(place.with_suffix(suffix) for place in places.values())
    targets = {
        source: place.with_suffix(suffix)
        if counts[place.with_suffix(suffix)] == 1
        else place.with_name(place.name + suffix)
        for source, place in places.items()
    }
    doubled = [target for target, count in Counter(targets.values()).items() if count > 1]
    if doubled:
        raise UsageError(f"two inputs would both be written to {folder / doubled[0]}")
    file_format = format_of(Path("x" + suffix))
    return [Job(source, folder / target, file_format) for source, target in targets.items()]


def _members(path: Path, output: Path, *, alone: bool) -> list[tuple[Path, Path]]:
    """A file, or the pictures below a folder, each with its place below the output folder."""
    if not path.is_dir():
        return [(path, Path(path.name))]
    inside = output.resolve()
    nested = inside != path.resolve() and inside.is_relative_to(path.resolve())
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in READABLE_SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.is_file()
        and not (nested and file.resolve().is_relative_to(inside))
    ]
    if not found:
        known = " ".join(sorted(READABLE_SUFFIXES))
        raise InputError(f"{path}: no pictures in this folder (looked for {known})")
    top = Path() if alone else Path(path.resolve().name)
    return [(file, top / file.relative_to(path)) for file in found]


def _protect(used: list[Path], jobs: list[Job]) -> None:
    """Refuse to write over what is read, under whatever name."""
    taken = {path.resolve() for path in used}
    for job in jobs:
        if job.target is not None and job.target.resolve() in taken:
            raise OutputError(
                f"{job.target}: is also an input, and would be lost; choose another output"
            )
