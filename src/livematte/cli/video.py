"""``livematte video``: cut people out of films, streams and cameras."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from livematte.cli.backgrounds import parse_background
from livematte.cli.console import show_log, shown
from livematte.cli.effects import EFFECT_HELP, STRENGTH_HELP, parse_effects
from livematte.cli.paths import STANDARD, protect
from livematte.cli.signals import terminated_as_interrupted
from livematte.effects.registry import check_effects, makes_background
from livematte.errors import LivematteError, UsageError
from livematte.weights import DEFAULT_VIDEO

if TYPE_CHECKING:
    from livematte.segmenter import Segmenter
    from livematte.video.composing import FrameComposer
    from livematte.video.frames import Source
    from livematte.video.opening import SourceOptions
    from livematte.video.report import Report

__all__ = ["command", "parse_seconds", "parse_size"]

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")
_SIZE = re.compile(r"(\d{1,5})[x×](\d{1,5})")


@dataclass(frozen=True)
class _Looks:
    """What to make of the frames."""

    alpha: bool
    background: Path | tuple[int, int, int] | Literal["blur"] | None
    effects: Mapping[str, float]
    fit: Literal["fill", "fit", "stretch"]
    loop: bool
    side_by_side: bool

    @property
    def channels(self) -> Literal["rgb", "rgba", "grey"]:
        if self.side_by_side:
            return "rgb"
        if self.alpha:
            return "grey"
        made = self.background is not None or makes_background(self.effects)
        return "rgb" if made else "rgba"


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A video, a folder of pictures, camera:0, an address (rtsp, rtmp, http), or -.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="A .mp4, .mov, .mkv or .webm file, a folder (out/) for PNG files, camera, an "
            "rtmp:// address, or - for stdout.",
        ),
    ],
    alpha: Annotated[bool, typer.Option("--alpha", help="Write the matte, in grey.")] = False,
    background: Annotated[
        str | None,
        typer.Option(
            metavar="COLOUR|IMAGE|VIDEO|blur",
            help="Write the person over a colour, a picture, a video, or the blurred room; "
            "without it, on transparency.",
        ),
    ] = None,
    effect: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=STRENGTH]", help=EFFECT_HELP)
    ] = None,
    strength: Annotated[float | None, typer.Option(help=STRENGTH_HELP)] = None,
    fit: Annotated[
        Literal["fill", "fit", "stretch"],
        typer.Option(help="Background: cut to fill, shown whole, or stretched."),
    ] = "fill",
    loop: Annotated[bool, typer.Option(help="Begin a background video again when it ends.")] = True,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="Put the original on the left.")
    ] = False,
    start: Annotated[
        str, typer.Option(metavar="TIME", help="Where to begin: seconds, or [HH:]MM:SS.")
    ] = "0",
    duration: Annotated[
        str | None, typer.Option(metavar="TIME", help="How much to take; default is all.")
    ] = None,
    live: Annotated[
        bool | None,
        typer.Option(
            help="Drop old frames rather than fall behind; default for cameras and streams."
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Of raw RGB, or to ask a camera for."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, help="Frames per second of raw RGB and folders, or of a camera."),
    ] = None,
    input_format: Annotated[
        Literal["auto", "rgb"], typer.Option(help="Of standard input; rgb is raw.")
    ] = "auto",
    output_format: Annotated[
        Literal["auto", "y4m", "raw"], typer.Option(help="Of standard output.")
    ] = "auto",
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds of silence after which a stream has stalled.")
    ] = 10.0,
    model: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="A bundled model, or a model file.")
    ] = DEFAULT_VIDEO,
    spec: Annotated[
        Path | None, typer.Option(help="JSON spec of a model file that holds none.")
    ] = None,
    engine: Annotated[str, typer.Option(help="auto, or one of the engines.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the engine.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print how it went as JSON.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say which engine, device and model run.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Cut the person out of a video.

    An interrupted run (Ctrl-C, SIGTERM) leaves a file that plays, with what was done by then.

    Exit codes: 2 usage, 3 input, 4 model, 5 device, 6 output, 130 interrupted.
    """
    from livematte.segmenter import load  # noqa: PLC0415
    from livematte.video.opening import SourceOptions, open_source  # noqa: PLC0415
    from livematte.video.outputs import check_output  # noqa: PLC0415

    show_log(verbose=verbose, quiet=quiet)
    if "" in (source, output, background, model):
        raise UsageError("an empty argument names nothing: give a path or an address")
    if alpha and background is not None:
        raise UsageError("--alpha and --background exclude each other: give one")
    if as_json and output == STANDARD:
        raise UsageError("--json and the video cannot share standard output: give -o FILE")
    behind = None if background is None else parse_background(background)
    effects = parse_effects(effect or (), strength)
    if effects and alpha:
        raise UsageError("--alpha writes the matte, which has no effects: leave out --effect")
    check_effects(tuple(effects), background=behind is not None)
    looks = _Looks(alpha, behind, effects, fit, loop, side_by_side)
    check_output(output, looks.channels, output_format)
    used = [Path(name) for name in (source,) if name != STANDARD]
    used += [behind] if isinstance(behind, Path) else []
    protect(used, [] if output == STANDARD else [Path(output)])
    options = SourceOptions(
        start=parse_seconds(start, "--start"),
        duration=None if duration is None else parse_seconds(duration, "--duration"),
        rate=None if rate is None else Fraction(rate).limit_denominator(1001),
        size=None if size is None else parse_size(size),
        input_format=input_format,
        live=live,
        timeout=timeout,
    )
    segmenter = load(model, engine=engine, device=device, threads=threads, spec=spec)
    start_of_run = _Job(source, output, looks, options, output_format, quiet or as_json)
    with terminated_as_interrupted():
        opened = open_source(source, options)
        try:
            report = start_of_run.run(opened, segmenter)
        except LivematteError as error:
            if as_json:
                print(json.dumps({**_facts(source, output, segmenter), "error": str(error)}))
            raise
        finally:
            opened.close()
    _tell(start_of_run, opened, segmenter, report, as_json=as_json, quiet=quiet)


