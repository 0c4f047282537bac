"""How each kind of output file is encoded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from livematte.errors import UsageError

__all__ = ["RAW", "STREAM", "SUFFIXES", "Y4M", "Encoding", "choose_encoding"]


@dataclass(frozen=True)
class Encoding:
    """What FFmpeg is told.

    Attributes:
        container: FFmpeg's name of the file format.
        codec: of the pictures.
        pixel_format: what the codec takes.
        options: of the codec.
        container_options: of the file format.
        times: whether the format keeps time stamps; else the rate is constant.
    """

    container: str
    codec: str
    pixel_format: str
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)
    times: bool = True


# With half of medium's usual lookahead: 60 MB less at 720p, for 0.2 dB.
_H264 = {"preset": "medium", "crf": "18", "rc-lookahead": "20"}
# A live frame that waits for the encoder is lost: a third of the time, for about as good a picture
# in an eighth more bytes.
_LIVE = {"preset": "veryfast", "crf": "16"}
_MP4 = {"movflags": "+faststart"}
_VP9 = {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "5", "row-mt": "1"}
_OPAQUE = {
    ".mp4": Encoding("mp4", "libx264", "yuv420p", _H264, _MP4),
    ".m4v": Encoding("mp4", "libx264", "yuv420p", _H264, _MP4),
    ".mov": Encoding("mov", "libx264", "yuv420p", _H264, _MP4),
    ".mkv": Encoding("matroska", "libx264", "yuv420p", _H264),
    ".webm": Encoding("webm", "libvpx-vp9", "yuv420p", _VP9),
}
_TRANSPARENT = {
    ".webm": Encoding("webm", "libvpx-vp9", "yuva420p", {**_VP9, "auto-alt-ref": "0"}),
    ".mov": Encoding("mov", "prores_ks", "yuva444p10le", {"profile": "4444"}),
}
SUFFIXES = tuple(_OPAQUE)

Y4M = Encoding("yuv4mpegpipe", "wrapped_avframe", "yuv420p", times=False)
RAW = {
    2: Encoding("rawvideo", "rawvideo", "gray", times=False),
    3: Encoding("rawvideo", "rawvideo", "rgb24", times=False),
    4: Encoding("rawvideo", "rawvideo", "rgba", times=False),
}
STREAM = Encoding(
    "flv",
    "libx264",
    "yuv420p",
    {"preset": "veryfast", "tune": "zerolatency", "b": "4M", "maxrate": "4M", "bufsize": "4M"},
    {"flvflags": "no_duration_filesize", "rw_timeout": "10000000"},
)


def choose_encoding(path: Path, *, transparent: bool, live: bool = False) -> Encoding:
    """By the file's suffix.

    Args:
        path: of the file.
        transparent: whether there is an alpha channel to keep.
        live: whether the frames come when they come, and those not taken are lost.

    Raises:
        UsageError: a suffix that livematte does not write, or a format without transparency.
    """
    suffix = path.suffix.lower()
    if suffix not in _OPAQUE:
        raise UsageError(
            f"{path}: cannot tell the format; end it in {', '.join(_OPAQUE)}, or in / for a folder "
            "of PNG files"
        )
    chosen = (_TRANSPARENT if transparent else _OPAQUE).get(suffix)
    if chosen is None:
        raise UsageError(
            f"{path}: {suffix} cannot hold transparency: write the cut-out as "
            f"{', '.join(_TRANSPARENT)} or into a folder (out/), or give --background or --alpha"
        )
    return replace(chosen, options=_LIVE) if live and chosen.options is _H264 else chosen
