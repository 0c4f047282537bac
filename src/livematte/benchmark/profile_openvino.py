"""Operator times out of OpenVINO's performance counters."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livematte.benchmark.operators import LayerTime, OperatorReport
from livematte.engines.openvino import openvino_core

__all__ = ["profile"]


def profile(
    path: Path,
    name: str,
    feeds: Mapping[int, Sequence[NDArray[np.float32]]],
    *,
    runs: int,
    warmup: int,
    threads: int,
) -> OperatorReport:
    """See :func:`livematte.benchmark.profiling.profile`.

    Args:
        feeds: the arrays to run with, by the number of the model's inputs.
    """
    core = openvino_core()
    import openvino  # noqa: PLC0415

    graph = core.read_model(path)
    arrays = feeds[len(graph.inputs)]
    graph.reshape(
        {value: list(array.shape) for value, array in zip(graph.inputs, arrays, strict=True)}
    )
    options = {
        "PERF_COUNT": True,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_NUM_THREADS": threads,
    }
    request = core.compile_model(graph, "CPU", options).create_infer_request()
    total: dict[tuple[str, str], float] = {}
    whole = 0.0
    for number in range(warmup + runs):
        started = time.perf_counter()
        request.infer(list(arrays))
        took = time.perf_counter() - started
        if number < warmup:
            continue
        whole += took
        for node in request.get_profiling_info():
            if node.status == openvino.ProfilingInfo.Status.EXECUTED:
                key = (node.node_name, f"{node.node_type} ({node.exec_type})")
                total[key] = total.get(key, 0.0) + node.real_time.total_seconds()
    layers = tuple(
        LayerTime(layer, kind, 1000 * took / runs) for (layer, kind), took in total.items()
    )
    note = (
        "Layers after OpenVINO's own fusions, with the kernel it took (brackets); it tells of no "
        "memory by layer."
    )
    return OperatorReport(name, "OpenVINO on the CPU", runs, 1000 * whole / runs, layers, note)
