"""Write files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from livematte.errors import OutputError

__all__ = ["write_atomically"]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is either complete or not there; its folder is made where missing.

    A file that is replaced keeps its mode.

    Raises:
        OutputError: it cannot be written, is write-protected, or something other than a file has
            its name.
    """
    try:
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
        try:
            # Not tempfile: its files are private to the user, whatever the umask says.
            with part.open("xb") as stream:
                stream.write(content)
            if mode is not None:
                part.chmod(mode)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"{path}: cannot be written ({reason}); check the folder and its permissions"
        ) from error
