"""The options that the commands about films share, and what their texts mean."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Literal

import typer

from livematte.cli.effects import EFFECT_HELP, STRENGTH_HELP
from livematte.errors import UsageError

__all__ = [
    "Alpha",
    "AsJson",
    "Background",
    "Duration",
    "Effect",
    "Fit",
    "Input",
    "InputFormat",
    "Learn",
    "Live",
    "Loop",
    "Output",
    "OutputFormat",
    "Quiet",
    "Rate",
    "SideBySide",
    "Size",
    "Start",
    "Strength",
    "Threshold",
    "Timeout",
    "Verbose",
    "parse_seconds",
    "parse_size",
]

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")
_SIZE = re.compile(r"(\d{1,5})[x×](\d{1,5})")

Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="A video, a folder of pictures, camera:0, an address (rtsp, rtmp, http), or -.",
    ),
]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="A .mp4, .mov, .mkv or .webm file, a folder (out/) for PNG files, camera, an "
        "rtmp:// address, or - for stdout.",
    ),
]
Alpha = Annotated[bool, typer.Option("--alpha", help="Write the matte, in grey.")]
Background = Annotated[
    str | None,
    typer.Option(
        metavar="COLOUR|IMAGE|VIDEO|blur",
        help="Write the person over a colour, a picture, a video, or the blurred room; "
        "without it, on transparency.",
    ),
]
Effect = Annotated[list[str] | None, typer.Option(metavar="NAME[=STRENGTH]", help=EFFECT_HELP)]
Strength = Annotated[float | None, typer.Option(help=STRENGTH_HELP)]
Fit = Annotated[
    Literal["fill", "fit", "stretch"],
    typer.Option(help="Background: cut to fill, shown whole, or stretched."),
]
Loop = Annotated[bool, typer.Option(help="Begin a background video again when it ends.")]
SideBySide = Annotated[bool, typer.Option("--side-by-side", help="Put the original on the left.")]
Start = Annotated[str, typer.Option(metavar="TIME", help="Where to begin: seconds, or [HH:]MM:SS.")]
Duration = Annotated[
    str | None, typer.Option(metavar="TIME", help="How much to take; default is all.")
]
Learn = Annotated[int, typer.Option(min=1, help="Frames of the empty room at the beginning.")]
Live = Annotated[
    bool | None,
    typer.Option(help="Drop old frames rather than fall behind; default for cameras and streams."),
]
Size = Annotated[
    str | None,
    typer.Option(metavar="WIDTHxHEIGHT", help="Of raw RGB, or to ask a camera for."),
]
Rate = Annotated[
    float | None,
    typer.Option(min=0.1, help="Frames per second of raw RGB and folders, or of a camera."),
]
InputFormat = Annotated[Literal["auto", "rgb"], typer.Option(help="Of standard input; rgb is raw.")]
OutputFormat = Annotated[Literal["auto", "y4m", "raw"], typer.Option(help="Of standard output.")]
Threshold = Annotated[
    float, typer.Option(help="Difference from the room that counts, in 8-bit steps.")
]
Timeout = Annotated[
    float, typer.Option(min=0.1, help="Seconds of silence after which a stream has stalled.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print how it went as JSON.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say which engine, device and model run.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


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
