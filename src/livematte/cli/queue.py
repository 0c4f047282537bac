"""``livematte queue``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from livematte.cli.console import complain
from livematte.errors import InputError
from livematte.machine import keep_freed_memory

if TYPE_CHECKING:
    from livematte.training.queue import Outcome

__all__ = ["command"]


def command(
    queue: Annotated[str, typer.Argument(help="A bundled queue's name, or a YAML file.")],
    data: Annotated[
        Path,
        typer.Option(
            "--data", help="Dataset folder, a folder of sets, or a folder of shards of either."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run folders and of carry/.")
    ],
    minutes: Annotated[float, typer.Option(min=0.01, help="Time for all of it.")] = 8.0,
    accelerator: Annotated[str, typer.Option(help="cpu, gpu, or auto.")] = "auto",
    devices: Annotated[str, typer.Option(help="How many devices.")] = "1",
    megabytes: Annotated[float, typer.Option(min=0.1, help="Size of a carried file at most.")] = 16,
) -> None:
    """Train several recipes within a time budget; the same command goes on where it stopped.

    Leaves weights, numbers and curves of all in OUTPUT/carry. Exit code 1 when an entry failed.
    """
    from livematte.training.carry import carry  # noqa: PLC0415 - heavy
    from livematte.training.queue import QueueConfig, load_queue, run_queue  # noqa: PLC0415

    entries = load_queue(queue, output)
    config = QueueConfig(_unpacked(data, output), output, minutes, accelerator, devices)

    keep_freed_memory(any_size=True)
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("reading pictures")

    def notify(outcome: Outcome) -> None:
        bar.stop()
        name, done = outcome.entry.name, f"{outcome.epochs} of {outcome.entry.epochs} epochs"
        typer.echo(f"{name}: {outcome.state}, {done}, {outcome.seconds:.0f} s")
        if outcome.error:
            complain(f"{name}: {outcome.error}")

    def progress(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)
        if done < total:
            bar.start()
        else:
            bar.stop()  # training has a bar of its own

    try:
        outcomes = run_queue(entries, config, notify=notify, progress=progress)
    finally:
        bar.stop()
    problems = carry(outcomes, output, output / "carry", megabytes=megabytes)
    for problem in problems:
        complain(problem)
    typer.echo(output / "carry" / "report.md")
    if problems or any(outcome.state == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def _unpacked(data: Path, output: Path) -> Path:
    """The dataset itself; what came in shards is unpacked into the output's folder, once."""
    from livematte.data.shards import digest, find_shards, unpack  # noqa: PLC0415 - heavy

    if not data.is_dir():
        raise InputError(f"{data}: no such folder; give that of a dataset or of its shards")
    if not find_shards(data):
        return data
    target = output / f"data-{digest(data)}"
    if not target.is_dir():
        unpack(data, target)
    return target
