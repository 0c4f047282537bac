"""Run LiteRT's ``benchmark_model`` on a phone: the script for adb, and what its output says.

The flags and the output are those of the tool for the Interpreter API, as LiteRT documents it
(https://ai.google.dev/edge/litert/models/measurement) and as its users print it in
tensorflow/tensorflow issues 20912, 42507, 53138 and 56301.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from livematte.benchmark.operators import LayerTime, OperatorReport
from livematte.benchmark.operators import to_markdown as operators_to_markdown
from livematte.benchmark.tables import markdown_table
from livematte.errors import InputError, UsageError

__all__ = ["PhoneRun", "read_output", "to_dict", "to_markdown", "write_script"]

_MARK = "### livematte "
_DEVICE = "### device "
_REGULAR = "Operator-wise Profiling Info for Regular Benchmark Runs"
_LOG_PREFIX = re.compile(r"^(?:.*\btflite\s*: |INFO: )")
_TIMINGS = re.compile(
    r"Inference timings in us: Init: ([\d.e+]+), First inference: ([\d.e+]+), "
    r"Warmup \(avg\): [\d.e+]+, Inference \(avg\): ([\d.e+]+)"
)
_COUNT = re.compile(r"^count=(\d+) ")
_BAR = re.compile(r"^=+ (.+?) =+$")
_CELLS = re.compile(r"\s*\t\s*|\s{2,}")
_SCRIPT = """\
#!/bin/sh
# Times {model} on the phone that adb sees; {rounds} rounds, each of all configurations.
#   BENCHMARK_MODEL=path/to/benchmark_model sh SCRIPT [OUTPUT]
# The tool for the phone's processor: https://ai.google.dev/edge/litert/models/measurement
set -eu
ADB=${{ADB:-adb}}
TOOL=${{BENCHMARK_MODEL:?give the path of the benchmark_model binary for the phone}}
OUT=${{1:-benchmark-android.txt}}
PLACE=/data/local/tmp/livematte-bench

"$ADB" shell "mkdir -p $PLACE"
trap '"$ADB" shell "rm -rf $PLACE"' EXIT
"$ADB" push "$TOOL" "$PLACE/benchmark_model"
"$ADB" push {model} "$PLACE/model.tflite"
{push}"$ADB" shell "chmod 755 $PLACE/benchmark_model"
printf '### device %s\\n' "$("$ADB" shell getprop ro.product.model)" > "$OUT"

run() {{
    name=$1
    shift
    printf '### livematte %s\\n' "$name" >> "$OUT"
    "$ADB" shell "LD_LIBRARY_PATH=$PLACE $PLACE/benchmark_model --graph=$PLACE/model.tflite \\
--num_runs={runs} --warmup_runs=5 --enable_op_profiling=true $*" >> "$OUT" 2>&1 </dev/null \\
        || echo '### failed' >> "$OUT"
    sleep 5  # a hot phone is a slow one
}}

