"""``livematte train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from livematte.cli.reading import reading_bar
from livematte.machine import keep_freed_memory

__all__ = ["command"]


def command(
    recipe: Annotated[str, typer.Argument(help="A bundled recipe's name, or a YAML file.")],
    data: Annotated[Path, typer.Option("--data", help="Dataset folder, or a folder of sets.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder; default runs/NAME.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value into the recipe, e.g. stages.0.batch_size=16."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last epoch.")] = False,
    accelerator: Annotated[str, typer.Option(help="cpu, gpu, or auto.")] = "auto",
    devices: Annotated[str, typer.Option(help="How many devices in each node.")] = "auto",
    nodes: Annotated[int, typer.Option(help="How many machines.")] = 1,
    strategy: Annotated[str, typer.Option(help="Lightning's strategy, e.g. ddp.")] = "auto",
    max_minutes: Annotated[
        float | None,
        typer.Option(help="Stop before the epoch that would pass this; --resume goes on."),
    ] = None,
) -> None:
    """Train a network by a recipe."""
    from livematte.training.recipe import load_recipe  # noqa: PLC0415
    from livematte.training.run import RunConfig, train  # noqa: PLC0415

    chosen = load_recipe(recipe, overrides or [])
    config = RunConfig(
        data=data,
        output=output or Path("runs") / chosen.name,
        resume=resume,
        accelerator=accelerator,
        devices=devices,
        nodes=nodes,
        strategy=strategy,
        max_minutes=max_minutes,
    )
    keep_freed_memory(any_size=True)
    console = Console(stderr=True)
    with reading_bar(console) as progress:
        result = train(chosen, config, progress=progress)
    console.print(f"best mean IoU on validation: {result.miou:.4f}")
    for path in (result.best, result.last, *result.curves):
        print(path)
