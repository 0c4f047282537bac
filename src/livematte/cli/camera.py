"""``livematte camera``: a window on a camera, with keys for the effects."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from livematte.cli.care import Clean, Region, Steady, parse_clean, stream_of
from livematte.cli.console import counted, show_log, shown
from livematte.cli.film_options import Learn, Quiet, Threshold, Timeout, Verbose, parse_size
from livematte.cli.filming import load_for_film
from livematte.cli.paths import STANDARD, protect
from livematte.cli.signals import terminated_as_interrupted
from livematte.errors import UsageError
from livematte.machine import prepare_for_film
from livematte.weights import DEFAULT_VIDEO

if TYPE_CHECKING:
    from livematte.stream import MatteStream
    from livematte.subtraction import SubtractionStream
    from livematte.video.frames import Source
    from livematte.video.report import Report
    from livematte.window.backgrounds import Background

__all__ = ["command"]


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="camera:0, camera:NAME, a video, a folder of pictures, or an address.",
        ),
    ] = "camera:0",
    backgrounds: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Pictures and videos for the keys 1 to 9; default: green, white, black.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Also send what is seen to a virtual camera (camera), an rtmp:// address, or a "
            "file.",
        ),
    ] = None,
    save_to: Annotated[
        Path, typer.Option("--save-to", metavar="FOLDER", help="Where the space bar saves frames.")
    ] = Path(),
    size: Annotated[
        str | None, typer.Option(metavar="WIDTHxHEIGHT", help="To ask the camera for.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Frames per second to ask the camera for.")
    ] = None,
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
    bgsub: Annotated[
        Literal["off", "mean", "mog2", "knn"],
        typer.Option(
            help="No model: what differs from the empty room, which the first frames show."
        ),
    ] = "off",
    learn: Learn = 30,
    threshold: Threshold = 20.0,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """See yourself before another background, live, in a window.

    Hold C for colour transfer, S for seamless clone, M for a firmer edge, H to harmonise. B blurs
    the room, 1 to 9 and the slider choose a background, 0 is the room; the other slider says from
    which matte value on a pixel counts as person. Space saves the frame, Q ends.

    Exit codes: 2 usage, 3 input, 4 model, 5 device, 6 output, 130 interrupted.
    """
    from livematte.segmenter import Care  # noqa: PLC0415
    from livematte.video.opening import SourceOptions, open_source  # noqa: PLC0415
    from livematte.window.backgrounds import colours, find_backgrounds  # noqa: PLC0415
    from livematte.window.screen import check_toolkit  # noqa: PLC0415

    show_log(verbose=verbose, quiet=quiet)
    _check(source, output)
    check_toolkit()
    options = SourceOptions(
        rate=None if rate is None else Fraction(rate).limit_denominator(1001),
        size=None if size is None else parse_size(size),
        live=True,
        timeout=timeout,
    )
    behind = colours() if backgrounds is None else find_backgrounds(backgrounds)
    stream: MatteStream
    if bgsub != "off":
        of_models = (model, spec, engine, device, threads, region, clean, steady)
        if of_models != (DEFAULT_VIDEO, None, "auto", "auto", None, "auto", "", "auto"):
            raise UsageError("--bgsub takes no model, and none of the options for models")
        stream = _by_room(bgsub, learn, threshold, source)
    else:
        segmenter = load_for_film(model, engine=engine, device=device, threads=threads, spec=spec)
        care = Care(region=region == "auto", cleaning=parse_clean(clean))
        stream = stream_of(segmenter.taking(care), steady, live=True)
    with terminated_as_interrupted():
        opened = open_source(source, options)
        try:
            report = _show(opened, stream, behind, output, save_to, quiet=quiet)
        finally:
            opened.close()
    if not quiet:
        print(
            f"{shown(opened.info.name)}  {opened.info.width}×{opened.info.height}, "
            f"{counted(report.frames, 'frame')}, {report.dropped} dropped, {report.fps:.1f} fps, "
            f"mask {report.age.p50:.0f} ms old"
        )


def _check(source: str, output: str | None) -> None:
    from livematte.video.outputs import check_output  # noqa: PLC0415

    if "" in (source, output):
        raise UsageError("an empty argument names nothing: give a path or an address")
    if STANDARD in (source, output):
        raise UsageError("the window takes no pipes: livematte video does")
    if output is not None:
        check_output(output, "rgb")
        protect([Path(source)], [Path(output)])


def _by_room(
    method: Literal["mean", "mog2", "knn"], learn: int, threshold: float, name: str
) -> SubtractionStream:
    from livematte.subtraction import Subtraction, Subtractor  # noqa: PLC0415

    prepare_for_film()
    return Subtractor(Subtraction(method, learn, threshold), name=name).stream()


def _show(
    source: Source,
    stream: MatteStream,
    backgrounds: tuple[Background, ...],
    output: str | None,
    folder: Path,
    *,
    quiet: bool,
) -> Report:
    from livematte.video.outputs import open_sink  # noqa: PLC0415
    from livematte.video.pipeline import Pipeline  # noqa: PLC0415
    from livematte.window.app import HINT, LiveWindow  # noqa: PLC0415
    from livematte.window.controls import BACKGROUND, THRESHOLD, Controls  # noqa: PLC0415
    from livematte.window.looks import LiveComposer  # noqa: PLC0415
    from livematte.window.screen import Screen  # noqa: PLC0415
    from livematte.window.sink import WindowSink  # noqa: PLC0415

    info = source.info
    sliders = (BACKGROUND, THRESHOLD)
    screen = Screen(f"livematte: {info.name}", info.width, info.height, sliders, HINT)
    try:
        sink = WindowSink(None if output is None else open_sink(output, source, channels="rgb"))
        controls = Controls(len(backgrounds))
        composer = LiveComposer(controls, backgrounds)
        window = LiveWindow(
            Pipeline(source, stream, composer, sink, policy="newest"),
            sink,
            composer,
            controls,
            screen,
            names=[background.name for background in backgrounds],
            folder=folder,
            told=lambda path: None if quiet else print(shown(path), file=sys.stdout, flush=True),
        )
        return window.run()
    finally:
        screen.close()
