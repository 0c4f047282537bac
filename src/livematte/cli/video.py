"""``livematte video``: cut people out of films, streams and cameras."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livematte.cli.care import Clean, Region, Steady, Steadying, parse_clean, stream_of
from livematte.cli.console import show_log
from livematte.cli.film_options import (
    Alpha,
    AsJson,
    Background,
    Duration,
    Effect,
    Fit,
    Input,
    InputFormat,
    Live,
    Loop,
    Output,
    OutputFormat,
    Quiet,
    Rate,
    SideBySide,
    Size,
    Start,
    Strength,
    Timeout,
    Verbose,
)
from livematte.cli.filming import Film, Request, load_for_film
from livematte.errors import UsageError
from livematte.weights import DEFAULT_VIDEO

if TYPE_CHECKING:
    from livematte.segmenter import Segmenter
    from livematte.stream import SegmenterStream

__all__ = ["command"]


def command(
    source: Input,
    output: Output,
    alpha: Alpha = False,
    background: Background = None,
    effect: Effect = None,
    strength: Strength = None,
    fit: Fit = "fill",
    loop: Loop = True,
    side_by_side: SideBySide = False,
    start: Start = "0",
    duration: Duration = None,
    live: Live = None,
    size: Size = None,
    rate: Rate = None,
    input_format: InputFormat = "auto",
    output_format: OutputFormat = "auto",
    timeout: Timeout = 10.0,
    model: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="A bundled model, or a model file.")
    ] = DEFAULT_VIDEO,
    spec: Annotated[
        Path | None, typer.Option(help="JSON spec of a model file that holds none.")
    ] = None,
    engine: Annotated[str, typer.Option(help="auto, or one of the engines.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of the engine; a quarter of the cores by default."),
    ] = None,
    region: Region = "auto",
    clean: Clean = "",
    steady: Steady = "auto",
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Cut the person out of a video.

    An interrupted run (Ctrl-C, SIGTERM) leaves a file that plays, with what was done by then.

    Exit codes: 2 usage, 3 input, 4 model, 5 device, 6 output, 130 interrupted.
    """
    from livematte.segmenter import Care  # noqa: PLC0415

    show_log(verbose=verbose, quiet=quiet)
    if not model:
        raise UsageError("an empty argument names nothing: give a model's name or file")
    care = Care(region=region == "auto", cleaning=parse_clean(clean))
    film = Film(
        Request(
            source=source,
            output=output,
            alpha=alpha,
            background=background,
            effect=effect,
            strength=strength,
            fit=fit,
            loop=loop,
            side_by_side=side_by_side,
            start=start,
            duration=duration,
            live=live,
            size=size,
            rate=rate,
            input_format=input_format,
            output_format=output_format,
            timeout=timeout,
            as_json=as_json,
            quiet=quiet,
        )
    )
    segmenter = load_for_film(model, engine=engine, device=device, threads=threads, spec=spec)
    film.make(_ByModel(segmenter.taking(care), steady))


@dataclass(frozen=True)
class _ByModel:
    """A :class:`livematte.cli.filming.Cutter`."""

    segmenter: Segmenter
    steady: Steadying

    def stream(self, *, live: bool) -> SegmenterStream:
        return stream_of(self.segmenter, self.steady, live=live)

    def facts(self) -> dict[str, object]:
        engine = self.segmenter.engine
        return {"model": self.segmenter.spec.name, "engine": engine.name, "device": engine.device}
