"""Keep what converters print from the user's terminal."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from livematte.errors import MissingExtra

__all__ = ["import_quietly", "quiet", "silenced"]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep a converter's progress lines and deprecation notes from the user's terminal."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "torch.fx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """As :func:`quiet`, for all logs and what native code writes as well.

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
