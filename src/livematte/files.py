"""Write files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from livematte.errors import DiskFull, OutputError

__all__ = ["PendingFile", "write_atomically", "write_together"]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is either complete or not there; its folder is made where missing.

    A file that is replaced keeps its mode.

    Raises:
        OutputError: it cannot be written, is write-protected, or something other than a file has
            its name.
    """
    write_together({path: content})


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all of them are replaced, or none.

    Each is first written beside its place, so that a full disk or a missing permission shows
    before anything is replaced. Folders are made where missing, and files that are replaced keep
    their mode.

    Raises:
        OutputError: one of them cannot be written, is write-protected, or something other than a
            file has its name.
    """
    parts: list[_Part] = []
    try:
        for path, content in files.items():
            with _named(path):
                parts.append(_prepare(path))
                # Not tempfile: its files are private to the user, whatever the umask says.
                with parts[-1].part.open("xb") as stream:
                    stream.write(content)
        _replace_all(parts)
    except BaseException:
        for part in parts:
            part.part.unlink(missing_ok=True)
        raise


class PendingFile:
    """A file that something else writes piece by piece: it appears whole, or not at all.

    Attributes:
        part: where to write it until :meth:`keep`.
    """

    def __init__(self, path: Path) -> None:
        """
        Raises:
            OutputError: as :func:`write_atomically`.
        """
        with _named(path):
            self._part = _prepare(path)
            self.part = self._part.part
            self.part.touch(exist_ok=False)

    def keep(self) -> None:
        """Give the file its name.

        Raises:
            OutputError: it cannot have it.
        """
        with _named(self._part.path):
            _replace_all([self._part])

    def discard(self) -> None:
        """Remove it."""
        self.part.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Part:
    """A file on its way.

    Attributes:
        path: as it was asked for.
        target: the same through its links.
        part: where it is written first.
        mode: of the file that it replaces.
    """

    path: Path
    target: Path
    part: Path
    mode: int | None


def _prepare(path: Path) -> _Part:
    target = path.resolve()  # through a link, not over it
    if target.exists() and not target.is_file():
        raise OutputError(f"{path}: exists and is not a file; choose another output")
    mode = None
    if target.exists():
        # Renaming would replace a write-protected file all the same.
        if not os.access(target, os.W_OK):
            raise OutputError(f"{path}: is write-protected; choose another output")
        mode = stat.S_IMODE(target.stat().st_mode)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.parent / f".livematte-{secrets.token_hex(6)}.part"
    return _Part(path, target, part, mode)


def _replace_all(parts: list[_Part]) -> None:
    """Give every part its name; where one fails, those before it are what they were."""
    before: list[tuple[_Part, bytes | None]] = []
    try:
        for part in parts:
            with _named(part.path):
                if part is not parts[-1]:  # the last one either takes its name or changes nothing
                    old = None if part.mode is None else part.target.read_bytes()
                    before.append((part, old))
                if part.mode is not None:
                    part.part.chmod(part.mode)
                part.part.replace(part.target)
    except BaseException:
        for part, old in before:
            if old is None:
                part.target.unlink(missing_ok=True)
            elif part.target.read_bytes() != old:
                part.target.write_bytes(old)
        raise


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of the file system, told of the file that was asked for."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = getattr(error, "strerror", None) or str(error)
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        told = f"{path}: cannot be written ({reason})"
        if full:
            raise DiskFull(f"{told}; make room") from error
        raise OutputError(f"{told}; check the folder and its permissions") from error
