"""``livematte bgsub``: cut people out of films without a model, before a still camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from livematte.cli.console import complain, show_log
from livematte.cli.film_options import (
    Alpha,
    AsJson,
    Background,
    Duration,
    Effect,
    Fit,
    Input,
    InputFormat,
    Learn,
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
    Threshold,
    Timeout,
    Verbose,
)
from livematte.cli.filming import Film, Request
from livematte.machine import prepare_for_film

if TYPE_CHECKING:
    from livematte.subtraction import Subtraction, SubtractionStream

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
    method: Annotated[
        Literal["mean", "mog2", "knn"],
        typer.Option(
            help="The room as the mean of its frames, as a mixture of Gaussians, or as neighbours."
        ),
    ] = "knn",
    learn: Learn = 30,
    threshold: Threshold = 20.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Cut out what is not the empty room, before a camera that stands still.

    The video begins with the empty room; its first frames are learned, and cut to nothing. Slow
    changes of the light are followed. A camera that moves is an error.

    Exit codes: 2 usage, 3 input, 6 output, 130 interrupted.
    """
    from livematte.subtraction import Subtraction  # noqa: PLC0415

    show_log(verbose=verbose, quiet=quiet)
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
    prepare_for_film()
    report = film.make(_ByRoom(Subtraction(method, learn, threshold), source))
    if report.frames <= learn and not quiet:
        complain(f"{source}: has no more frames than are learned: give --learn less than {learn}")


@dataclass(frozen=True)
class _ByRoom:
    """A :class:`livematte.cli.filming.Cutter`."""

    how: Subtraction
    name: str

    def stream(self, *, live: bool) -> SubtractionStream:
        del live  # it takes every frame as it is
        from livematte.subtraction import Subtractor  # noqa: PLC0415

        return Subtractor(self.how, name=self.name).stream()

    def facts(self) -> dict[str, object]:
        return {
            "model": f"background subtraction: {self.how.method}",
            "engine": "opencv",
            "device": "cpu",
        }