for round in $(seq {rounds}); do
{lines}
done
echo "livematte bench android --read $OUT"
"""


@dataclass(frozen=True)
class PhoneRun:
    """One run of the tool.

    Attributes:
        name: of the configuration.
        init_ms, first_ms, average_ms: opening the model, the first run, the mean of all timed
            runs; None where the tool failed.
        operators: its profile; None where it printed none.
    """

    name: str
    init_ms: float | None
    first_ms: float | None
    average_ms: float | None
    operators: OperatorReport | None


def write_script(
    model: Path,
    *,
    threads: Sequence[int] = (1, 4),
    gpu: bool = True,
    nnapi: bool = False,
    delegate: Path | None = None,
    rounds: int = 3,
    runs: int = 50,
) -> str:
    """A POSIX shell script for the computer that the phone is plugged into.

    Args:
        model: a ``.tflite`` file.
        threads: CPU configurations, with XNNPACK.
        gpu: also LiteRT's GPU delegate.
        nnapi: also NNAPI, which Android 15 deprecates.
        delegate: a vendor's delegate library for the phone, which is pushed with the model.
        rounds: each runs all configurations once.
        runs: timed runs of the tool in each.

    Raises:
        UsageError: another kind of file, or nothing to run.
    """
    if model.suffix != ".tflite":
        raise UsageError(f"{model}: benchmark_model runs .tflite files; export one (--to litert)")
    flags = {f"cpu, {n} threads": f"--num_threads={n} --use_xnnpack=true" for n in threads}
    if gpu:
        flags["gpu"] = "--use_gpu=true"
    if nnapi:
        flags["nnapi"] = "--use_nnapi=true"
    push = ""
    if delegate is not None:
        flags["delegate"] = "--external_delegate_path=$PLACE/delegate.so"
        push = f'"$ADB" push {shlex.quote(str(delegate))} "$PLACE/delegate.so"\n'
    if not flags:
        raise UsageError("nothing to run: give threads, the GPU, NNAPI or a delegate")
    lines = "\n".join(f'    run {shlex.quote(name)} "{value}"' for name, value in flags.items())
    return _SCRIPT.format(
        model=shlex.quote(str(model)), rounds=rounds, runs=runs, push=push, lines=lines
    )


def read_output(text: str, *, source: str) -> list[PhoneRun]:
    """What the tool printed, by run; output of the tool alone reads as one run.

    Args:
        text: the script's output file.
        source: its name, for messages.

    Raises:
        InputError: no run of the tool is in it.
    """
    lines = [_LOG_PREFIX.sub("", line).rstrip() for line in text.splitlines()]
    device = next((line[len(_DEVICE) :] for line in lines if line.startswith(_DEVICE)), "a phone")
    sections: list[tuple[str, list[str]]] = [("benchmark_model", [])]
    for line in lines:
        if line.startswith(_MARK):
            sections.append((line[len(_MARK) :], []))
        else:
            sections[-1][1].append(line)
    runs = [_read_run(name, device, body) for name, body in sections[1:] or sections]
    if all(run.average_ms is None and run.operators is None for run in runs):
        raise InputError(
            f"{source}: holds no timings of benchmark_model; give the file that the script of "
            "`livematte bench android` wrote"
        )
    return runs


def _read_run(name: str, device: str, lines: Sequence[str]) -> PhoneRun:
    timings = next((found for line in lines if (found := _TIMINGS.search(line))), None)
    init, first, average = (
        (None, None, None) if timings is None else (float(v) / 1000 for v in timings.groups())
    )
    counts = [int(found[1]) for line in lines if (found := _COUNT.match(line))]
    layers = _read_layers(lines)
    report = None
    if layers:
        note = "Memory is what the tool calls mem KB: how much the heap grew."
        tool = f"benchmark_model, {name}, {device}"
        report = OperatorReport(
            "model.tflite", tool, counts[-1] if counts else 0, average, layers, note
        )
    return PhoneRun(name, init, first, average, report)


def _read_layers(lines: Sequence[str]) -> tuple[LayerTime, ...]:
    """Of the timed runs, not of the initialisation, which the tool profiles before.

    A delegate that tells of its inside does so in tables after that of the graph, whose one node
    it then replaces.
    """
    starts = [number for number, line in enumerate(lines) if line.startswith(_REGULAR)]
    tables: dict[str, list[list[LayerTime]]] = {}
    internal: list[LayerTime] = []
    inside = False
    rows: list[LayerTime] = []
    columns: list[str] = []
    for line in lines[starts[-1] if starts else 0 :]:
        inside = inside or line.startswith("Delegate internal")
        if title := _BAR.match(line):
            rows, columns = [], []
            if inside and title[1] == "Run Order":
                rows = internal
            elif not inside:
                tables.setdefault(title[1], []).append(rows)
        elif line.lstrip().startswith("["):
            columns = [name.lower() for name in re.findall(r"\[([^\]]+)\]", line)]
        elif columns and line.strip():
            if (layer := _read_row(columns, line)) is not None:
                rows.append(layer)
        else:
            columns = []
    ordered = tables.get("Run Order") or tables.get("Summary by node type") or [[]]
    graph = [layer for rows in ordered for layer in rows]
    if internal:
        graph = [layer for layer in graph if "delegate" not in layer.kind.lower()]
    return tuple(graph + internal)


def _read_row(columns: Sequence[str], line: str) -> LayerTime | None:
    """A row under its header, whose columns differ between versions of the tool."""
    cells = dict(zip(columns, _CELLS.split(line.strip()), strict=False))
    try:
        return LayerTime(
            cells.get("name", ""),
            cells["node type"],
            float(cells["avg ms"]),
            float(cells["mem kb"]),
            int(cells.get("count", 1)),
        )
    except (KeyError, ValueError):
        return None  # a line of another kind between the tables


def to_dict(runs: Sequence[PhoneRun]) -> dict[str, Any]:
    """The runs as plain values for JSON."""
    return {"runs": [asdict(run) for run in runs]}


def to_markdown(runs: Sequence[PhoneRun], *, slowest: int = 10) -> str:
    """A table of the configurations (medians over their rounds), then each one's last profile."""
    named = {
        name: [run for run in runs if run.name == name]
        for name in dict.fromkeys(run.name for run in runs)
    }
    rows = []
    for name, rounds in named.items():
        good = [run for run in rounds if run.average_ms is not None]
        cells = [
            f"{median(values):.2f}" if values else "failed"
            for values in (
                [run.average_ms for run in good if run.average_ms is not None],
                [run.first_ms for run in good if run.first_ms is not None],
                [run.init_ms for run in good if run.init_ms is not None],
            )
        ]
        rows.append((name, f"{len(good)} of {len(rounds)}", *cells))
    header = ("configuration", "rounds", "inference, ms", "first, ms", "init, ms")
    parts = ["\n".join(markdown_table(header, rows)) + "\n"]
    for rounds in named.values():
        profiled = [run.operators for run in rounds if run.operators is not None]
        if profiled:
            parts.append(operators_to_markdown(profiled[-1], slowest=slowest))
    return "\n".join(parts)
