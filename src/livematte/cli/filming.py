"""The way of a film from its source to its sink, whatever cuts the people out."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from livematte.cli.backgrounds import parse_background
from livematte.cli.console import counted, shown
from livematte.cli.effects import parse_effects
from livematte.cli.film_bar import film_bar
from livematte.cli.film_options import parse_seconds, parse_size
from livematte.cli.paths import STANDARD, protect
from livematte.cli.signals import terminated_as_interrupted
from livematte.effects.registry import check_effects, makes_background
from livematte.errors import LivematteError, UsageError
from livematte.machine import prepare_for_film, threads_beside_others

if TYPE_CHECKING:
    from livematte.segmenter import Segmenter
    from livematte.stream import MatteStream
    from livematte.video.composing import FrameComposer
    from livematte.video.frames import Source
    from livematte.video.opening import SourceOptions
    from livematte.video.report import Report

__all__ = ["Cutter", "Film", "Request", "load_for_film"]


class Cutter(Protocol):
    """Cuts people out of films."""

    def stream(self, *, live: bool) -> MatteStream:
        """For the frames of one film; ``live`` ones may come to less, sooner."""
        ...

    def facts(self) -> dict[str, object]:
        """What ``--json`` tells of it."""
        ...


@dataclass(frozen=True)
class Request:
    """What was asked for, by the options' names."""

    source: str
    output: str
    alpha: bool
    background: str | None
    effect: list[str] | None
    strength: float | None
    fit: Literal["fill", "fit", "stretch"]
    loop: bool
    side_by_side: bool
    start: str
    duration: str | None
    live: bool | None
    size: str | None
    rate: float | None
    input_format: Literal["auto", "rgb"]
    output_format: Literal["auto", "y4m", "raw"]
    timeout: float
    as_json: bool
    quiet: bool


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


class Film:
    """A request that holds together, before anything is opened.

    Raises:
        UsageError, OutputError: it does not.
    """

    def __init__(self, request: Request) -> None:
        from livematte.video.outputs import check_output  # noqa: PLC0415

        if "" in (request.source, request.output, request.background):
            raise UsageError("an empty argument names nothing: give a path or an address")
        if request.as_json and request.output == STANDARD:
            raise UsageError("--json and the video cannot share standard output: give -o FILE")
        self.request = request
        self.looks = _looks(request)
        check_output(request.output, self.looks.channels, request.output_format)
        behind = self.looks.background
        used = [Path(name) for name in (request.source,) if name != STANDARD]
        used += [behind] if isinstance(behind, Path) else []
        protect(used, [] if request.output == STANDARD else [Path(request.output)])
        self.options = _source_options(request)

    def make(self, cutter: Cutter) -> Report:
        """Take the film from its source to its sink, and tell how it went.

        Raises:
            LivematteError: what went wrong.
        """
        from livematte.video.opening import open_source  # noqa: PLC0415

        with terminated_as_interrupted():
            opened = open_source(self.request.source, self.options)
            try:
                report = self._run(opened, cutter)
            except LivematteError as error:
                if self.request.as_json:
                    print(json.dumps({**self._facts(cutter), "error": str(error)}))
                raise
            finally:
                opened.close()
        self._tell(opened, cutter, report)
        return report

    def _run(self, source: Source, cutter: Cutter) -> Report:
        from livematte.video.outputs import open_sink  # noqa: PLC0415
        from livematte.video.pipeline import Pipeline  # noqa: PLC0415

        request, channels = self.request, self.looks.channels
        composer = _composer(self.looks)
        sink = open_sink(
            request.output, source, channels=channels, output_format=request.output_format
        )
        live = source.info.live if request.live is None else request.live
        pipeline = Pipeline(
            source,
            cutter.stream(live=live),
            composer,
            sink,
            policy="newest" if live else "every",
        )
        silent = request.quiet or request.as_json
        with film_bar(source.info.frames, visible=not silent) as progress:
            return pipeline.run(progress)

    def _facts(self, cutter: Cutter) -> dict[str, object]:
        return {"input": self.request.source, "output": self.request.output, **cutter.facts()}

    def _tell(self, source: Source, cutter: Cutter, report: Report) -> None:
        width, height = source.info.width, source.info.height
        if self.request.as_json:
            facts = {**self._facts(cutter), "width": width, "height": height}
            rounded = {"fps": round(report.fps, 2), "seconds": round(report.seconds, 3)}
            print(json.dumps({**facts, **asdict(report), **rounded, "error": None}), flush=True)
        elif not self.request.quiet:
            dropped = f", {report.dropped} dropped" if report.dropped else ""
            print(
                f"{shown(self.request.output)}  {width}×{height}, "
                f"{counted(report.frames, 'frame')}{dropped}, {report.fps:.1f} fps",
                file=sys.stderr if self.request.output == STANDARD else sys.stdout,
                flush=True,
            )


def _looks(request: Request) -> _Looks:
    """What is to be made of the frames.

    Raises:
        UsageError: options that exclude each other, or no such colour or effect.
    """
    if request.alpha and request.background is not None:
        raise UsageError("--alpha and --background exclude each other: give one")
    behind = None if request.background is None else parse_background(request.background)
    effects = parse_effects(request.effect or (), request.strength)
    if effects and request.alpha:
        raise UsageError("--alpha writes the matte, which has no effects: leave out --effect")
    check_effects(tuple(effects), background=behind is not None)
    return _Looks(request.alpha, behind, effects, request.fit, request.loop, request.side_by_side)


def _source_options(request: Request) -> SourceOptions:
    from livematte.video.opening import SourceOptions  # noqa: PLC0415

    rate, duration = request.rate, request.duration
    return SourceOptions(
        start=parse_seconds(request.start, "--start"),
        duration=None if duration is None else parse_seconds(duration, "--duration"),
        rate=None if rate is None else Fraction(rate).limit_denominator(1001),
        size=None if request.size is None else parse_size(request.size),
        input_format=request.input_format,
        live=request.live,
        timeout=request.timeout,
    )


def _composer(looks: _Looks) -> FrameComposer:
    from livematte.images import READABLE_SUFFIXES  # noqa: PLC0415
    from livematte.stills import read_background  # noqa: PLC0415
    from livematte.video.backdrop import Backdrop  # noqa: PLC0415
    from livematte.video.composing import (  # noqa: PLC0415
        compose_over,
        matte_only,
        side_by_side,
    )
    from livematte.video.opening import SourceOptions, open_source  # noqa: PLC0415

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
        film = str(behind)
        composer = over(
            Backdrop(
                lambda again: open_source(film, SourceOptions(quiet=again)),
                fit=looks.fit,
                loop=looks.loop,
            )
        )
    return side_by_side(composer) if looks.side_by_side else composer


def load_for_film(
    model: str, *, engine: str, device: str, threads: int | None, spec: Path | None = None
) -> Segmenter:
    """A segmenter for a process whose other threads decode, compose and encode.

    Arguments and errors as for :func:`livematte.segmenter.load`; no ``threads``: a quarter of the
    cores.
    """
    from livematte.segmenter import load  # noqa: PLC0415

    prepare_for_film()
    if threads is None:
        threads = threads_beside_others()
    return load(model, engine=engine, device=device, threads=threads, spec=spec)
