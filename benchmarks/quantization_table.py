"""Print what 8-bit integers cost and save: size, scores and time of each file, float and int8.

    python benchmarks/quantization_table.py MODEL[=TUNED] ... --calibration FOLDER --data DATASET
        [--targets onnx,openvino,litert,edgetpu] [--methods fp32,weight-only,dynamic,static,tuned]
        [--limit N] [--rounds N] [-o FOLDER]

MODEL is a checkpoint or a bundled model's name, TUNED the checkpoint of its quantisation-aware
training. Every network is exported to every target in fp32 and in each int8 method (``tuned``: by
the learnt ranges where the target takes them, by measured ones elsewhere), the files are scored on
the dataset's validation part, and timed in turns on every engine that opens them (--rounds 0 leaves
that out). Files and scores are kept in --output, and what is there is not done again: the same
command on a quiet machine only takes the times.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from livematte.benchmark.combinations import Combination
from livematte.benchmark.latency import measure
from livematte.benchmark.tables import markdown_table
from livematte.cli.exporting import base_spec, locate
from livematte.data.datasets import open_dataset
from livematte.engines import takes
from livematte.errors import LivematteError
from livematte.evaluation.evaluator import evaluate
from livematte.evaluation.predictors import EnginePredictor
from livematte.evaluation.result import EvaluationConfig
from livematte.export.exporter import export_model
from livematte.export.targets import TARGETS
from livematte.files import write_atomically
from livematte.machine import machine_facts
from livematte.quantization.calibration import (
    CALIBRATION_COUNT,
    open_calibration,
)
from livematte.quantization.methods import Quantisation
from livematte.segmenter import load
from livematte.training.checkpoint import load_trained

ENGINES = ("onnxruntime", "openvino", "litert")
FLOAT = "fp32"
TUNED = "tuned"


@dataclass(frozen=True)
class Model:
    """A network, and what quantisation-aware training made of it."""

    source: str
    tuned: Path | None

    @property
    def name(self) -> str:
        checkpoint, shipped = locate(self.source)
        return base_spec(load_trained(checkpoint)[0], shipped, None).name


@dataclass(frozen=True)
class Kind:
    """A file to be made: of one target, in floats or by one method."""

    target: str
    method: str

    @property
    def quantisation(self) -> str:
        """The method that the exporter knows."""
        if self.method != TUNED:
            return self.method
        return "learnt" if "learnt" in TARGETS[self.target].methods else "static"

    @property
    def engine(self) -> str:
        """Runs it for the scores."""
        return TARGETS[self.target].engine or "auto"


@dataclass(frozen=True)
class Row:
    """A file and its scores, or why there is none."""

    kind: Kind
    path: Path
    scores: dict[str, float] | None
    reason: str = ""

    @property
    def megabytes(self) -> float:
        """Of the model, with the weights of an OpenVINO file."""
        weights = self.path.with_suffix(".bin") if self.path.suffix == ".xml" else None
        return sum(p.stat().st_size for p in (self.path, weights) if p is not None) / 1e6


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as scratch:
        for text in options.models:
            source, _, tuned = text.partition("=")
            model = Model(source, Path(tuned) if tuned else None)
            folder = (options.output or Path(scratch)) / model.name
            rows = list(build_and_score(model, folder, options))
            times = time_files([row.path for row in rows if row.scores], options.rounds)
            print(to_markdown(model.name, rows, times), flush=True)
    if options.rounds:
        facts = machine_facts(("onnxruntime", "openvino", "ai-edge-litert"))
        versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
        print(f"{options.rounds} rounds in turns, one thread. {facts['processor']}, {versions}.")


def build_and_score(model: Model, folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Each kind of file in its turn."""
    for kind in kinds(model, options):
        path = folder / f"{kind.target}-{kind.method}{TARGETS[kind.target].suffix}"
        try:
            if not path.exists():
                build(model, kind, path, options)
            yield Row(kind, path, score(kind, path, options))
        except LivematteError as error:
            yield Row(kind, path, None, str(error))


