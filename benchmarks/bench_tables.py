"""Measure what docs/benchmarks.md and decision 5 quote, and write it there: `make bench-tables`.

    python bench_tables.py build FOLDER [--calibration PICTURES]      export what is timed
    python bench_tables.py measure FOLDER [--rounds 30] [--only latency,ops,gpu-io] [--print]

The first takes minutes and may run on a busy machine; files newer than their checkpoint are
kept, and without pictures there are none in integers. The second wants a quiet one for about five
minutes, and replaces what stands between the marks `<!-- table NAME -->` and `<!-- /table -->`.
"""

# The processes that are measured import this script again: what is heavy waits until it is needed.
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from livematte.benchmark.combinations import AS_STORED, Combination
from livematte.benchmark.latency import LatencyReport, measure, to_markdown
from livematte.benchmark.tables import markdown_table
from livematte.files import write_atomically
from livematte.weights import find

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "benchmarks.md"
DECISION = DOCS / "adr" / "0005-auto-goes-by-the-file.md"
PORTRAIT = DOCS.parent / "examples" / "portrait.png"
FLAGSHIP = "livematte"
THREADS = (1, 2)
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "litert": ".tflite"}


@dataclass(frozen=True)
class File:
    """A model file to be exported."""

    model: str
    target: str
    precision: str

    def path(self, folder: Path) -> Path:
        """In a folder for each target, since files of one name would share a spec."""
        return folder / self.target / f"{self.model}-{self.precision}{SUFFIXES[self.target]}"


FILES = (
    File(FLAGSHIP, "onnx", "fp16"),
    File(FLAGSHIP, "onnx", "int8"),
    File(FLAGSHIP, "openvino", "int8"),
    File(FLAGSHIP, "litert", "fp32"),
    File(FLAGSHIP, "litert", "fp16"),
    File(FLAGSHIP, "litert", "int8"),
    File("livematte-video", "onnx", "int8"),
    File("livematte-video", "litert", "fp32"),
    File("livematte-m", "onnx", "int8"),
    File("livematte-m", "litert", "fp32"),
)
"""Beside the bundled ONNX files and their checkpoints."""

ENGINES = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "litert"}


def build(folder: Path, calibration: Path | None) -> None:
    """Export what is not there, or older than its checkpoint."""
    from livematte.cli import main

    for file in FILES:
        path = file.path(folder)
        trained = find(file.model).path.with_suffix(".ckpt")
        if path.exists() and path.stat().st_mtime > trained.stat().st_mtime:
            continue
        command = ["export", file.model, "--to", file.target, "--precision", file.precision]
        if file.precision == "int8":
            if calibration is None:
                print(f"{path}: left out, integers need --calibration PICTURES")
                continue
            command += ["--calibration", str(calibration)]
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            main([*command, "-o", str(path)])
        except SystemExit as stop:
            if stop.code:
                raise


def combinations(model: str, folder: Path) -> list[Combination]:
    """Every file of a model on its engine, the bundled ONNX on OpenVINO as well, and torch."""
    shipped = find(model).path
    kinds = [
        (shipped, "onnxruntime", AS_STORED),
        (shipped, "openvino", AS_STORED),
        (shipped.with_suffix(".ckpt"), "torch", AS_STORED),
    ]
    if model == FLAGSHIP:
        kinds.append((shipped, "openvino", "bf16"))
    for file in FILES:
        if file.model == model and file.path(folder).exists():
            kinds.append((file.path(folder), ENGINES[file.target], AS_STORED))
    return [Combination(*kind, threads=count) for count in THREADS for kind in kinds]


def latency_tables(folder: Path, rounds: int) -> Iterator[tuple[Path, str, str]]:
    """A table for each model, and what the decision on the engine rests on."""
    for model in dict.fromkeys(file.model for file in FILES):
        report = measure(combinations(model, folder), rounds=rounds, progress=tell)
        yield PAGE, f"latency-{model}", to_markdown(report)
        if model == FLAGSHIP:
            yield DECISION, "auto", f"{decision_table(report)}\n{moved_by_bf16()}\n"


