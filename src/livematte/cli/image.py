"""``livematte image``: cut people out of still pictures."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from livematte.cli.backgrounds import parse_background
from livematte.cli.care import Clean, Region, parse_clean
from livematte.cli.console import complain, show_log, shown
from livematte.cli.effects import EFFECT_HELP, STRENGTH_HELP, parse_effects
from livematte.cli.paths import STANDARD, Job, Plan, plan
from livematte.effects.registry import makes_background
from livematte.engines import ENGINES, PRECISIONS
from livematte.errors import DiskFull, InputError, LivematteError, OutputError, UsageError
from livematte.files import write_atomically
from livematte.images import MAX_PIXELS
from livematte.segmenter import Care, Segmenter, load
from livematte.sources import Source
from livematte.stills import Compose, composer, make_still, matte_only, read_background

__all__ = ["command"]


@dataclass(frozen=True)
class _Entry:
    """What ``--json`` prints of a picture; what is not known of one that failed is null."""

    input: str
    output: str | None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    person_fraction: float | None = None
    person_found: bool | None = None
    model: str | None = None
    engine: str | None = None
    device: str | None = None
    error: str | None = None
    exit_code: int = 0


def command(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Pictures, folders, or - for stdin.")
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="A file, a folder, or - for stdout.")
    ],
    cutout: Annotated[
        bool, typer.Option("--cutout", help="Write the person on transparency (the default).")
    ] = False,
    alpha: Annotated[bool, typer.Option("--alpha", help="Write the matte, in grey.")] = False,
    background: Annotated[
        str | None,
        typer.Option(
            metavar="COLOUR|IMAGE|blur",
            help="Write the person over a colour (red, #00b140), a picture, or the blurred room.",
        ),
    ] = None,
    effect: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=STRENGTH]", help=EFFECT_HELP)
    ] = None,
    strength: Annotated[float | None, typer.Option(help=STRENGTH_HELP)] = None,
    fit: Annotated[
        Literal["fill", "fit", "stretch"],
        typer.Option(help="Background picture: cut to fill, shown whole, or stretched."),
    ] = "fill",
    file_format: Annotated[
        Literal["png", "webp", "jpg"],
        typer.Option("--format", help="Format of outputs that are not named one by one."),
    ] = "png",
    model: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="A bundled model, or a model file.")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option(help="JSON spec of a model file that holds none.")
    ] = None,
    engine: Annotated[str, typer.Option(help=f"{', '.join(ENGINES)}.")] = "auto",
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, or another one of the engine's.")
    ] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the engine.")] = None,
    precision: Annotated[
        str | None,
        typer.Option(help=f"Compute in {', '.join(PRECISIONS)} where the engine has the choice."),
    ] = None,
    region: Region = "auto",
    clean: Clean = "",
    grabcut: Annotated[
        bool, typer.Option("--grabcut", help="Place the outline anew, by the picture's colours.")
    ] = False,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Refuse pictures of more pixels than this.")
    ] = MAX_PIXELS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per picture.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say which engine, device and model run.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Cut the person out of pictures.

    Exit codes: 2 usage, 3 input, 4 model, 5 device, 6 output, 130 interrupted. In a folder the
    other pictures are still done, unless the disk is full; the code is that of the first failure.
    """
    show_log(verbose=verbose, quiet=quiet)
    if sum((cutout, alpha, background is not None)) > 1:
        raise UsageError("--cutout, --alpha and --background exclude each other: give one")
    effects = parse_effects(effect or (), strength)
    if effects and alpha:
        raise UsageError("--alpha writes the matte, which has no effects: leave out --effect")
    if cutout and makes_background(effects):
        raise UsageError(
            "--cutout leaves no background: leave it out, or the effect that makes one"
        )
    if "" in (*inputs, output, background, model):
        raise UsageError("an empty argument names nothing: give a path, or . for this folder")
    care = Care(region == "auto", parse_clean(clean), grabcut)
    behind = None if background is None else parse_background(background)
    used = [behind] if isinstance(behind, Path) else []
    todo = plan(inputs, output, f".{file_format}", used=used)
    transparent = behind is None and not alpha and not makes_background(effects)
    if transparent and any(job.file_format == "JPEG" for job in todo.jobs):
        raise UsageError(
            "JPEG cannot hold transparency: write the cut-out as .png or .webp, "
            "or give --background or --alpha"
        )
    _check_streams(todo.jobs, as_json=as_json)
    picture = read_background(behind, max_pixels=max_pixels) if isinstance(behind, Path) else behind
    looks = composer(picture, effects=tuple(effects), strength=effects, fit=fit)
    compose = matte_only if alpha else looks
    segmenter = load(
        model, engine=engine, device=device, threads=threads, precision=precision, spec=spec
    ).taking(care)

    def make(job: Job) -> _Entry:
        return _make(job, segmenter, compose, max_pixels)

    code = _run_all(todo, make, _Reporter(as_json=as_json, quiet=quiet))
    if code:
        raise typer.Exit(code)


