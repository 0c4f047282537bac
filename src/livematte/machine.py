"""The machine: what a measurement was taken on, and how the stages of a film share it."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2

__all__ = [
    "keep_freed_memory",
    "machine_facts",
    "peak_memory",
    "prepare_for_film",
    "processor_name",
    "threads_beside_others",
]

_MMAP_THRESHOLD, _MMAP_MAX, _TRIM_THRESHOLD = -3, -4, -1  # of malloc.h
_LARGEST_BLOCK = 32 << 20  # the most that glibc takes
_KEPT = 256 << 20
_MOST_KEPT = (1 << 31) - 1  # what an int holds


def processor_name() -> str:
    """The processor's name where the system tells it (Linux keeps it in /proc)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def machine_facts(packages: Iterable[str] = ()) -> dict[str, Any]:
    """The processor, its cores, how busy they are, the system, and versions of what is installed.

    Args:
        packages: distributions whose versions matter to the measurement.

    Returns:
        Plain values for JSON; ``load`` is the run queue's mean length over the last minute, None
        where the system does not tell it: above the number of cores, only ratios are worth
        anything.
    """
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version for name in packages if (version := _version(name))},
    }


def peak_memory() -> int | None:
    """This process's largest resident memory so far, in bytes; None where the system does not tell.

    Linux's ``VmHWM`` counts from the start of this program; ``ru_maxrss`` would hold what the
    process was before it, a copy of its parent.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource  # noqa: PLC0415  (not on Windows)
    except ModuleNotFoundError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def keep_freed_memory(*, any_size: bool = False) -> bool:
    """Let glibc keep up to 256 MB that this process frees, for what it allocates next.

    It would give large blocks back to the system and take them again page by page: a fifth of the
    processor's time of a 720p film and a sixth of a training step's where that costs most, nothing
    where it costs least (ADR 7). For programs, not libraries: it concerns the whole process.

    Args:
        any_size: keep blocks above 32 MB, too, and up to 2 GB in all, as training needs.

    Returns:
        Whether it could be asked for: there is nothing to ask where the C library is another one.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    if any_size:
        return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, _MOST_KEPT))
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK) and mallopt(_TRIM_THRESHOLD, _KEPT))


def prepare_for_film() -> None:
    """Settings of a process whose threads decode, segment, compose and encode at the same time.

    Freed memory is kept, and OpenCV splits no call over more than :func:`threads_beside_others`.
    For programs, not libraries.
    """
    keep_freed_memory()
    cv2.setNumThreads(threads_beside_others())


def threads_beside_others() -> int:
    """How many threads a network gets while other stages of a film work: a quarter of the cores."""
    return max((os.cpu_count() or 1) // 4, 1)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
