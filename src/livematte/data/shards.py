"""A folder of pictures as a few tar files of bounded size, to be carried to another machine.

Plain tar, so that any tool opens a shard. The same folder gives the same bytes: names are sorted,
and times and owners are left out.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from livematte.data.files import new_folder
from livematte.data.splits import SPLITS_FILE, SplitList, read_split_list
from livematte.errors import InputError, OutputError, UsageError, one_line
from livematte.files import write_atomically

__all__ = ["MEGABYTES", "digest", "find_shards", "pack", "unpack"]

MEGABYTES = 60.0
_NAME = re.compile(r"shard-(\d+)-of-(\d+)\.tar")
# A tar ends with two empty blocks and is filled up to whole records.
_RECORD, _BLOCK = tarfile.RECORDSIZE, tarfile.BLOCKSIZE

Progress = Callable[[int, int], None]


class _Member(NamedTuple):
    """A file, its name in the shards, and the bytes it takes there."""

    path: Path
    info: tarfile.TarInfo
    size: int


def pack(
    data: Path, output: Path, *, megabytes: float = MEGABYTES, progress: Progress | None = None
) -> list[Path]:
    """Write a folder's files into ``shard-001-of-NNN.tar`` and so on.

    Set folders and ``splits.json`` keep their places. A single set whose split is listed by its
    folder's name becomes a folder of one set, with its list, so that the split stays.

    Args:
        data: the folder; hidden files are left out, links are followed.
        output: folder for the shards.
        megabytes: size of a shard at most, in units of 10⁶ bytes.
        progress: called with (shards written, shards in all).

    Returns:
        The shards.

    Raises:
        InputError: no such folder, nothing in it, or a file that cannot be read or fits no shard.
        OutputError: a shard cannot be written, or others lie in ``output`` already.
    """
    if not data.is_dir():
        raise InputError(f"{data}: no such folder; give the folder of a dataset")
    groups = _group(list(_members(data)), int(megabytes * 1e6), megabytes)
    if not groups:
        raise InputError(f"{data}: holds no files; give the folder of a dataset")
    names = [f"shard-{n:03}-of-{len(groups):03}.tar" for n in range(1, len(groups) + 1)]
    others = [path for path in _shards_in(output) if path.name not in names]
    if others:
        raise OutputError(f"{others[0]}: is a shard of something else; choose an empty folder")
    for number, (name, group) in enumerate(zip(names, groups, strict=True), 1):
        write_atomically(output / name, _shard(group))
        if progress is not None:
            progress(number, len(groups))
    return [output / name for name in names]


def _members(data: Path) -> Iterator[_Member]:
    # Not resolved: the split is listed by the name that the folder has here.
    root = Path(os.path.abspath(data))  # noqa: PTH100
    prefix = ""
    if read_split_list(root) != SplitList():
        prefix = f"{root.name}/"
        beside = root.parent / SPLITS_FILE
        if beside.is_file() and not (root / SPLITS_FILE).is_file():
            yield _member(beside, SPLITS_FILE)
    for path in sorted(_files(root, frozenset())):
        yield _member(path, prefix + path.relative_to(root).as_posix())


def _files(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    here = folder.resolve()
    if here in above:
        raise InputError(f"{folder}: a link to a folder that holds it; remove the link")
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files(path, above | {here})
        elif path.is_file():
            yield path


def _member(path: Path, name: str) -> _Member:
    info = tarfile.TarInfo(name)
    info.size = path.stat().st_size
    header = len(info.tobuf(tarfile.PAX_FORMAT))
    return _Member(path, info, header + -(-info.size // _BLOCK) * _BLOCK)


def _group(members: list[_Member], limit: int, megabytes: float) -> list[list[_Member]]:
    """Runs of members that fit into a shard each, in their order."""
    room = limit // _RECORD * _RECORD - 2 * _BLOCK
    groups: list[list[_Member]] = []
    left = 0
    for member in members:
        if member.size > room:
            raise InputError(
                f"{member.path}: does not fit into a shard of {megabytes:g} MB; allow larger "
                "shards (--megabytes), or take the file out"
            )
        if not groups or member.size > left:
            groups.append([])
            left = room
        groups[-1].append(member)
        left -= member.size
    return groups


def _shard(members: list[_Member]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, info, _ in members:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise InputError(f"{path}: cannot be read ({error.strerror})") from error
            if len(content) != info.size:
                raise InputError(f"{path}: changed while it was packed; pack again")
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _shards_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def find_shards(folder: Path) -> list[Path]:
    """The shards in a folder, all of one packing; empty where there are none.

    Raises:
        InputError: one is missing, or they are of several packings.
    """
    found = _shards_in(folder)
    if not found:
        return []
    matches = [match for path in found if (match := _NAME.fullmatch(path.name))]
    totals = {match[2] for match in matches}
    if len(totals) > 1:
        raise InputError(f"{folder}: shards of several packings; leave those of one there")
    (total,) = totals
    missing = set(range(1, int(total) + 1)) - {int(match[1]) for match in matches}
    if missing:
        name = f"shard-{min(missing):03}-of-{total}.tar"
        raise InputError(f"{folder / name}: missing; bring all {int(total)} shards")
    return found


def digest(shards: Path) -> str:
    """What tells the shards in a folder from others: eight hexadecimal digits of their SHA-256.

    Raises:
        InputError: a shard is missing or cannot be read.
    """
    found = hashlib.sha256()
    for path in find_shards(shards):
        try:
            with path.open("rb") as stream:
                found.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return found.hexdigest()[:8]


def unpack(shards: Path, output: Path, *, progress: Progress | None = None) -> None:
    """Write what :func:`pack` packed; the folder appears whole or not at all.

    Args:
        shards: the folder of the shards.
        output: the folder to make.
        progress: called with (shards read, shards in all).

    Raises:
        UsageError: no shards there.
        InputError: a shard is missing, damaged, or would write outside the folder.
        OutputError: ``output`` exists with something in it, or cannot be written.
    """
    found = find_shards(shards)
    if not found:
        raise UsageError(f"{shards}: no shards there (shard-001-of-NNN.tar); see data pack")
    with new_folder(output) as part:
        for number, path in enumerate(found, 1):
            _extract(path, part)
            if progress is not None:
                progress(number, len(found))


def _extract(shard: Path, folder: Path) -> None:
    try:
        with tarfile.open(shard, "r:") as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise InputError(
            f"{shard}: not a shard that can be unpacked ({one_line(error)}); bring it again"
        ) from error
