"""Composed frames into a file, a pipe or a media server, by FFmpeg."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
import av.error
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container.output import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from livematte.errors import OutputError
from livematte.files import PendingFile
from livematte.video.colours import assumed_matrix, from_pixels
from livematte.video.constant_rate import ConstantRate
from livematte.video.encodings import Encoding
from livematte.video.frames import Composed, Source, SourceInfo
from livematte.video.inputs import reason_of
from livematte.video.sound import Sound

__all__ = ["EncoderSink"]

_log = logging.getLogger(__name__)

_KEY_FRAME_SECONDS = 2  # of a live stream: who joins it waits that long at most


class EncoderSink:
    """Encodes frames, with their times, and copies the source's sound beside them.

    A file is written beside its place and gets its name with :meth:`close`, so it is whole or not
    there. What is recorded live begins with the first frame that comes, at 0. Where the format
    holds no times, frames are repeated and left out to fit its rate. Odd sides are made even by
    repeating the last row or column.
    """

    def __init__(
        self,
        target: Path | str | IO[bytes],
        encoding: Encoding,
        source: Source,
        *,
        name: str | None = None,
    ) -> None:
        """
        Args:
            target: a file, an address, or a stream of bytes.
            encoding: how.
            source: whose rate, times and sound it takes over.
            name: what to call it in messages; by default the target.

        Raises:
            OutputError: the file cannot be made.
        """
        self._target, self._encoding = target, encoding
        self._info: SourceInfo = source.info
        self._name = name or str(target)
        self._pending = PendingFile(target) if isinstance(target, Path) else None
        self._container: OutputContainer | None = None
        self._converter = VideoReformatter()
        self._video: VideoStream
        self._voice: AudioStream | None = None
        self._pace = ConstantRate(self._info.rate)
        self._begin: Fraction | None = None
        self._sound: Sound | None = source.sound if encoding.times else None
        if self._sound is not None:
            self._sound.want()

    @property
    def lasting(self) -> bool:
        """Whether it is a file."""
        return self._pending is not None

    def write(self, composed: Composed) -> None:
        """Encode one frame; the first one decides the size.

        Raises:
            OutputError: a full disk, or a server that went away.
            BrokenPipeError: nobody reads from the pipe any more.
        """
        pixels = self._even(composed.pixels)
        with self._named():
            if self._container is None:
                self._start(pixels)
            if self._begin is None:
                # Frames were lost while a model was loaded: a player would wait for them.
                self._begin = composed.frame.time if self._info.live else Fraction(0)
            time = composed.frame.time - self._begin
            # What holds no times (y4m) holds no matrix, either.
            timed = self._encoding.times
            matrix = Colorspace.ITU709 if timed else assumed_matrix(len(pixels))
            frame = from_pixels(pixels, self._encoding.pixel_format, self._converter, matrix)
            assert self._container is not None
            if timed:
                frame.time_base = composed.frame.time_base
                frame.pts = round(time / frame.time_base)
                self._container.mux(self._video.encode(frame))
            else:
                for paced in self._pace.pace(frame, time):
                    self._container.mux(self._video.encode(paced))
            self._copy_sound()

    def close(self) -> None:
        """Finish the file and give it its name; without a frame, none is made.

        Raises:
            OutputError: as :meth:`write`.
        """
        container, self._container = self._container, None
        if container is None:
            self.abort()
            return
        try:
            with self._named():
                self._copy_sound(container)
                container.mux(self._video.encode(None))
                container.close()
        except BaseException:
            self._container = container
            self.abort()
            raise
        if self._pending is not None:
            self._pending.keep()

    def abort(self) -> None:
        """Leave nothing."""
        container, self._container = self._container, None
        if container is not None:
            with contextlib.suppress(Exception):  # it failed before: that was told
                container.close()
        if self._pending is not None:
            self._pending.discard()

    def _start(self, pixels: NDArray[np.uint8]) -> None:
        encoding, info = self._encoding, self._info
        target = self._target if self._pending is None else f"file:{self._pending.part}"
        container = av.open(
            target,
            "w",
            format=encoding.container,
            container_options=dict(encoding.container_options),
        )
        self._container = container
        stream = container.add_stream(encoding.codec, rate=info.rate, options=encoding.options)
        assert isinstance(stream, VideoStream)
        self._video = stream
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = encoding.pixel_format
        context = stream.codec_context
        if encoding.times:
            stream.time_base = context.time_base = info.time_base
        if info.live:
            context.gop_size = max(round(info.rate * _KEY_FRAME_SECONDS), 1)
        if info.aspect != 1:
            context.sample_aspect_ratio = info.aspect
        if "rgb" not in encoding.pixel_format:
            context.colorspace = Colorspace.ITU709
            context.color_range = ColorRange.MPEG
            context.color_primaries = ColorPrimaries.BT709
            context.color_trc = ColorTrc.BT709
        stream.thread_type = "AUTO"
        self._add_sound(container)

    def _add_sound(self, container: OutputContainer) -> None:
        if self._sound is None:
            return
        if self._sound.codec not in container.supported_codecs:
            _log.warning(
                "%s: %s cannot hold the sound (%s), which is left out; write .mkv to keep it",
                self._name,
                self._encoding.container,
                self._sound.codec,
            )
            self._sound = None
            return
        self._voice = container.add_stream_from_template(self._sound.stream)

    def _copy_sound(self, container: OutputContainer | None = None) -> None:
        container = container or self._container
        if self._sound is None or self._voice is None or container is None:
            return
        for packet in self._sound.take(self._begin or Fraction(0)):
            packet.stream = self._voice
            container.mux(packet)

    def _even(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if "420" not in self._encoding.pixel_format:
            return pixels
        below, right = (side % 2 for side in pixels.shape[:2])
        if not (below or right):
            return pixels
        padded = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return np.asarray(padded, dtype=np.uint8)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Errors of FFmpeg and the system, told of this output."""
        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as error:
            pipe = not isinstance(self._target, Path | str)
            if pipe and isinstance(error, BrokenPipeError):
                raise
            remedy = (
                "check the address and the server"
                if isinstance(self._target, str)
                else "make room, or check the folder and its permissions"
            )
            raise OutputError(
                f"{self._name}: cannot be written ({reason_of(error)}); {remedy}"
            ) from error
