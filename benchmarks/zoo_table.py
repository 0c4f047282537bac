"""Score the bundled models and released ones on one dataset; prints one Markdown table.

    python benchmarks/zoo_table.py [FILE_OR_FOLDER ...] --data DATASET [--no-bundled] [-o REPORTS]

Model files of a folder are all taken. A file's spec is SPECS/STEM.json where there is one, else the
one it holds or that lies beside it. A file that cannot be run gets a line that says why. With -o
each model's full report goes into a folder of its own. Latencies are of one thread, batch 1,
measured after the scoring with the models taking turns on the same photos, so that a busy machine
slows all of them alike: median / minimum.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from livematte import weights
from livematte.data.datasets import Dataset, open_dataset
from livematte.errors import LivematteError
from livematte.evaluation.evaluator import evaluate
from livematte.evaluation.files import write_report
from livematte.evaluation.predictors import EnginePredictor
from livematte.evaluation.result import EvaluationConfig, EvaluationResult
from livematte.evaluation.spread import Score
from livematte.segmenter import load

SUFFIXES = (".onnx", ".tflite")
HEADER = (
    "| model | input | file, MB | mean IoU, % | boundary F, % | MAD, ×10⁻³ | ECE, % "
    "| network, ms | photo to matte, ms |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)
TURNS = 20


def main() -> None:
    options = parse()
    dataset = open_dataset(options.data, split=None if options.split == "all" else options.split)
    files = list(model_files(options))
    scored: list[tuple[Path, EnginePredictor, EvaluationResult]] = []
    failures: list[str] = []
    for path in files:
        print(f"{path.name} ...", file=sys.stderr)
        spec = options.specs / f"{path.stem}.json"
        try:
            segmenter = load(path, threads=1, device="cpu", spec=spec if spec.exists() else None)
            predictor = EnginePredictor(segmenter.engine, refine=options.refine)
            result = evaluate(predictor, dataset, EvaluationConfig(limit=options.limit))
        except LivematteError as error:
            failures.append(f"| {path.name} | {error} |")
            continue
        scored.append((path, predictor, result))
        if options.output is not None:
            label = options.data.resolve().name
            write_report(result, options.output / path.stem, dataset=label, split=dataset.split)
    latencies = take_turns([predictor for _, predictor, _ in scored], dataset)
    lines = [
        (result.scores["miou"].value, row(result, path, latency))
        for (path, _, result), latency in zip(scored, latencies, strict=True)
    ]
    images = min(len(dataset), options.limit or len(dataset))
    print(f"{images} images of {options.data.resolve().name}, one thread, batch 1\n\n{HEADER}")
    print("\n".join(line for _, line in sorted(lines, reverse=True)))
    if failures:
        print("\n| not scored | why |\n|---|---|\n" + "\n".join(failures))


def model_files(options: argparse.Namespace) -> Iterator[Path]:
    """The bundled models, then what was named."""
    if options.bundled:
        yield from (model.path for model in weights.bundled())
    for place in options.models:
        if place.is_dir():
            yield from (path for path in sorted(place.iterdir()) if path.suffix in SUFFIXES)
        else:
            yield place


def take_turns(predictors: list[EnginePredictor], dataset: Dataset) -> list[tuple[str, str]]:
    """Median and minimum, in ms, of each network alone and of each whole prediction."""
    times = np.zeros((len(predictors), 2, TURNS))
    for turn in range(TURNS):
        image = dataset.load(turn * len(dataset) // TURNS).image
        for index, predictor in enumerate(predictors):
            started = time.perf_counter()
            predictor.predict(image)
            times[index, 1, turn] = time.perf_counter() - started
            times[index, 0, turn] = predictor.run_seconds
            predictor.reset()
    shown = [
        tuple(f"{1000 * np.median(t):.1f} / {1000 * t.min():.1f}" for t in pair) for pair in times
    ]
    return [(run, call) for run, call in shown]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="*", help="model files, or folders of them")
    parser.add_argument("--no-bundled", dest="bundled", action="store_false")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="validation", help="validation, train or all")
    parser.add_argument("--specs", type=Path, default=Path(__file__).parent / "peers")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--refine", action="store_true", help="after edge-aware refinement")
    parser.add_argument("-o", "--output", type=Path)
    return parser.parse_args()


def row(result: EvaluationResult, path: Path, latency: tuple[str, str]) -> str:
    def percent(score: Score) -> str:
        return f"{100 * score.value:.2f} ({100 * score.low:.1f} – {100 * score.high:.1f})"

    scores = result.scores
    cells = (
        result.model,
        f"{result.spec.width}×{result.spec.height}",
        f"{path.stat().st_size / 1e6:.2f}",
        percent(scores["miou"]),
        percent(scores["boundary_f"]),
        f"{1000 * scores['mad'].value:.1f}",
        f"{100 * scores['ece'].value:.1f}",
        *latency,
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
