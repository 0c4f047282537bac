"""Make a trained network a bundled model: model file, spec, checkpoint and card.

    python benchmarks/release.py CHECKPOINT --name NAME --data DATA [--size HEIGHTxWIDTH]

Writes NAME.onnx, NAME.json, NAME.ckpt and NAME.md into --output (default: the package's weights).
Scores are measured here, on what was written, and go into the spec and the card. What no program
can know (how it came to be trained, what is still wrong with it) stands in cards/NAME.yaml:
``summary``, ``training`` (Markdown), ``failures`` (a list) and ``more``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import yaml

from livematte import weights
from livematte.data.datasets import Backgrounds, open_dataset
from livematte.evaluation.evaluator import evaluate
from livematte.evaluation.files import MAIN_SCORES
from livematte.evaluation.predictors import EnginePredictor
from livematte.evaluation.report import SCORES
from livematte.evaluation.result import EvaluationConfig, EvaluationResult
from livematte.evaluation.slices import SLICES
from livematte.evaluation.spread import Score
from livematte.export.exporter import export_model
from livematte.files import write_atomically
from livematte.networks.counting import count_macs, count_parameters
from livematte.segmenter import load, person_found
from livematte.spec import ModelSpec
from livematte.training.checkpoint import Trained, load_trained, save_for_release

CARDS = Path(__file__).parent / "cards"
SETS = ("portraits", "mixed")
SHOWN = ("miou", "boundary_f", "mad", "ece")
LICENCE = "research use only"
TRAINING_DATA = (
    "EG1800 (research only), Clothing Co-Parsing, PASCAL VOC 2012, VITON cut-outs (research only) "
    "before Houses, ImageNet and BSDS500 backgrounds (research only)"
)


def main() -> None:
    options = parse()
    trained = load_trained(options.checkpoint)
    notes = yaml.safe_load((CARDS / f"{options.name}.yaml").read_text(encoding="utf-8"))
    height, width = options.size or trained.recipe.stages[-1].size
    spec = ModelSpec(
        options.name,
        height,
        width,
        version=options.version,
        prior=trained.recipe.prior,
        licence=LICENCE,
        training_data=f"{TRAINING_DATA}; {notes['start']}",
    )
    model = options.output / f"{options.name}.onnx"
    export_model(trained.network, spec, model)
    results = {name: score(model, options.data / name) for name in SETS}
    found = {
        f"{data}_{name}": round(result.scores[name].value, 5)
        for data, result in results.items()
        for name in MAIN_SCORES
    }
    export_model(trained.network, replace(spec, metrics=found), model)
    save_for_release(options.checkpoint, model.with_suffix(".ckpt"))
    rooms = Backgrounds.open(options.data / "backgrounds", split="validation")
    claimed, total = false_persons(model, rooms)
    card = "\n\n".join(
        (
            f"# Model card: {options.name}\n\n{notes['summary'].strip()}",
            facts(trained, spec, model, options.date),
            (CARDS / "data.md").read_text(encoding="utf-8").strip() + f" Start: {notes['start']}.",
            "## Training\n\n" + notes["training"].strip(),
            scores(results, options.name),
            f"Something is taken for a person in {claimed} of {total} held-out pictures without "
            "people.",
            slices(results["portraits"]),
            latency(results["portraits"]),
            "## Known failures\n\n" + "\n".join(f"- {line}" for line in notes["failures"]),
            "## What more training would need\n\n" + notes["more"].strip(),
        )
    )
    write_atomically(model.with_suffix(".md"), (card + "\n").encode())
    print(model, found)


def score(model: Path, data: Path) -> EvaluationResult:
    predictor = EnginePredictor(load(model, threads=1, device="cpu").engine)
    return evaluate(predictor, open_dataset(data, split="validation"), EvaluationConfig())


def false_persons(model: Path, rooms: Backgrounds) -> tuple[int, int]:
    """In how many pictures without people the plain matte shows somebody; and of how many."""
    segmenter = load(model, threads=1, device="cpu")
    claimed = 0
    for index in range(len(rooms)):
        claimed += person_found(segmenter.segment(rooms.load(index).image, refine=False))
    return claimed, len(rooms)


def facts(trained: Trained, spec: ModelSpec, model: Path, date: str) -> str:
    size = (spec.height, spec.width)
    parameters, macs = count_parameters(trained.network), count_macs(trained.network, size)
    extra = " and the last matte (zeros at first)" if spec.prior else ""
    options = ", ".join(f"{key} {value}" for key, value in trained.recipe.options.items())
    rows = (
        ("network", f"`{trained.recipe.network}`{f' ({options})' if options else ''}: "
         f"{parameters:,} parameters, {macs / 1e6:,.0f} M multiply-accumulates"),
        ("input", f"{spec.height}×{spec.width} RGB, the picture stretched to it{extra}"),
        ("files", f"`{model.name}`, {model.stat().st_size / 1e6:.1f} MB; `{model.stem}.ckpt` "
         "holds the same weights and the recipe, for training (not in the wheel)"),
        ("licence", "**research use only**, because of the photographs below; the code is MIT"),
        ("version", f"{spec.version}, {date}"),
    )  # fmt: skip
    return "| | |\n|---|---|\n" + "\n".join(f"| {key} | {value} |" for key, value in rows)


def scores(results: dict[str, EvaluationResult], name: str) -> str:
    titles = [f"{len(result.images)} {data}" for data, result in results.items()]
    lines = [f"| score | {' | '.join(titles)} |", "|---|" + "--:|" * len(titles)]
    for key in SHOWN:
        info = SCORES[key]
        cells = [interval(result.scores[key], info.factor) for result in results.values()]
        lines.append(f"| {info.title}, {info.unit} | {' | '.join(cells)} |")
    return (
        f"## Scores\n\n`livematte eval {name} --data DATA --set portraits` (and `--set mixed`), "
        "plain matte without edge\nrefinement; brackets hold the 95 % bootstrap interval over "
        "pictures.\n\n" + "\n".join(lines)
    )


def interval(score: Score, factor: float) -> str:
    value, low, high = (factor * x for x in (score.value, score.low, score.high))
    return f"{value:.2f} ({low:.1f} – {high:.1f})"


def slices(result: EvaluationResult) -> str:
    lines = ["| of the portraits | pictures | mean IoU, % |", "|---|--:|--:|"]
    for name in SLICES:
        values = [image.values["miou"] for image in result.images if name in image.slices]
        if values:
            lines.append(f"| {name} | {len(values)} | {100 * sum(values) / len(values):.1f} |")
    return "\n".join(lines)


def latency(result: EvaluationResult) -> str:
    times = result.latency
    return (
        f"## Latency\n\n{times.run_median:.1f} ms for the network and {times.call_median:.1f} ms "
        f"from a picture to a matte of its size (median; {times.engine},\n{times.threads} thread "
        "of an AMD EPYC server processor, which other work may have slowed). For comparisons\n"
        "take `make zoo-table`, where all models take turns."
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--size", type=lambda text: tuple(int(side) for side in text.split("x")))
    parser.add_argument("--version", default="1")
    parser.add_argument("--date", required=True, help="month and year, for the card")
    parser.add_argument("-o", "--output", type=Path, default=Path(weights.__file__).parent)
    return parser.parse_args()


if __name__ == "__main__":
    main()
