"""``livematte bench``: how fast livematte is here."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from livematte.cli import benchmarks
from livematte.cli.backgrounds import parse_background
from livematte.cli.filming import load_for_film
from livematte.errors import UsageError
from livematte.weights import DEFAULT_VIDEO

__all__ = ["app"]

app = typer.Typer(help="Measure how fast livematte is on this machine.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """Measure how fast livematte is on this machine."""


@app.command("pipeline")
def pipeline(
    film: Annotated[Path, typer.Argument(metavar="FILE", help="A video.")],
    background: Annotated[
        str, typer.Option(metavar="COLOUR|blur", help="What to lay the person over.")
    ] = "#00b140",
    rounds: Annotated[int, typer.Option(min=1, help="How often, in turn with the ceiling.")] = 3,
    duration: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds of the film to take; default is all.")
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Play it as a camera would send it, and drop what is too much."
        ),
    ] = False,
    model: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="A bundled model, or a model file.")
    ] = DEFAULT_VIDEO,
    engine: Annotated[str, typer.Option(help="auto, or one of the engines.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of the engine; a quarter of the cores by default."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Where the time of a video goes, and how near that is to decoding and encoding alone."""
    from livematte.benchmark.pipeline import bench_pipeline  # noqa: PLC0415
    from livematte.video.composing import compose_over  # noqa: PLC0415

    behind = parse_background(background)
    if isinstance(behind, Path):
        raise UsageError(f"--background {background}: give a colour or blur")
    result = bench_pipeline(
        film,
        load_for_film(model, engine=engine, device=device, threads=threads),
        lambda: compose_over(behind),
        rounds=rounds,
        seconds=None if duration is None else Fraction(duration).limit_denominator(1000),
        live=live,
    )
    print(json.dumps(result.to_json()) if as_json else result.to_markdown())


for _name, _command in benchmarks.COMMANDS.items():
    app.command(_name)(_command)
