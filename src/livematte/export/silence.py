"""Keep what converters print from the user's terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from livematte.export.graph import quiet

__all__ = ["silenced"]


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
