"""Keep what converters print from the user's terminal."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from livematte.errors import MissingExtra
from livematte.export.graph import quiet

__all__ = ["import_quietly", "silenced"]


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """As :func:`livematte.export.graph.quiet`, for all logs and what native code writes as well.

    Errors are not lost: converters raise them.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        with quiet():
            yield
    finally:
        logging.disable(disabled)
        os.dup2(terminal, 2)
        os.close(terminal)


def import_quietly(name: str, extra: str) -> ModuleType:
    """A converter that prints when it is imported.

    Raises:
        MissingExtra: it, or what it needs, is not installed.
    """
    try:
        with silenced():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or name, extra) from error
