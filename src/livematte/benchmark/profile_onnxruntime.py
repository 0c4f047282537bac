"""Operator times out of ONNX Runtime's own profile."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.benchmark.operators import LayerTime, OperatorReport

__all__ = ["profile", "read_profile"]

_SUFFIX = "_kernel_time"


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
    import onnxruntime  # noqa: PLC0415 - only for those who profile with it

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        inputs = session.get_inputs()
        halves = {entry.name for entry in inputs if entry.type == "tensor(float16)"}
        feed = {
            entry.name: value.astype(np.float16) if entry.name in halves else value
            for entry, value in zip(inputs, feeds[len(inputs)], strict=True)
        }
        for _ in range(warmup + runs):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    whole, layers = read_profile(events, runs)
    note = "Layers after ONNX Runtime's own fusions; memory is the size of the outputs."
    return OperatorReport(name, "ONNX Runtime on the CPU", runs, whole, layers, note)


def read_profile(
    events: Sequence[Mapping[str, Any]], runs: int
) -> tuple[float, tuple[LayerTime, ...]]:
    """The last ``runs`` runs of a profile (Chrome trace events, times in µs).

    Returns:
        Average of the whole run in ms, and the layers in the order in which they ran.
    """
    spans = [(e["ts"], e["ts"] + e["dur"]) for e in events if e.get("name") == "model_run"][-runs:]
    first = spans[0][0]
    total: dict[tuple[str, str], float] = {}
    memory: dict[tuple[str, str], float] = {}
    for event in sorted(events, key=lambda entry: entry.get("ts", 0)):
        if event.get("cat") != "Node" or not str(event["name"]).endswith(_SUFFIX):
            continue
        if event["ts"] < first:
            continue
        facts = event["args"]
        key = (str(event["name"]).removesuffix(_SUFFIX), str(facts["op_name"]))
        total[key] = total.get(key, 0.0) + event["dur"]
        memory[key] = float(facts.get("output_size") or 0) / 1000
    layers = tuple(
        LayerTime(layer, kind, took / 1000 / len(spans), memory[layer, kind])
        for (layer, kind), took in total.items()
    )
    return sum(end - start for start, end in spans) / 1000 / len(spans), layers
