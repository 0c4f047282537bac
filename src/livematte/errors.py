"""Everything that livematte raises on purpose, and the exit code the command line gives it.

    LivematteError          1
    ├── TrainingError       1   training went wrong and says what to try
    ├── UsageError          2   the call asks for something that cannot be
    │   └── MissingExtra    2   an optional dependency is not installed
    ├── InputError          3   a picture, video or dataset cannot be used
    ├── ModelError          4   a model file or its answer cannot be used
    ├── DeviceError         5   the device that was asked for cannot be had
    └── OutputError         6   the result cannot be written
        └── DiskFull        6   for want of room: nor can the next one

An interrupted command exits with 130. Messages name the file and the remedy.
"""

from __future__ import annotations

__all__ = [
    "DeviceError",
    "DiskFull",
    "InputError",
    "LivematteError",
    "MissingExtra",
    "ModelError",
    "OutputError",
    "TrainingError",
    "UsageError",
    "one_line",
]


class LivematteError(Exception):
    """Root of the tree."""

    exit_code = 1


class TrainingError(LivematteError):
    """Training went wrong; the message says what to try."""


class UsageError(LivematteError):
    """The call asks for something that cannot be."""

    exit_code = 2


class MissingExtra(UsageError):
    """An optional dependency is not installed; the message gives the ``pip install`` line."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs {package}, which is not installed: pip install 'livematte[{extra}]'"
        )
        self.package = package
        self.extra = extra


class InputError(LivematteError):
    """A picture, a video or a dataset cannot be used."""

    exit_code = 3


class ModelError(LivematteError):
    """A model file, or what it answered, cannot be used."""

    exit_code = 4


class DeviceError(LivematteError):
    """The device that was asked for cannot be had."""

    exit_code = 5


class OutputError(LivematteError):
    """The result cannot be written."""

    exit_code = 6


class DiskFull(OutputError):
    """There is no room for the result, nor for another one."""


def one_line(error: BaseException, limit: int = 200) -> str:
    """What an error from elsewhere says, on one line of at most ``limit`` characters."""
    return " ".join(str(error).split())[:limit] or type(error).__name__
