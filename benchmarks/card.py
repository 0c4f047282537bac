"""The Markdown of a model card: what was measured, and the recipe that was used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from livematte.evaluation.report import SCORES
from livematte.evaluation.result import EvaluationResult
from livematte.evaluation.slices import SLICES
from livematte.evaluation.spread import Score
from livematte.machine import processor_name
from livematte.networks.counting import count_macs, count_parameters
from livematte.spec import ModelSpec
from livematte.training.checkpoint import Trained
from livematte.training.recipe import Recipe

__all__ = ["STORED", "facts", "latency", "recipe", "scores", "slices"]

STORED = {
    "fp32": "",
    "fp16": ", weights stored in 16-bit floats and computed in 32",
    "int8": ", weights stored in 8-bit integers and computed in 32-bit floats",
}
SHOWN = ("miou", "boundary_f", "mad", "ece")


def facts(trained: Trained, spec: ModelSpec, model: Path, date: str) -> str:
    size = (spec.height, spec.width)
    parameters, macs = count_parameters(trained.network), count_macs(trained.network, size)
    checkpoint = ""
    if model.with_suffix(".ckpt").exists():
        checkpoint = (
            f"; `{model.stem}.ckpt` holds the same weights and the recipe, for training (not in "
            "the wheel)"
        )
    extra = " and the last matte (zeros at first)" if spec.prior else ""
    options = ", ".join(f"{key} {value}" for key, value in trained.recipe.options.items())
    size_told = f"{model.stat().st_size / 1e6:.1f} MB{STORED[spec.precision]}"
    rows = (
        ("network", f"`{trained.recipe.network}`{f' ({options})' if options else ''}: "
         f"{parameters:,} parameters, {macs / 1e6:,.0f} M multiply-accumulates"),
        ("input", f"{spec.height}×{spec.width} RGB, the picture stretched to it{extra}"),
        ("files", f"`{model.name}`, {size_told}{checkpoint}"),
        ("licence", "**research use only**, because of the photographs below; the code is MIT"),
        ("version", f"{spec.version}, {date}"),
    )  # fmt: skip
    return "| | |\n|---|---|\n" + "\n".join(f"| {key} | {value} |" for key, value in rows)


def recipe(used: Recipe) -> str:
    """The recipe whole, less the folders of the files it started from."""
    told = replace(
        used,
        pretrained=Path(used.pretrained).name if used.pretrained else None,
        teacher=Path(used.teacher).name if used.teacher else None,
    )
    return (
        "## Recipe\n\nAs a file, `livematte train FILE --data DATA` takes it.\n\n```yaml\n"
        f"{told.to_yaml().strip()}\n```"
    )


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
        f"of {processor_name()}, which other work may have slowed). For comparisons\n"
        "take `make zoo-table`, where all models take turns."
    )
