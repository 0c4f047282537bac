"""Keep what converters and runtimes print from the user's terminal."""

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

__all__ = ["import_quietly", "native_stderr_silenced", "quiet", "silenced"]


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
def native_stderr_silenced() -> Iterator[None]:
    """Keep what native code writes to the process's stderr from the user's terminal.

    The other threads' lines are lost with it: for moments only, such as opening a file.
    """
    try:
        terminal = os.dup(2)
    except OSError:  # a process that was started without one
        yield
        return
    sys.stderr.flush()
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """As :func:`quiet`, for all logs and what native code writes as well.

    Errors are not lost: converters raise them.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with native_stderr_silenced(), quiet():
            yield
    finally:
        logging.disable(disabled)


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
