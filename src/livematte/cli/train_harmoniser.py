"""``livematte train-harmoniser``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from livematte.machine import keep_freed_memory

if TYPE_CHECKING:
    from livematte.training.harmoniser import HarmoniserScores

__all__ = ["command"]


def command(
    recipe: Annotated[
        Path | None, typer.Argument(help="A YAML file; default: that of the bundled harmoniser.")
    ] = None,
    data: Annotated[
        Path, typer.Option("--data", help="Dataset folder, or a folder of sets.")
    ] = ...,  # type: ignore[assignment]  # required
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder; default runs/NAME.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="key=value into the recipe, e.g. steps=500.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last validation.")
    ] = False,
    max_minutes: Annotated[
        float | None,
        typer.Option(help="Stop at the first validation after this; --resume goes on."),
    ] = None,
) -> None:
    """Train the network that fits a person's colours to a new background.

    It needs portraits with mattes, and no labels; it runs on the CPU. The run folder gets the
    checkpoints, metrics.csv, and harmoniser.onnx with its spec.
    """
    from livematte.export.harmoniser import export_harmoniser  # noqa: PLC0415
    from livematte.training.harmoniser import train_harmoniser  # noqa: PLC0415
    from livematte.training.harmoniser_recipe import load_harmoniser_recipe  # noqa: PLC0415

    chosen = load_harmoniser_recipe(recipe, overrides or [])
    folder = output or Path("runs") / chosen.name
    keep_freed_memory(any_size=True)
    console = Console(stderr=True)

    def report(step: int, scores: HarmoniserScores) -> None:
        console.print(
            f"step {step} of {chosen.steps}: colour difference {scores.before:.2f} → "
            f"{scores.after:.2f}, of untouched photographs {scores.untouched:.2f}"
        )

    result = train_harmoniser(
        chosen, data, folder, resume=resume, max_minutes=max_minutes, report=report
    )
    model = export_harmoniser(result.best, folder / "harmoniser.onnx")
    for path in (result.best, result.last, model):
        print(path)
