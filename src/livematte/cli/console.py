"""What the commands share: where the log goes, and how text reaches the terminal."""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
import unicodedata

__all__ = [
    "complain",
    "counted",
    "disk_is_full",
    "flush_output",
    "prepare_streams",
    "show_log",
    "shown",
]

# Control characters, lone surrogates (bytes of a name that are no text), line separators.
_HIDDEN = frozenset(("Cc", "Cs", "Zl", "Zp"))
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # writing direction
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def shown(text: object) -> str:
    """Text for one line of a terminal: what would steer it is written as an escape."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _HIDDEN or character in _TURNS
        else character
        for character in str(text)
    )


def counted(number: int, thing: str) -> str:
    """``1 frame``, ``2 frames``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def complain(message: object) -> None:
    """One line on stderr."""
    print("livematte:", shown(" ".join(str(message).splitlines())), file=sys.stderr)


def prepare_streams() -> None:
    """Let text that a stream's encoding lacks be written as an escape, not end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def disk_is_full(error: OSError) -> bool:
    """Whether a stream (no named file) could not be written for want of space."""
    return error.errno in _FULL and error.filename is None


def flush_output() -> OSError | None:
    """Write what is buffered for stdout; where that fails, forget it, and return the error."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # Python would try once more at its end, and print a trace.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to whatever ``sys.stderr`` is at that moment (a progress bar replaces it)."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))


def show_log(*, verbose: bool = False, quiet: bool = False) -> None:
    """Send livematte's log to stderr: warnings, everything (``verbose``) or errors (``quiet``)."""
    logger = logging.getLogger("livematte")
    logger.setLevel(logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING)
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        handler = _StderrHandler()
        handler.setFormatter(_Formatter("livematte: %(message)s"))
        logger.addHandler(handler)
