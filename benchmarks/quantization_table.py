"""Print what 8-bit integers cost and save: size, scores and time of each file, float and int8.

    python benchmarks/quantization_table.py CHECKPOINT|NAME ... --calibration FOLDER --data DATASET
        [--targets onnx,openvino,litert,edgetpu] [--limit N] [--rounds N] [-o FOLDER]

Every network is exported to every target in fp32 and in each int8 method, the files are scored on
the dataset's validation part, and timed in turns on every engine that opens them (--rounds 0 leaves
that out). Files are kept in --output; those that are there already are not built again.
"""

from __future__ import annotations

import argparse
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
from livematte.evaluation.result import EvaluationConfig, EvaluationResult
from livematte.export.exporter import export_model
from livematte.export.targets import TARGETS
from livematte.quantization.calibration import CALIBRATION_COUNT, open_calibration
from livematte.quantization.methods import Quantisation
from livematte.segmenter import load
from livematte.training.checkpoint import load_trained

ENGINES = ("onnxruntime", "openvino", "litert")
FLOAT = "fp32"


@dataclass(frozen=True)
class Kind:
    """A file to be made: of one target, in floats or by one method."""

    target: str
    method: str

    @property
    def engine(self) -> str:
        """Runs it for the scores."""
        return TARGETS[self.target].engine or "auto"


@dataclass(frozen=True)
class Row:
    """A file and its scores, or why there is none."""

    kind: Kind
    path: Path
    result: EvaluationResult | None
    reason: str = ""

    @property
    def megabytes(self) -> float:
        """Of the model, with the weights of an OpenVINO file."""
        weights = self.path.with_suffix(".bin") if self.path.suffix == ".xml" else None
        return sum(p.stat().st_size for p in (self.path, weights) if p is not None) / 1e6


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as scratch:
        for model in options.models:
            folder = (options.output or Path(scratch)) / Path(model).stem
            rows = list(build_and_score(model, folder, options))
            times = time_files([row.path for row in rows if row.result], options.rounds)
            print(to_markdown(Path(model).stem, rows, times), flush=True)


def build_and_score(model: str, folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Each kind of file in its turn."""
    data = open_dataset(options.data, split="validation")
    for target in options.targets.split(","):
        floats = [FLOAT] if FLOAT in TARGETS[target].precisions else []
        for method in (*floats, *(m for m in TARGETS[target].methods if m != "learnt")):
            kind = Kind(target, method)
            path = folder / f"{target}-{method}{TARGETS[target].suffix}"
            try:
                if not path.exists():
                    build(model, kind, path, options)
                engine = load(path, engine=kind.engine, device="cpu", threads=1).engine
                config = EvaluationConfig(limit=options.limit)
                yield Row(kind, path, evaluate(EnginePredictor(engine), data, config))
            except LivematteError as error:
                yield Row(kind, path, None, str(error))


def build(model: str, kind: Kind, path: Path, options: argparse.Namespace) -> None:
    checkpoint, shipped = locate(model)
    recipe, network = load_trained(checkpoint)
    spec = base_spec(recipe, shipped, None)
    quantisation = None
    if kind.method != FLOAT:
        pictures = None
        if kind.method == "static":
            pictures = open_calibration(options.calibration, spec, count=options.count)
        quantisation = Quantisation(kind.method, pictures)
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
        if row.result is None:
            print(f"{name}, {row.kind.target}, {row.kind.method}: {row.reason}")
            continue
        scores = [100 * row.result.scores[key].value for key in ("miou", "boundary_f")]
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
    count = len(next(row.result.images for row in rows if row.result))
    caption = f"{name}, {count} pictures; times in ms, median"
    return "\n".join([*markdown_table(header, cells, left=2), "", caption, ""])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="CHECKPOINT|NAME")
    parser.add_argument("--calibration", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=CALIBRATION_COUNT)
    parser.add_argument("--data", type=Path, required=True, metavar="DATASET")
    parser.add_argument("--targets", default="onnx,openvino,litert,edgetpu")
    parser.add_argument("--limit", type=int, help="score only so many pictures")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    main()