def _check_streams(jobs: list[Job], *, as_json: bool) -> None:
    if not jobs or jobs[0].target is not None:
        return
    if sys.stdout is None:
        raise OutputError("standard output: is closed; give -o FILE, or use a pipe")
    if as_json:
        raise UsageError("--json and the picture cannot share standard output: give -o FILE")
    if sys.stdout.isatty():
        raise UsageError("a picture cannot be shown by the terminal: give -o FILE, or use a pipe")


def _make(job: Job, segmenter: Segmenter, compose: Compose, max_pixels: int) -> _Entry:
    """One picture, from its file to its file."""
    start = time.perf_counter()
    still = make_still(
        _open(job),
        segmenter,
        compose,
        job.file_format,
        name=job.source_name,
        max_pixels=max_pixels,
    )
    if job.target is None:
        _write_to_stdout(still.content)
    else:
        write_atomically(job.target, still.content)
    return _Entry(
        input=_name(job.source),
        output=_name(job.target),
        width=still.width,
        height=still.height,
        seconds=round(time.perf_counter() - start, 4),
        person_fraction=round(still.person_fraction, 4),
        person_found=still.person_found,
        model=segmenter.spec.name,
        engine=segmenter.engine.name,
        device=segmenter.engine.device,
    )


def _open(job: Job) -> Source:
    if job.source is not None:
        return job.source
    if sys.stdin is None:
        raise InputError("standard input: is closed; pipe a picture in, or name a file")
    return sys.stdin.buffer


def _name(path: Path | None) -> str:
    return STANDARD if path is None else str(path)


def _write_to_stdout(content: bytes) -> None:
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"standard output: cannot be written ({error.strerror}); make room"
        ) from error


@dataclass(frozen=True)
class _Reporter:
    """Tells what became of each picture: on stdout in words or as JSON, failures on stderr."""

    as_json: bool
    quiet: bool

    def done(self, entry: _Entry, source_name: str) -> None:
        if self.as_json:
            print(json.dumps(asdict(entry)), flush=True)
        elif not self.quiet and entry.output != STANDARD:
            size = f"{entry.width}×{entry.height}"
            print(f"{shown(entry.output)}  {size}, {entry.seconds:.2f} s", flush=True)
        if not entry.person_found and not self.quiet:
            complain(f"{source_name}: no person found")

    def failed(self, error: LivematteError, source: Path | None, target: Path | None) -> None:
        complain(error)
        if self.as_json:
            output = None if target is None else str(target)
            entry = _Entry(_name(source), output, error=str(error), exit_code=error.exit_code)
            print(json.dumps(asdict(entry)), flush=True)

    def unread(self, counts: Counter[str]) -> None:
        if counts and not self.quiet:
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
            complain(
                f"{counts.total()} pictures are left out, in formats that livematte does not read "
                f"({kinds}); convert them to JPEG or PNG"
            )

    def stopped(self, left: int) -> None:
        complain(f"stopped, with {left} more to do: run it again when there is room")

    def summary(self, done: int, failed: int, seconds: float) -> None:
        if not (self.quiet or self.as_json):
            print(f"{done} of {done + failed} pictures written, {seconds:.1f} s", flush=True)
        if failed:
            complain(f"{failed} of {done + failed} pictures failed")


def _run_all(todo: Plan, make: Callable[[Job], _Entry], report: _Reporter) -> int:
    """Every picture, whatever happens to the others; none after a full disk.

    Returns:
        The first failure's exit code, or 0.
    """
    code = done = failed = 0
    total = len(todo.jobs) + len(todo.failures)
    start = time.perf_counter()
    report.unread(todo.unread)
    for failure in todo.failures:
        report.failed(failure.error, failure.source, None)
        failed, code = failed + 1, code or failure.error.exit_code
    try:
        with _progress(len(todo.jobs), visible=not report.quiet and total > 1) as advance:
            for job in todo.jobs:
                # Only the code is kept of an error: its trace would hold the picture.
                try:
                    entry = make(job)
                except LivematteError as error:
                    report.failed(error, job.source, job.target)
                    failed, code = failed + 1, code or error.exit_code
                    if isinstance(error, DiskFull) and done + failed < total:
                        report.stopped(total - done - failed)
                        break
                else:
                    report.done(entry, job.source_name)
                    done += 1
                advance()
    except KeyboardInterrupt:
        if total > 1:
            complain(f"interrupted; {done} of {total} pictures done")
        raise
    if total > 1:
        report.summary(done, failed, time.perf_counter() - start)
    return code


@contextmanager
def _progress(total: int, *, visible: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=sys.stdout is not None
        and sys.stdout.isatty(),  # above the bar, not through it
        disable=not (visible and console.is_terminal),
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
