"""Find the source that a name on the command line means."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from livematte.errors import InputError, UsageError
from livematte.video.camera import open_camera
from livematte.video.container import ContainerSource
from livematte.video.frames import Source
from livematte.video.inputs import Opening
from livematte.video.pacing import PacedSource
from livematte.video.sequence import SequenceSource

__all__ = ["STANDARD", "InputFormat", "SourceOptions", "is_address", "open_source"]

STANDARD = "-"
InputFormat = Literal["auto", "rgb"]

_TIMEOUT = 10.0
_ADDRESS = re.compile(r"(rtsps?|rtmps?|rtmpt|https?|udp|tcp|srt)://", re.IGNORECASE)
_CAMERA = re.compile(r"camera:(.+)", re.DOTALL)
_GUESSED_RATE = Fraction(30)
# Live picture streams; http may also be a file that is read as it comes.
_LIVE = ("rtsp", "rtmp", "udp", "srt")


@dataclass(frozen=True)
class SourceOptions:
    """What the user says about a source.

    Attributes:
        start, duration: the part to read, in seconds; a duration of None is all.
        rate: frames per second, where the source does not say (raw RGB, folders) or can choose
            (cameras).
        size: width and height, where the source does not say (raw RGB) or can choose (cameras).
        input_format: of standard input: ``auto`` (told by the content; y4m, MPEG-TS, Matroska and
            others that can be read as they come) or ``rgb`` (raw, 3 bytes per pixel).
        live: frames come when they come, and those not taken are lost; files are then played in
            real time. None: cameras and network streams are live.
        timeout: seconds after which a network stream that sends nothing has stalled.
        quiet: the faults of a film are not told, since they were when it was read before.
    """

    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    rate: Fraction | None = None
    size: tuple[int, int] | None = None
    input_format: InputFormat = "auto"
    live: bool | None = None
    timeout: float = _TIMEOUT
    quiet: bool = False


def is_address(name: str) -> bool:
    """Whether a name is that of a network stream."""
    return _ADDRESS.match(name) is not None


def open_source(name: str, options: SourceOptions = SourceOptions()) -> Source:
    """Open a source by its name.

    Args:
        name: a video file, a folder of pictures, ``camera:0`` or ``camera:NAME``, an address
            (rtsp, rtmp, http, ...), or ``-`` for standard input.
        options: what else is said about it.

    Raises:
        InputError: it cannot be opened, or holds no pictures.
        UsageError: options that do not go with it.
    """
    if camera := _CAMERA.fullmatch(name):
        if options.start or options.duration is not None:
            raise UsageError("a camera has no start and no end: leave out --start and --duration")
        return open_camera(camera[1], size=options.size, rate=options.rate)
    if name == STANDARD:
        return _open(_standard_input(options), options)
    if is_address(name):
        return _open(_address(name, options), options)
    path = Path(name)
    source: Source
    if path.is_dir():
        source = SequenceSource(
            path,
            rate=options.rate or _GUESSED_RATE,
            start=options.start,
            duration=options.duration,
        )
    else:
        source = _open(Opening(path, name), options)
    return PacedSource(source) if options.live else source


def _open(opening: Opening, options: SourceOptions) -> ContainerSource:
    return ContainerSource(
        opening, start=options.start, duration=options.duration, quiet=options.quiet
    )


def _standard_input(options: SourceOptions) -> Opening:
    if sys.stdin is None:
        raise InputError("standard input: is closed; pipe a video in, or name a file")
    # Without the buffer: its lock, held by a read that hangs, would abort the interpreter's end.
    stream = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    name, live = "standard input", bool(options.live)
    if options.input_format == "auto":
        return Opening(stream, name, live=live)
    if options.size is None:
        raise UsageError("raw RGB does not say its size: give --size WIDTHxHEIGHT")
    facts = (
        ("video_size", f"{options.size[0]}x{options.size[1]}"),
        ("pixel_format", "rgb24"),
        ("framerate", str(options.rate or _GUESSED_RATE)),
    )
    return Opening(stream, name, file_format="rawvideo", options=facts, live=live)


def _address(name: str, options: SourceOptions) -> Opening:
    scheme = name.partition(":")[0].lower()
    live = scheme.startswith(_LIVE) if options.live is None else options.live
    facts = {"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {}
    return Opening(
        name, _shown(name), options=tuple(facts.items()), timeout=options.timeout, live=live
    )


def _shown(address: str) -> str:
    """An address without its password and query, for messages."""
    return re.sub(r"//[^/@]*@", "//", address).partition("?")[0]
