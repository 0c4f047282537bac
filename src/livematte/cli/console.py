"""What the commands share: where the log goes."""

from __future__ import annotations

import logging
import sys

__all__ = ["show_log"]


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to whatever ``sys.stderr`` is at that moment (a progress bar replaces it)."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def show_log(*, verbose: bool = False, quiet: bool = False) -> None:
    """Send livematte's log to stderr: warnings, everything (``verbose``) or errors (``quiet``)."""
    logger = logging.getLogger("livematte")
    logger.setLevel(logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING)
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        handler = _StderrHandler()
        handler.setFormatter(logging.Formatter("livematte: %(message)s"))
        logger.addHandler(handler)
