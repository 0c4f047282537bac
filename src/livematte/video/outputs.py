"""Find the sink that a name on the command line means."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Literal

from livematte.errors import OutputError, UsageError
from livematte.video.encoder import EncoderSink
from livematte.video.encodings import RAW, STREAM, SUFFIXES, Y4M, choose_encoding
from livematte.video.frames import Sink, Source
from livematte.video.opening import STANDARD, is_address
from livematte.video.sequence import SequenceSink
from livematte.video.virtual_camera import VirtualCameraSink

__all__ = ["Channels", "OutputFormat", "check_output", "is_folder", "open_sink"]

Channels = Literal["rgb", "rgba", "grey"]
OutputFormat = Literal["auto", "y4m", "raw"]

_CAMERA = re.compile(r"camera(?::(.+))?", re.DOTALL)
_COUNT = {"grey": 2, "rgb": 3, "rgba": 4}


def check_output(name: str, channels: Channels, output_format: OutputFormat = "auto") -> None:
    """Refuse what cannot be, before anything is opened.

    Raises:
        UsageError: a format that is not known, or that cannot hold these channels.
    """
    transparent = channels == "rgba"
    if name == STANDARD:
        if sys.stdout is not None and sys.stdout.isatty():
            raise UsageError("a video cannot be shown by the terminal: give -o FILE, or use a pipe")
        if transparent and output_format == "y4m":
            raise UsageError("y4m cannot hold transparency: take --output-format raw")
    elif output_format != "auto":
        raise UsageError("--output-format is for standard output (-): other outputs tell by name")
    elif _CAMERA.fullmatch(name) or is_address(name):
        if is_address(name) and not name.lower().startswith("rtmp"):
            raise UsageError(f"{name}: livematte sends to rtmp:// addresses only")
        if transparent:
            raise UsageError(f"{name} shows no transparency: give --background, --alpha or a file")
    elif not is_folder(name):
        choose_encoding(Path(name), transparent=transparent)


def is_folder(name: str) -> bool:
    """Whether an output is a folder of PNG files: there is one, or the name ends in /."""
    separators = tuple(filter(None, (os.sep, os.altsep)))
    path = Path(name)
    return name.endswith(separators) or (path.suffix.lower() not in SUFFIXES and path.is_dir())


def open_sink(
    name: str, source: Source, *, channels: Channels, output_format: OutputFormat = "auto"
) -> Sink:
    """Open a sink by its name.

    Args:
        name: a file (.mp4, .mov, .mkv, .webm), a folder (ending in /) for PNG files, ``-`` for
            standard output, ``camera`` or ``camera:DEVICE`` for a virtual camera, or an RTMP
            address.
        source: whose rate, times and sound it takes over.
        channels: of the pixels that it will get.
        output_format: of standard output; ``auto``: y4m, or raw RGBA where there is transparency.

    Raises:
        UsageError: as :func:`check_output`.
        OutputError: it cannot be made.
        MissingExtra: of the virtual camera.
    """
    check_output(name, channels, output_format)
    if name == STANDARD:
        if sys.stdout is None:
            raise OutputError("standard output: is closed; give -o FILE, or use a pipe")
        raw = output_format == "raw" or (output_format == "auto" and channels == "rgba")
        encoding = RAW[_COUNT[channels]] if raw else Y4M
        return EncoderSink(sys.stdout.buffer, encoding, source, name="standard output")
    if camera := _CAMERA.fullmatch(name):
        return VirtualCameraSink(source.info, camera[1])
    if is_address(name):
        return EncoderSink(name, STREAM, source)
    if is_folder(name):
        return SequenceSink(Path(name))
    encoding = choose_encoding(Path(name), transparent=channels == "rgba", live=source.info.live)
    return EncoderSink(Path(name), encoding, source)
