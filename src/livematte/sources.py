"""Open what a picture comes from, without waiting or reading for ever."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from livematte.errors import InputError

__all__ = ["Source", "opened"]

Source = Path | bytes | IO[bytes]

_BYTES_PER_PIXEL = 8  # four channels of 16 bits: no sound picture is longer
_HEADER_BYTES = 16_000_000  # profiles, EXIF and previews come on top


@contextlib.contextmanager
def opened(source: Source, name: str, max_pixels: int) -> Iterator[IO[bytes]]:
    """The source as something to read and seek in, at its beginning, with a byte in it.

    Args:
        source: a file, a named pipe, content, or a stream.
        name: what to call it in messages.
        max_pixels: of the largest picture that is taken; what cannot seek is read to the bytes
            that such a picture can need.

    Raises:
        InputError: missing, unreadable, empty, too long, a folder or a device.
    """
    try:
        with _open(source, name, max_pixels) as stream:
            empty = not stream.read(1)
            stream.seek(0)
            if empty:
                raise InputError(f"{name}: the file is empty; copy or download it again")
            yield stream
    except FileNotFoundError:
        raise InputError(f"{name}: no such file; check the path") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{name}: cannot be read ({reason}); check the path") from error


def _open(source: Source, name: str, max_pixels: int) -> IO[bytes]:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    limit = max_pixels * _BYTES_PER_PIXEL + _HEADER_BYTES
    if not isinstance(source, Path):
        return io.BytesIO(_read_capped(source, name, limit))
    mode = source.stat().st_mode
    if stat.S_ISFIFO(mode):
        return io.BytesIO(_read_pipe(source, name, limit))
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise InputError(f"{name}: a device, not a picture; check the path")
    return source.open("rb")


def _read_pipe(source: Path, name: str, limit: int) -> bytes:
    """What a pipe holds, without waiting where nobody writes to it: then it is empty."""
    handle = os.open(source, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        try:
            first = os.read(handle, 1 << 16)
            ended = not first
        except BlockingIOError:  # nothing yet, but there is a writer: worth waiting for
            first, ended = b"", False
        os.set_blocking(handle, True)
        return first if ended else first + _read_capped(stream, name, limit)


def _read_capped(stream: IO[bytes], name: str, limit: int) -> bytes:
    content = stream.read(limit + 1)
    if len(content) > limit:
        raise InputError(
            f"{name}: longer than {limit // 1_000_000} MB, which no picture within the limit of "
            "pixels is; make it smaller, or raise the limit with --max-pixels"
        )
    return content
