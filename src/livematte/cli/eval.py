"""``livematte eval``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from livematte.engines import ENGINES

if TYPE_CHECKING:
    from livematte.data.dataset import Dataset

__all__ = ["command"]

_BACKGROUNDS = "backgrounds"


def command(
    model: Annotated[
        str, typer.Argument(help="A bundled model's name, a model file, or a .ckpt of training.")
    ],
    data: Annotated[Path, typer.Option("--data", help="Dataset folder, or a folder of sets.")],
    subset: Annotated[
        str | None, typer.Option("--set", metavar="NAME", help="The one set in a folder of sets.")
    ] = None,
    split: Annotated[str, typer.Option(help="validation, train or all.")] = "validation",
    layout: Annotated[
        str,
        typer.Option(
            help="Layout of the dataset; 'auto' recognises it (see docs/data.md), 'backgrounds' "
            "takes pictures without people."
        ),
    ] = "auto",
    spec: Annotated[Path | None, typer.Option(help="JSON spec of a file that holds none.")] = None,
    engine: Annotated[str, typer.Option(help=f"{', '.join(ENGINES)}.")] = "auto",
    device: Annotated[
        str, typer.Option(help="auto, cpu, or another one of the engine's.")
    ] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="Threads of the engine.")] = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the report and pictures.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not Markdown.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Score so many samples, evenly spaced.")
    ] = None,
    frames: Annotated[
        bool,
        typer.Option("--frames", help="The samples are consecutive frames: measure steadiness."),
    ] = False,
    refine: Annotated[
        bool, typer.Option("--refine", help="Score the matte after edge-aware refinement.")
    ] = False,
) -> None:
    """Score a model on a dataset: accuracy, edges, calibration, steadiness, latency."""
    from livematte.evaluation.evaluator import evaluate  # noqa: PLC0415 - heavy
    from livematte.evaluation.files import write_report  # noqa: PLC0415 - heavy
    from livematte.evaluation.predictors import EnginePredictor  # noqa: PLC0415 - heavy
    from livematte.evaluation.report import to_dict, to_json, to_markdown  # noqa: PLC0415 - heavy
    from livematte.evaluation.result import EvaluationConfig  # noqa: PLC0415 - heavy
    from livematte.segmenter import load  # noqa: PLC0415 - heavy

    folder = data / subset if subset else data
    dataset = _open_dataset(folder, layout, split)
    opened = load(model, engine=engine, device=device, threads=threads, spec=spec).engine
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as bar:
        task = bar.add_task("Scoring", total=None)
        result = evaluate(
            EnginePredictor(opened, refine=refine),
            dataset,
            EvaluationConfig(frames=frames, limit=limit),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    label = folder.resolve().name
    if as_json:
        typer.echo(to_json(to_dict(result, dataset=label, split=dataset.split)), nl=False)
    else:
        typer.echo(to_markdown(result, dataset=label, split=dataset.split), nl=False)
    if output is not None:
        written = write_report(result, output, dataset=label, split=dataset.split)
        typer.echo(f"written: {', '.join(str(path) for path in written)}", err=True)


def _open_dataset(folder: Path, layout: str, split: str) -> Dataset:
    from livematte.data.datasets import Backgrounds, open_dataset  # noqa: PLC0415 - heavy

    part = None if split == "all" else split
    if layout == _BACKGROUNDS:
        return Backgrounds.open(folder, split=part)
    return open_dataset(folder, layout=layout, split=part)
