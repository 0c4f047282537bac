"""Open what FFmpeg reads, with messages that name the thing and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

import av
import av.error
from av.container.input import InputContainer

from livematte.errors import InputError, one_line

__all__ = ["Opening", "open_container", "reason_of"]


@dataclass(frozen=True)
class Opening:
    """How to open a container.

    Attributes:
        file: a path, an address, a device's name, or a stream of bytes.
        name: what to call it in messages.
        file_format: FFmpeg's name of the format; None: told by the content.
        options: FFmpeg's options of the format.
        timeout: seconds without data after which it counts as stalled; None: wait for ever.
        live: frames come when they come.
        device: it is one of this machine's, such as a camera.
    """

    file: str | Path | IO[bytes]
    name: str
    file_format: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    timeout: float | None = None
    live: bool = False
    device: bool = False


def open_container(opening: Opening) -> InputContainer:
    """Open and read the beginning.

    Raises:
        InputError: it cannot.
    """
    file: str | IO[bytes]
    if isinstance(opening.file, Path):
        _check_file(opening.file)
        file = f"file:{opening.file}"  # a name is never an address
    else:
        file = opening.file
    try:
        return av.open(
            file,
            "r",
            format=opening.file_format,
            options=dict(opening.options),
            timeout=opening.timeout,
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{opening.name}: {_reason(opening, error)}") from error


def _check_file(path: Path) -> None:
    try:
        empty = path.is_file() and path.stat().st_size == 0
        missing = not path.exists()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if missing:
        raise InputError(f"{path}: no such file; check the path")
    if empty:
        raise InputError(f"{path}: the file is empty; copy or download it again")


def _reason(opening: Opening, error: Exception) -> str:
    told = reason_of(error)
    if isinstance(error, av.error.ExitError | TimeoutError):
        remedy = "" if opening.device else "; check the address and the sender"
        return f"did not answer within {opening.timeout:g} s{remedy}"
    if opening.device:
        return f"cannot be opened ({told})"
    if opening.timeout is not None:
        return f"cannot be reached ({told}); check the address and the sender"
    if isinstance(error, av.error.InvalidDataError):
        return "is not a video, or its beginning is damaged or cut short; copy or export it again"
    return f"cannot be opened as a video ({told}); check the path"


def reason_of(error: BaseException) -> str:
    """What an error of FFmpeg or the system says, without its number and file name."""
    told = getattr(error, "strerror", None)
    return " ".join(str(told).split()) if told else one_line(error)
