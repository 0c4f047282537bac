"""``livematte prune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from livematte.cli.reading import reading_bar
from livematte.errors import UsageError
from livematte.machine import keep_freed_memory

__all__ = ["command"]


def command(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint that livematte train wrote.")],
    ratio: Annotated[
        float,
        typer.Option(help="Share of the multiply-accumulates that go at least, from 0 to 1."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the checkpoints; a run of training.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Dataset folder, or a folder of sets: tells what channels are worth, and tunes "
            "what is left. Without it channels go by their weights, and nothing is tuned.",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=0, help="Epochs of fine-tuning; default 10, with --data.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value into the recipe of the fine-tuning."),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="cpu, gpu, or auto.")] = "auto",
    max_minutes: Annotated[
        float | None, typer.Option(help="Stop tuning before the epoch that would pass this.")
    ] = None,
) -> None:
    """Make a trained network smaller by taking whole channels out of it.

    The pruned checkpoint is one like any other, for export, eval and train.
    """
    from livematte.pruning.run import PruneConfig, prune  # noqa: PLC0415

    if data is None and epochs:
        raise UsageError("--epochs needs data to tune on: give --data FOLDER")
    keep_freed_memory(any_size=True)
    config = PruneConfig(
        ratio,
        output,
        data,
        10 if epochs is None else epochs,
        overrides or [],
        accelerator,
        max_minutes,
    )
    console = Console(stderr=True)
    with reading_bar(console, visible=data is not None) as progress:
        result = prune(checkpoint, config, progress=progress)
    before, after = result.before, result.after
    console.print(
        f"parameters {before.parameters:,} → {after.parameters:,}, "
        f"multiply-accumulates {before.macs / 1e6:.1f} → {after.macs / 1e6:.1f} million"
    )
    print(result.start)
    if result.run is not None:
        console.print(f"best mean IoU on validation: {result.run.miou:.4f}")
        print(result.run.best)
