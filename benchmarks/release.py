"""Make a trained network a bundled model: model file, spec, checkpoint and card.

    python benchmarks/release.py CHECKPOINT --name NAME --data DATA [--size HEIGHTxWIDTH]
        [--storage fp32|fp16|int8] [--any-size]

Writes NAME.onnx, NAME.json, NAME.ckpt and NAME.md into --output (default: the package's weights);
the card's Markdown is made by card.py. Scores are measured here, on what was written, and go into
the spec and the card. What no program can know (how it came to be trained, what is still wrong
with it) stands in cards/NAME.yaml:
``summary``, ``training`` (Markdown), ``failures`` (a list) and ``more``.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import card
import onnx
import yaml

from livematte import weights
from livematte.data.datasets import Backgrounds, open_dataset
from livematte.evaluation.evaluator import evaluate
from livematte.evaluation.files import MAIN_SCORES
from livematte.evaluation.predictors import EnginePredictor
from livematte.evaluation.result import EvaluationConfig, EvaluationResult
from livematte.export.exporter import export_model
from livematte.export.onnx import embed_spec
from livematte.files import write_atomically, write_together
from livematte.machine import processor_name
from livematte.segmenter import load, person_found
from livematte.spec import ModelSpec
from livematte.training.checkpoint import Trained, load_trained, save_for_release

CARDS = Path(__file__).parent / "cards"
SETS = ("portraits", "mixed")
STRETCH = 4 / 3  # EG1800's portraits, 480×640, were squeezed into squares
LICENCE = "research use only"
TRAINING_DATA = (
    "EG1800 (research only), Clothing Co-Parsing, PASCAL VOC 2012, VITON cut-outs (research only) "
    "before Houses, ImageNet and BSDS500 backgrounds (research only)"
)


class Measured(NamedTuple):
    """Scores by dataset; in how many pictures without people somebody is seen, and of how many."""

    results: dict[str, EvaluationResult]
    claimed: int
    total: int


@contextmanager
def replaced_together(output: Path) -> Iterator[Path]:
    """A folder to make and measure files in; they go to ``output`` together, if all went well."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        write_together({output / path.name: path.read_bytes() for path in Path(folder).iterdir()})


def main() -> None:
    options = parse()
    notes = yaml.safe_load((CARDS / f"{options.name}.yaml").read_text(encoding="utf-8"))
    with replaced_together(options.output) as folder:
        write_model(options, folder / f"{options.name}.onnx", notes)
    if not options.keep_checkpoint:
        (options.output / f"{options.name}.ckpt").unlink(missing_ok=True)  # of older weights


def write_model(options: argparse.Namespace, model: Path, notes: dict[str, Any]) -> None:
    """Write the model and what belongs to it beside it."""
    trained = load_trained(options.checkpoint)
    height, width = options.size or trained.recipe.stages[-1].size
    spec = ModelSpec(
        options.name,
        height,
        width,
        version=options.version,
        stretch=STRETCH,
        prior=trained.recipe.prior,
        licence=LICENCE,
        training_data=f"{TRAINING_DATA}; {notes['start']}",
    )
    exported = export_model(
        trained.network, spec, model, precision=options.storage, any_size=options.any_size
    )
    results = {name: score(model, options.data / name) for name in SETS}
    found = {
        f"{data}_{name}": round(result.scores[name].value, 5)
        for data, result in results.items()
        for name in MAIN_SCORES
    }
    spec = write_scores(model, replace(exported.spec, metrics=found))
    if options.keep_checkpoint:
        save_for_release(options.checkpoint, model.with_suffix(".ckpt"), half=options.half)
    rooms = Backgrounds.open(options.data / "backgrounds", split="validation")
    measured = Measured(results, *false_persons(model, rooms))
    text = describe(notes, options.date, trained, spec, model, measured)
    write_atomically(model.with_suffix(".md"), text.encode())
    print(model.name, found)


def describe(
    notes: dict[str, Any],
    date: str,
    trained: Trained,
    spec: ModelSpec,
    model: Path,
    measured: Measured,
) -> str:
    """The card."""
    results, claimed, total = measured
    times = results["portraits"].latency
    parts = (
        f"# Model card: {spec.name}\n\n{notes['summary'].strip()}",
        card.facts(trained, spec, model, date),
        (CARDS / "data.md").read_text(encoding="utf-8").strip() + f" Start: {notes['start']}.",
        "## Training\n\n" + notes["training"].strip(),
        card.scores(results, spec.name),
        f"Something is taken for a person in {claimed} of {total} held-out pictures without "
        "people.",
        card.slices(results["portraits"]),
        card.latency(
            times.run_median,
            times.call_median,
            f"{times.engine}, one thread of {processor_name()},\nwhich other work may have slowed",
        ),
        "## Known failures\n\n" + "\n".join(f"- {line}" for line in notes["failures"]),
        "## What more training would need\n\n" + notes["more"].strip(),
        card.recipe(trained.recipe),
    )
    return "\n\n".join(parts) + "\n"


def score(model: Path, data: Path) -> EvaluationResult:
    predictor = EnginePredictor(load(model, threads=1, device="cpu").engine)
    return evaluate(predictor, open_dataset(data, split="validation"), EvaluationConfig())


def write_scores(path: Path, spec: ModelSpec) -> ModelSpec:
    """Put the spec with the scores in the place of the one in the file and the one beside it."""
    model = onnx.load(path)
    del model.metadata_props[:]
    embed_spec(model, replace(spec, sha256=None))
    content = model.SerializeToString()
    spec = replace(spec, sha256=hashlib.sha256(content).hexdigest())
    write_together({path: content, path.with_suffix(".json"): spec.to_json().encode()})
    return spec


def false_persons(model: Path, rooms: Backgrounds) -> tuple[int, int]:
    """In how many pictures without people the plain matte shows somebody; and of how many."""
    segmenter = load(model, threads=1, device="cpu")
    claimed = 0
    for index in range(len(rooms)):
        claimed += person_found(segmenter.segment(rooms.load(index).image, refine=False))
    return claimed, len(rooms)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--size", type=lambda text: tuple(int(side) for side in text.split("x")))
    parser.add_argument("--no-checkpoint", dest="keep_checkpoint", action="store_false")
    parser.add_argument("--half", action="store_true", help="16-bit kernels in the checkpoint")
    parser.add_argument(
        "--storage", choices=tuple(card.STORED), default="fp32", help="of the weights"
    )
    parser.add_argument("--any-size", action="store_true", help="leave height and width free")
    parser.add_argument("--version", default="1")
    parser.add_argument("--date", required=True, help="month and year, for the card")
    parser.add_argument("-o", "--output", type=Path, default=Path(weights.__file__).parent)
    return parser.parse_args()


if __name__ == "__main__":
    main()
