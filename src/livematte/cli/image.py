"""``livematte image``: cut people out of still pictures."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import ImageColor
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from livematte.cli.console import show_log
from livematte.cli.paths import STANDARD, Job, plan
from livematte.effects import blend, blur_background, cover, cut_out
from livematte.errors import LivematteError, UsageError
from livematte.files import write_atomically
from livematte.images import MAX_PIXELS, Picture, encode_picture, read_picture
from livematte.segmenter import Segmenter, load, person_found, person_fraction

__all__ = ["command"]

Frame = NDArray[np.uint8]
Render = Callable[[Frame, NDArray[np.float32]], Frame]


@dataclass(frozen=True)
class _Result:
    """What ``--json`` prints of a picture."""

    input: str
    output: str
    width: int
    height: int
    seconds: float
    person_fraction: float
    person_found: bool
    model: str
    engine: str
    device: str


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
    engine: Annotated[str, typer.Option(help="auto, onnxruntime or litert.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the engine.")] = None,
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
    other pictures are still done; the code is then that of the first failure.
    """
    show_log(verbose=verbose, quiet=quiet)
    if sum((cutout, alpha, background is not None)) > 1:
        raise UsageError("--cutout, --alpha and --background exclude each other: give one")
    behind = None if background is None else _parse_background(background)
    used = [behind] if isinstance(behind, Path) else []
    jobs = plan(inputs, output, f".{file_format}", used=used)
    if behind is None and not alpha and any(job.file_format == "JPEG" for job in jobs):
        raise UsageError(
            "JPEG cannot hold transparency: write the cut-out as .png or .webp, "
            "or give --background or --alpha"
        )
    _check_streams(jobs, as_json=as_json)
    render = _renderer(behind, alpha=alpha, max_pixels=max_pixels)
    segmenter = load(model, engine=engine, device=device, threads=threads, spec=spec)

    def run(job: Job) -> _Result:
        result = _process(job, segmenter, render, max_pixels)
        _report(result, as_json=as_json, quiet=quiet or job.target is None)
        if not result.person_found and not quiet:
            print(f"livematte: {job.source_name}: no person found", file=sys.stderr)
        return result

    if len(jobs) == 1:
        run(jobs[0])
    else:
        _run_all(jobs, run, as_json=as_json, quiet=quiet)


def _parse_background(text: str) -> Path | tuple[int, int, int] | Literal["blur"]:
    """A colour, a picture's path, or the word ``blur``."""
    if text == "blur":
        return "blur"
    try:
        red, green, blue, *_ = ImageColor.getrgb(text)
        return red, green, blue
    except ValueError:
        pass
    path = Path(text)
    if path.exists() or path.suffix:
        return path
    raise UsageError(
        f"--background {text}: not a colour (red, #00b140, rgb(0,177,64)), a picture, or blur"
    )


def _check_streams(jobs: list[Job], *, as_json: bool) -> None:
    if jobs[0].target is not None:
        return
    if as_json:
        raise UsageError("--json and the picture cannot share standard output: give -o FILE")
    if sys.stdout.isatty():
        raise UsageError("a picture cannot be shown by the terminal: give -o FILE, or use a pipe")


def _renderer(
    behind: Path | tuple[int, int, int] | Literal["blur"] | None, *, alpha: bool, max_pixels: int
) -> Render:
    """What makes the output's pixels of a frame and its matte."""
    if alpha:
        return lambda frame, matte: np.rint(matte * 255).astype(np.uint8)
    if behind is None:
        return cut_out
    if behind == "blur":
        return blur_background
    if isinstance(behind, tuple):
        colour = behind
        return lambda frame, matte: blend(frame, matte, colour)
    picture = read_picture(behind, max_pixels=max_pixels).rgb
    return lambda frame, matte: blend(frame, matte, cover(picture, *frame.shape[:2]))


def _process(job: Job, segmenter: Segmenter, render: Render, max_pixels: int) -> _Result:
    start = time.perf_counter()
    picture = _read(job, max_pixels)
    matte = segmenter.segment(picture.rgb)
    if picture.alpha is not None:
        matte = matte * picture.alpha
    content = encode_picture(render(picture.rgb, matte), job.file_format)
    if job.target is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_atomically(job.target, content)
    height, width = matte.shape
    return _Result(
        input=STANDARD if job.source is None else str(job.source),
        output=STANDARD if job.target is None else str(job.target),
        width=width,
        height=height,
        seconds=round(time.perf_counter() - start, 4),
        person_fraction=round(person_fraction(matte), 4),
        person_found=person_found(matte),
        model=segmenter.spec.name,
        engine=segmenter.engine.name,
        device=segmenter.engine.device,
    )


def _read(job: Job, max_pixels: int) -> Picture:
    if job.source is not None:
        return read_picture(job.source, max_pixels=max_pixels)
    return read_picture(sys.stdin.buffer.read(), name=job.source_name, max_pixels=max_pixels)


def _report(result: _Result, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        print(json.dumps(asdict(result), ensure_ascii=False), flush=True)
    elif not quiet:
        print(f"{result.output}  {result.width}×{result.height}, {result.seconds:.2f} s")


def _run_all(jobs: list[Job], run: Callable[[Job], _Result], *, as_json: bool, quiet: bool) -> None:
    """Every picture, whatever happens to the others; then a summary, and the first failure."""
    failures: list[LivematteError] = []
    done = 0
    start = time.perf_counter()
    try:
        with _progress(len(jobs), shown=not quiet) as advance:
            for job in jobs:
                try:
                    run(job)
                    done += 1
                except LivematteError as error:
                    failures.append(error)
                    print(f"livematte: {error}", file=sys.stderr)
                    if as_json:
                        entry = {"input": str(job.source), "error": str(error)}
                        print(json.dumps(entry, ensure_ascii=False), flush=True)
                advance()
    except KeyboardInterrupt:
        print(f"livematte: interrupted; {done} of {len(jobs)} pictures done", file=sys.stderr)
        raise
    if not (quiet or as_json):
        seconds = time.perf_counter() - start
        print(f"{done} of {len(jobs)} pictures written, {seconds:.1f} s")
    if failures:
        print(f"livematte: {len(failures)} of {len(jobs)} pictures failed", file=sys.stderr)
        raise typer.Exit(failures[0].exit_code)


@contextmanager
def _progress(total: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # above the bar, not through it
        disable=not (shown and console.is_terminal),
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