@dataclass(frozen=True)
class _Job:
    source: str
    output: str
    looks: _Looks
    options: SourceOptions
    output_format: Literal["auto", "y4m", "raw"]
    silent: bool

    def run(self, source: Source, segmenter: Segmenter) -> Report:
        from livematte.video.outputs import open_sink  # noqa: PLC0415
        from livematte.video.pipeline import Pipeline  # noqa: PLC0415

        composer = _composer(self.looks)
        sink = open_sink(
            self.output, source, channels=self.looks.channels, output_format=self.output_format
        )
        live = source.info.live if self.options.live is None else self.options.live
        pipeline = Pipeline(
            source, segmenter.stream(), composer, sink, policy="newest" if live else "every"
        )
        with _progress(source.info.frames, visible=not self.silent) as progress:
            return pipeline.run(progress)


def _composer(looks: _Looks) -> FrameComposer:
    from livematte.images import READABLE_SUFFIXES  # noqa: PLC0415
    from livematte.stills import read_background  # noqa: PLC0415
    from livematte.video.backdrop import Backdrop  # noqa: PLC0415
    from livematte.video.composing import (  # noqa: PLC0415
        compose_over,
        matte_only,
        side_by_side,
    )
    from livematte.video.opening import open_source  # noqa: PLC0415

    behind = looks.background
    over = partial(
        compose_over, effects=tuple(looks.effects), strength=looks.effects, fit=looks.fit
    )
    if looks.alpha:
        composer = matte_only()
    elif not isinstance(behind, Path):
        composer = over(behind)
    elif behind.suffix.lower() in READABLE_SUFFIXES:
        composer = over(read_background(behind))
    else:
        backdrop = Backdrop(lambda: open_source(str(behind)), fit=looks.fit, loop=looks.loop)
        composer = over(backdrop)
    return side_by_side(composer) if looks.side_by_side else composer


def parse_seconds(text: str, option: str) -> Fraction:
    """``90``, ``90.5``, ``1:30`` or ``0:01:30`` as seconds.

    Raises:
        UsageError: anything else.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise UsageError(f"{option} {text}: not a time; give seconds (90.5) or [HH:]MM:SS (1:30)")
    hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def parse_size(text: str) -> tuple[int, int]:
    """``1280x720`` as width and height.

    Raises:
        UsageError: anything else.
    """
    match = _SIZE.fullmatch(text)
    if match is None or "0" in (match[1].lstrip("0") or "0", match[2].lstrip("0") or "0"):
        raise UsageError(f"--size {text}: not a size; give WIDTHxHEIGHT, such as 1280x720")
    return int(match[1]), int(match[2])


@contextmanager
def _progress(total: int | None, *, visible: bool) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.completed} frames"),
        BarColumn(),
        TextColumn("{task.fields[fps]:.1f} fps"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=False,
        disable=not (visible and console.is_terminal),
    ) as bar:
        task = bar.add_task("", total=total, fps=0.0)
        began = time.perf_counter()

        def advance(written: int) -> None:
            fps = written / max(time.perf_counter() - began, 1e-6)
            bar.update(task, completed=written, fps=fps)

        yield advance


def _facts(source: str, output: str, segmenter: Segmenter) -> dict[str, object]:
    return {
        "input": source,
        "output": output,
        "model": segmenter.spec.name,
        "engine": segmenter.engine.name,
        "device": segmenter.engine.device,
    }


def _tell(
    job: _Job, source: Source, segmenter: Segmenter, report: Report, *, as_json: bool, quiet: bool
) -> None:
    if as_json:
        facts = _facts(job.source, job.output, segmenter)
        size = {"width": source.info.width, "height": source.info.height}
        run = {**asdict(report), "fps": round(report.fps, 2), "seconds": round(report.seconds, 3)}
        print(json.dumps({**facts, **size, **run, "error": None}), flush=True)
    elif not quiet:
        dropped = f", {report.dropped} dropped" if report.dropped else ""
        print(
            f"{shown(job.output)}  {source.info.width}×{source.info.height}, "
            f"{report.frames} frames{dropped}, {report.fps:.1f} fps",
            file=sys.stderr if job.output == STANDARD else sys.stdout,
            flush=True,
        )
