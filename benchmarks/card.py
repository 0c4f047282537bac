"""The Markdown of a model card: what was measured, and the recipe that was used."""

from __future__ import annotations

from pathlib import Path

from livematte.evaluation.report import SCORES
from livematte.evaluation.result import EvaluationResult
from livematte.evaluation.slices import SLICES
from livematte.evaluation.spread import Score
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
    seen = "the picture stretched to it"
    if spec.step:
        seen += f", or any other with sides in multiples of {spec.step}"
    rows = (
        ("network", f"`{trained.recipe.network}`{f' ({options})' if options else ''}: "
         f"{parameters:,} parameters, {macs / 1e6:,.0f} M multiply-accumulates"),
        ("input", f"{spec.height}×{spec.width} RGB, {seen}{extra}"),
        ("files", f"`{model.name}`, {size_told}{checkpoint}"),
        ("licence", "**research use only**, because of the photographs below; the code is MIT"),
        ("version", f"{spec.version}, {date}"),
    )  # fmt: skip
    return "| | |\n|---|---|\n" + "\n".join(f"| {key} | {value} |" for key, value in rows)


def recipe(used: Recipe) -> str:
    """The recipe whole, less the folders of the files it started from."""
    return (
        "## Recipe\n\nAs a file, `livematte train FILE --data DATA` takes it, once `pretrained` "
        "and `teacher` name what you have:\na bundled model or a file to start from (here it is "
        "told by its file's name; `null` starts from nothing), and a checkpoint to learn\nfrom."
        "\n\n"
        f"```yaml\n{used.without_folders().to_yaml().strip()}\n```"
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


def latency(network: float, call: float, where: str) -> str:
    """Two medians in ms, and where they were measured; publish_zoo.py puts better ones here."""
    return (
        f"## Latency\n\n{network:.1f} ms for the network and {call:.1f} ms from a picture to a "
        f"matte of its size (medians; {where})."
    )
