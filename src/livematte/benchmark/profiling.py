"""Profile a model file's operators, with whichever runtime opens it."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np

from livematte.benchmark.operators import OperatorReport
from livematte.engines import open_engine
from livematte.engines.base import encode_inputs
from livematte.errors import UsageError
from livematte.spec import ModelSpec

__all__ = ["PROFILED", "profile"]

PROFILED = ("onnxruntime", "openvino", "litert")
"""The engines whose operators can be timed; each has its profiler in ``profile_NAME``."""


def profile(
    path: Path,
    engine: str,
    *,
    runs: int = 20,
    warmup: int = 3,
    threads: int = 1,
    spec: ModelSpec | None = None,
) -> OperatorReport:
    """Average time of every operator of a model file, on the CPU.

    Args:
        path: the model file.
        engine: one of :data:`PROFILED`.
        runs: averaged over so many, after ``warmup`` others.
        threads: of one run.
        spec: for a file without one.

    Raises:
        UsageError: no profiler for this engine.
        LivematteError: as :func:`livematte.engines.open_engine`.
    """
    if engine not in PROFILED:
        raise UsageError(f"no profiler for {engine}: take one of {', '.join(PROFILED)}")
    # Opened as users open it first: its errors are the clear ones.
    opened = open_engine(path, engine=engine, device="cpu", threads=threads, spec=spec)
    found = opened.spec
    image = np.random.default_rng(0).random((found.height, found.width, 3), dtype=np.float32)
    feeds = {count: encode_inputs(image, None, found, count) for count in {1, 1 + found.prior}}
    module = importlib.import_module(f"livematte.benchmark.profile_{engine}")
    report: OperatorReport = module.profile(
        path, found.name, feeds, runs=runs, warmup=warmup, threads=threads
    )
    return report