def decision_table(report: LatencyReport) -> str:
    """The engines in floats on one thread."""
    chosen = [
        one
        for one in report.latencies
        if one.combination.threads == 1 and one.opened.stored == "fp32"
    ]
    rows = [
        (
            one.combination.engine,
            "fp32" if one.combination.precision == AS_STORED else one.combination.precision,
            f"{one.median_ms:.2f}",
            f"{one.p95_ms:.2f}",
            f"{one.min_ms:.2f}",
        )
        for one in sorted(chosen, key=lambda one: one.median_ms)
    ]
    header = ("engine", "computes in", "median, ms", "p95", "min")
    return "\n".join(markdown_table(header, rows, left=2)) + "\n"


def moved_by_bf16() -> str:
    """What OpenVINO's 16 bits do to the matte of the example portrait."""
    import numpy as np

    from livematte.engines import open_engine
    from livematte.images import read_picture
    from livematte.transforms import fit_image

    model = find(FLAGSHIP)
    image = fit_image(read_picture(PORTRAIT).rgb, model.spec)
    exact, rounded = (
        open_engine(model.path, engine="openvino", threads=1, precision=precision).run(image)
        for precision in ("fp32", "bf16")
    )
    apart = np.abs(exact - rounded)
    return (
        f"bf16 moves the matte of the example portrait by up to {apart.max():.2g}, in the mean "
        f"{apart.mean():.2g}."
    )


def operator_tables(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """The flagship's operators, in floats."""
    from livematte.benchmark.operators import to_markdown as tell_operators
    from livematte.benchmark.profiling import PROFILED, profile

    for engine in PROFILED:
        tell(f"operators in {engine}")
        stored = File(FLAGSHIP, "litert", "fp32").path(folder)
        path = stored if engine == "litert" else find(FLAGSHIP).path
        yield PAGE, f"ops-{engine}", tell_operators(profile(path, engine), slowest=5)


def copy_tables(rounds: int) -> Iterator[tuple[Path, str, str]]:
    """The toy graphs, on the CPU."""
    from livematte.benchmark.carriers import CARRIERS
    from livematte.benchmark.copies import measure as measure_copies
    from livematte.benchmark.copies import to_markdown as tell_copies

    report = measure_copies(list(CARRIERS), rounds=rounds, progress=tell)
    yield PAGE, "gpu-io", tell_copies(report)


def replace_table(text: str, name: str, table: str) -> str:
    """The page with another table of this name; SystemExit where it has no place for it."""
    marks = re.compile(rf"(<!-- table {re.escape(name)} -->\n).*?(<!-- /table -->)", re.DOTALL)
    if not marks.search(text):
        sys.exit(f"no place for the table {name}: write <!-- table {name} --> and <!-- /table -->")
    return marks.sub(lambda found: f"{found[1]}{table}{found[2]}", text, count=1)


def tell(line: str) -> None:
    """To the terminal, apart from the tables."""
    if not line.startswith("round "):
        print(line, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps = parser.add_subparsers(dest="step", required=True)
    building = steps.add_parser("build")
    building.add_argument("folder", type=Path)
    building.add_argument("--calibration", type=Path)
    measuring = steps.add_parser("measure")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("--rounds", type=int, default=30)
    measuring.add_argument("--only", default="latency,ops,gpu-io")
    measuring.add_argument("--print", action="store_true", help="leave the documents alone")
    options = parser.parse_args()
    if options.step == "build":
        build(options.folder, options.calibration)
        return
    started = time.monotonic()
    kinds = {
        "latency": lambda: latency_tables(options.folder, options.rounds),
        "ops": lambda: operator_tables(options.folder),
        "gpu-io": lambda: copy_tables(options.rounds),
    }
    for kind in options.only.split(","):
        for page, name, table in kinds[kind]():
            text = replace_table(page.read_text("utf-8"), name, table)
            if options.print:
                print(f"## {name}\n\n{table}")
            else:
                write_atomically(page, text.encode())
                tell(f"{page.name}: {name}")
    tell(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
