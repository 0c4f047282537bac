"""What a measurement was taken on."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["machine_facts", "peak_memory", "processor_name"]


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


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
