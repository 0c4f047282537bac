"""Whether the pictures of a file end where it says that they do."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import av
from av.container.input import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

__all__ = ["Ending"]

_FRAMES = 2  # by which a track may miss its own word: muxers guess how long its last frame lasts
_SECONDS, _SHARE = Fraction(2), Fraction(1, 20)  # by which a file may miss its word
_TAG = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


class Ending:
    """Follows the packets of a file to its end."""

    def __init__(self, container: InputContainer, stream: VideoStream, rate: Fraction) -> None:
        """
        Args:
            container: of which everything that is read is met.
            stream: its pictures.
            rate: of the pictures, per second.
        """
        self._reached: Fraction | None = None
        total = container.duration
        self._file = None if total is None else Fraction(total, av.time_base)
        self._own = _own_end(container, stream, self._file)
        self._stream, self._frame = stream, 1 / rate

    def meet(self, packet: Packet[Any]) -> None:
        """Take note of a packet that was read."""
        # A file's word is about all its streams, and the sound may be longer than the pictures.
        if packet.pts is None or (self._own is not None and packet.stream is not self._stream):
            return
        end = (packet.pts + (packet.duration or 0)) * packet.time_base
        self._reached = end if self._reached is None else max(self._reached, end)

    def missing(self, until: Fraction | None) -> Fraction:
        """Seconds between where it ended and where it should have; 0 where all seems to be there.

        Args:
            until: seconds, by the file's clock, to which it was to be read; None: to its end.
        """
        promised = self._file if self._own is None else self._own
        if promised is None or self._reached is None:
            return Fraction(0)
        tolerated = self._frame * _FRAMES
        if self._own is None:
            # Of its longest stream, which may be one that is not read (subtitles, more sound),
            # rounded, counted from 0 or from its first frame, or guessed from its bit rate.
            tolerated = max(_SECONDS, promised * _SHARE)
        missing = (promised if until is None else min(promised, until)) - self._reached
        return missing if missing > tolerated else Fraction(0)


def _own_end(
    container: InputContainer, stream: VideoStream, file_end: Fraction | None
) -> Fraction | None:
    """Where the pictures' own track is said to end, in seconds by the file's clock; None: nowhere.

    Only MP4 and Matroska tell. What FFmpeg calls a stream's duration elsewhere it has found at the
    end of the file (MPEG-TS) or corrected by the file's size (AVI): where that is cut, so is this.
    """
    if "mp4" in container.format.name.split(","):
        if stream.duration is None or stream.start_time is None or stream.time_base is None:
            return None
        return (stream.start_time + stream.duration) * stream.time_base
    # A track that outlasts its file has its tag from another one.
    if told := _TAG.match(stream.metadata.get("DURATION", "")):
        end = 3600 * int(told[1]) + 60 * int(told[2]) + Fraction(told[3])
        return None if file_end is None else min(end, file_end)
    return None
