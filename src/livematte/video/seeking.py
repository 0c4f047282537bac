"""Go to a part of a file, and not past the key frame that its pictures need."""

from __future__ import annotations

from fractions import Fraction

import av
import av.error
from av.container.input import InputContainer
from av.video.stream import VideoStream

__all__ = ["seek_before"]

_GROUP = 12  # seconds: few files have their key frames further apart


def seek_before(container: InputContainer, stream: VideoStream, time: Fraction) -> bool:
    """Read on from a place from which the picture at ``time`` can be decoded.

    MPEG-TS has no index: FFmpeg finds the time there, but not the key frame before it.

    Args:
        container: freshly opened.
        stream: its pictures.
        time: seconds, by the file's clock.

    Returns:
        Whether there is one; else the container has to be opened again.

    Raises:
        av.error.FFmpegError: it cannot be searched, and is where it was.
    """
    begin = Fraction(container.start_time or 0, av.time_base)
    _seek(container, time)  # may raise, as long as nothing was read
    for place in (time, time - _GROUP):
        try:
            _seek(container, place)
            if _shows(container, stream, time):
                _seek(container, place)
                return True
        except av.error.FFmpegError:
            return False
        if place - _GROUP <= begin:
            break
    return False


def _seek(container: InputContainer, time: Fraction) -> None:
    container.seek(int(time * av.time_base), backward=True)


def _shows(container: InputContainer, stream: VideoStream, time: Fraction) -> bool:
    """Whether the first picture from here on lies no later than ``time``."""
    first = next(container.decode(stream), None)
    if first is None or first.pts is None or first.time_base is None:
        return False
    return first.pts * first.time_base <= time
