"""Size, multiply-accumulates and latency against score, at several ratios of pruning.

    python benchmarks/pruning_curve.py CHECKPOINT --data DATASET -o OUT [--ratio 0.15 ...] \
        [--epochs 10] [--set key=value ...] [--engine onnxruntime ...] [--limit N] [--rounds N]

Prunes and fine-tunes the checkpoint once for each ratio, exports it and each result to ONNX, scores
the files on the validation split, and times them in turns (--rounds 0 leaves that out). Prints one
Markdown table; OUT/curve.png draws it. What is in OUT is not done again: the same command on a
quiet machine only takes the times.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.figure import Figure

from livematte.benchmark.combinations import Combination
from livematte.benchmark.latency import LatencyReport, measure
from livematte.benchmark.tables import markdown_table
from livematte.data.datasets import open_dataset
from livematte.engines import open_engine
from livematte.errors import LivematteError
from livematte.evaluation.evaluator import evaluate
from livematte.evaluation.predictors import EnginePredictor
from livematte.evaluation.result import EvaluationConfig
from livematte.export.exporter import export_model
from livematte.files import write_atomically
from livematte.machine import machine_facts
from livematte.networks.base import Network
from livematte.networks.counting import count_macs, count_parameters
from livematte.pruning.run import PruneConfig, prune
from livematte.spec import ModelSpec
from livematte.training.checkpoint import load_trained


@dataclass(frozen=True)
class Point:
    """One network of the curve; scores in [0, 1]."""

    ratio: float
    file: Path
    parameters: int
    macs: int
    miou: float
    boundary_f: float
    pictures: int
    untuned_miou: float | None = None


def make_point(ratio: float, checkpoint: Path, options: argparse.Namespace) -> Point:
    """Prune (unless the ratio is 0), export and score; or what an earlier call found."""
    folder = options.output / f"{round(100 * ratio):02}"
    file, kept = folder / "model.onnx", folder / "point.json"
    asked = [str(options.data), options.subset, options.limit]
    if file.is_file() and kept.is_file():
        found = json.loads(kept.read_text("utf-8"))
        if found.pop("asked") == asked:
            return Point(file=file, **found)
    start = None
    if ratio:
        best = folder / "best.ckpt"
        start = folder / "pruned.ckpt"
        if not best.is_file():
            config = PruneConfig(ratio, folder, options.data, options.epochs, options.overrides)
            result = prune(checkpoint, config)
            best = result.run.best if result.run else result.start
        checkpoint = best
    network, size = export(checkpoint, ratio, file)
    scores, pictures = score(file, options)
    before = None
    if start is not None and checkpoint != start:
        with tempfile.TemporaryDirectory() as scratch:
            untuned = Path(scratch) / "model.onnx"
            export(start, ratio, untuned)
            before = score(untuned, options)[0]["miou"]
    point = Point(
        ratio,
        file,
        count_parameters(network),
        count_macs(network, size),
        scores["miou"],
        scores["boundary_f"],
        pictures,
        before,
    )
    facts = {key: value for key, value in asdict(point).items() if key != "file"}
    write_atomically(kept, json.dumps({"asked": asked, **facts}).encode())
    return point


def export(checkpoint: Path, ratio: float, file: Path) -> tuple[Network, tuple[int, int]]:
    """Write an ONNX file; gives the network and the size of its input."""
    recipe, network = load_trained(checkpoint)
    size = recipe.stages[-1].size
    export_model(network, ModelSpec(f"pruned-{ratio:g}", *size, prior=recipe.prior), file)
    return network, size


def score(file: Path, options: argparse.Namespace) -> tuple[dict[str, float], int]:
    """On the validation split; and of how many pictures."""
    folder = options.data / options.subset if options.subset else options.data
    result = evaluate(
        EnginePredictor(open_engine(file, threads=1)),
        open_dataset(folder, split="validation"),
        EvaluationConfig(limit=options.limit),
    )
    return {key: one.value for key, one in result.scores.items()}, len(result.images)


def table(points: list[Point], report: LatencyReport, engines: list[str]) -> list[str]:
    """One row for each network."""
    header = ["ratio", "parameters", "MACs, M", "ONNX, MB", "mean IoU, %", "before tuning"]
    header += ["boundary F, %"]
    header += [f"{engine}, ms (median / min)" for engine in engines]
    rows = []
    for point in points:
        row = [
            f"{point.ratio:g}",
            f"{point.parameters:,}",
            f"{point.macs / 1e6:.1f}",
            f"{point.file.stat().st_size / 1e6:.2f}",
            f"{100 * point.miou:.2f}",
            "" if point.untuned_miou is None else f"{100 * point.untuned_miou:.2f}",
            f"{100 * point.boundary_f:.2f}",
        ]
        for engine in engines:
            took = find(report, point, engine)
            row.append("" if took is None else f"{took[0]:.2f} / {took[1]:.2f}")
        rows.append(row)
    return markdown_table(header, rows)


def find(report: LatencyReport, point: Point, engine: str) -> tuple[float, float] | None:
    """Median and minimum of a network on an engine."""
    for latency in report.latencies:
        if (latency.combination.path, latency.combination.engine) == (point.file, engine):
            return latency.median_ms, latency.min_ms
    return None


def draw(points: list[Point], report: LatencyReport, engines: list[str], path: Path) -> None:
    """Score against multiply-accumulates, parameters and the median of each engine."""
    count = 3 if report.latencies else 2
    figure = Figure(figsize=(3.7 * count, 4), dpi=150, layout="constrained")
    panels = figure.subplots(1, count, sharey=True)
    scores = [100 * point.miou for point in points]
    panels[0].plot([point.macs / 1e6 for point in points], scores, "o-")
    panels[0].set(xlabel="multiply-accumulates, million", ylabel="mean IoU, %")
    panels[1].plot([point.parameters / 1e3 for point in points], scores, "o-")
    panels[1].set(xlabel="parameters, thousand")
    for engine in engines if report.latencies else ():
        times = [find(report, point, engine) for point in points]
        known = [(time[0], score) for time, score in zip(times, scores, strict=True) if time]
        panels[2].plot(*zip(*known, strict=True), "o-", label=engine)
        panels[2].set(xlabel="ms, median, one thread")
        panels[2].legend()
    for panel in panels:
        panel.grid(alpha=0.3)
    figure.savefig(path)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--subset", help="the one set of a folder of sets to score on")
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.add_argument("--ratio", type=float, action="append", dest="ratios")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--set", action="append", dest="overrides", default=[])
    parser.add_argument("--engine", action="append", dest="engines")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--rounds", type=int, default=30)
    return parser.parse_args()


def main() -> None:
    options = read_options()
    ratios = [0.0, *sorted(options.ratios or (0.15, 0.3, 0.5))]
    engines = options.engines or ["onnxruntime"]
    points = [make_point(ratio, options.checkpoint, options) for ratio in ratios]
    asked = [Combination(point.file, engine) for point in points for engine in engines]
    report = measure(asked if options.rounds else [], rounds=options.rounds)
    draw(points, report, engines, options.output / "curve.png")
    print("\n".join(table(points, report, engines)))
    for skip in report.skips:
        print(f"\nleft out: {skip.title}: {skip.reason}")
    print(f"\n{points[0].pictures} pictures, {options.epochs} epochs of tuning each.", end=" ")
    if options.rounds:
        facts = machine_facts(("onnxruntime", "openvino"))
        versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
        print(f"{report.rounds} rounds in turns, one thread. {facts['processor']}, {versions}.")


if __name__ == "__main__":
    try:
        main()
    except LivematteError as error:
        sys.exit(str(error))