def kinds(model: Model, options: argparse.Namespace) -> Iterator[Kind]:
    """What is asked for and can be made."""
    asked = options.methods.split(",")
    for target in options.targets.split(","):
        methods = TARGETS[target].methods
        possible = [*([FLOAT] if FLOAT in TARGETS[target].precisions else []), *methods]
        if model.tuned:
            possible.append(TUNED)
        yield from (Kind(target, method) for method in possible if method in asked)


def score(kind: Kind, path: Path, options: argparse.Namespace) -> dict[str, float]:
    """Of a file, as it was scored on the same data before or now."""
    engine = load(path, engine=kind.engine, device="cpu", threads=1).engine
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    key = f"{digest} {options.data} {options.limit}"
    kept = path.with_name(f"{path.name}.scores")  # engines take a .json for a spec
    if kept.is_file():
        found: dict[str, dict[str, float]] = json.loads(kept.read_text("utf-8"))
        if key in found:
            return found[key]
    data = open_dataset(options.data, split="validation")
    result = evaluate(EnginePredictor(engine), data, EvaluationConfig(limit=options.limit))
    scores = {name: result.scores[name].value for name in ("miou", "boundary_f")}
    scores["pictures"] = len(result.images)
    write_atomically(kept, json.dumps({key: scores}).encode())
    return scores


def build(model: Model, kind: Kind, path: Path, options: argparse.Namespace) -> None:
    checkpoint, shipped = locate(model.source)
    recipe, network = load_trained(checkpoint)
    spec = base_spec(recipe, shipped, None)
    if kind.method == TUNED:
        assert model.tuned is not None
        _, network = load_trained(model.tuned)
    quantisation = None
    if kind.method != FLOAT:
        pictures = None
        if kind.quantisation == "static":
            pictures = open_calibration(options.calibration, spec, count=options.count)
        quantisation = Quantisation(kind.quantisation, pictures)
    export_model(
        network,
        spec,
        path,
        target=kind.target,
        precision=FLOAT if quantisation is None else "int8",
        quantisation=quantisation,
        # what is lost is what the table shows
        tolerance=None if quantisation is None else 1.0,
    )


def time_files(paths: list[Path], rounds: int) -> dict[tuple[Path, str], float]:
    """Median milliseconds by file and engine; empty without rounds."""
    pairs = [Combination(path, engine) for path in paths for engine in ENGINES
             if takes(engine, path)]  # fmt: skip
    if not rounds:
        return {}
    return {
        (one.combination.path, one.combination.engine): one.median_ms
        for one in measure(pairs, rounds=rounds).latencies
    }


def to_markdown(name: str, rows: list[Row], times: dict[tuple[Path, str], float]) -> str:
    header = ["target", "kind", "MB", "of float", "mean IoU, %", "boundary F, %", *ENGINES]
    sizes = {row.kind.target: row.megabytes for row in rows if row.kind.method == FLOAT}
    sizes.setdefault("edgetpu", sizes.get("litert", 0.0))
    cells = []
    for row in rows:
        if row.scores is None:
            print(f"{name}, {row.kind.target}, {row.kind.method}: {row.reason}")
            continue
        scores = [100 * row.scores[key] for key in ("miou", "boundary_f")]
        whole = sizes.get(row.kind.target)
        cells.append((
            row.kind.target,
            row.kind.method,
            f"{row.megabytes:.2f}",
            f"{row.megabytes / whole:.0%}" if whole else "",
            *(f"{score:.2f}" for score in scores),
            *(f"{times[row.path, engine]:.1f}" if (row.path, engine) in times else ""
              for engine in ENGINES),
        ))  # fmt: skip
    count = max(int(row.scores["pictures"]) for row in rows if row.scores)
    caption = f"{name}, {count} pictures; times in ms, median"
    return "\n".join([*markdown_table(header, cells, left=2), "", caption, ""])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL[=TUNED]")
    parser.add_argument("--calibration", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=CALIBRATION_COUNT)
    parser.add_argument("--data", type=Path, required=True, metavar="DATASET")
    parser.add_argument("--targets", default="onnx,openvino,litert,edgetpu")
    parser.add_argument("--methods", default=f"{FLOAT},weight-only,dynamic,static,{TUNED}")
    parser.add_argument("--limit", type=int, help="score only so many pictures")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    main()
