"""Frames out of anything that FFmpeg reads: files, pipes, network streams, cameras."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from livematte.errors import InputError, UsageError
from livematte.video.clock import OnwardClock
from livematte.video.colours import Turn, is_hdr, to_rgb, turn_of
from livematte.video.deinterlace import Deinterlacer
from livematte.video.ending import Ending
from livematte.video.faults import Faults
from livematte.video.fitting import fit_into
from livematte.video.frames import Frame, SourceInfo
from livematte.video.inputs import Opening, open_container
from livematte.video.seeking import seek_before
from livematte.video.sound import Sound

__all__ = ["ContainerSource"]

_GUESSED_RATE = Fraction(30)
_MILLISECONDS = 1000  # FFmpeg's rate for times in milliseconds that tell no other
_MOST_PIXELS = 8192 * 8192
_PATIENCE = 0.2  # seconds for which a closing thread waits for the reading one
_SOUND_AHEAD = 10  # seconds of pictures after the end in which sound before it may still come


class ContainerSource:
    """The first video stream of a container, upright, in RGB, with its time stamps.

    Interlaced pictures are woven into whole ones (bwdif). What is broken is left out, counted and
    told once at the end. A picture of another size than the first is fitted into that size.
    """

    def __init__(
        self,
        opening: Opening,
        *,
        start: Fraction = Fraction(0),
        duration: Fraction | None = None,
        threads: int = 0,
        quiet: bool = False,
    ) -> None:
        """
        Args:
            opening: what to open.
            start: seconds to leave out at the beginning.
            duration: seconds to read; None: all.
            threads: of the decoder; 0 leaves the choice to it.
            quiet: its faults are not told.

        Raises:
            InputError: it cannot be opened, or holds no pictures.
            UsageError: a start or duration that cannot be.
        """
        if start < 0 or (duration is not None and duration <= 0):
            raise UsageError("a start lies at 0 seconds or later, and a duration is above 0")
        if opening.live and start:
            raise UsageError(f"{opening.name}: a live source has no start to skip to")
        self._opening = opening
        self._name = opening.name
        self._faults = Faults(opening.name, quiet=quiet)
        self._closed = False
        self._reading = threading.Lock()
        self._container = open_container(opening)
        try:
            self._stream = self._video_stream(threads)
            self._origin = self._find_origin() + start
            self._start, self._duration = start, duration
            if start:
                self._seek(threads)
            self.sound = self._find_sound()
            self._packets = self._demux()
            self._first = self._decode_first()
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> SourceInfo:
        """What is known beforehand, checked against the first frame."""
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        base, last = self._info.time_base, -1
        for number, (image, seconds) in enumerate(self._images()):
            last = max(round(seconds / base), last + 1)
            yield Frame(image, last, base, number, time.perf_counter())
        if not self._closed:
            self._tell()

    def close(self) -> None:
        """Give back what it holds."""
        self._closed = True
        # FFmpeg must not lose the container while it reads; then the reader closes it.
        if self._reading.acquire(timeout=_PATIENCE):
            self._container.close()
            self._reading.release()

    # Opening

    def _video_stream(self, threads: int) -> VideoStream:
        for stream in self._container.streams.video:
            cover = stream.disposition & av.stream.Disposition.attached_pic
            if not cover:
                stream.thread_type = "AUTO" if not self._opening.live else "SLICE"
                stream.thread_count = threads
                return stream
        raise InputError(f"{self._name}: has no pictures, only sound; give a video")

    def _find_origin(self) -> Fraction:
        """Seconds at which the file begins; pictures and sound keep their distance to it."""
        if self._container.start_time is None or self._opening.live:
            start, base = self._stream.start_time, self._stream.time_base
            return Fraction(0) if start is None or base is None else start * base
        return Fraction(self._container.start_time, av.time_base)

    def _seek(self, threads: int) -> None:
        """To the start; what cannot be searched is read from its beginning."""
        file = self._opening.file
        if not isinstance(file, str | Path) and not file.seekable():
            return
        try:
            if seek_before(self._container, self._stream, self._origin):
                return
        except av.error.FFmpegError:
            return
        self._container.close()
        if not isinstance(file, str | Path):
            file.seek(0)
        self._container = open_container(self._opening)
        self._stream = self._video_stream(threads)

    def _find_sound(self) -> Sound | None:
        streams = self._container.streams.audio
        if not streams:
            return None
        begin = self._origin if self._start else None
        end = None if self._duration is None else self._origin + self._duration
        return Sound(streams[0], self._origin, begin, end)

    def _decode_first(self) -> tuple[NDArray[np.uint8], Fraction]:
        """The first frame, from which the rest of what ``info`` tells comes."""
        self._turn: Turn | None = None
        self._transposed = self._cut = False
        self._converter = VideoReformatter()
        self._deinterlacer = Deinterlacer()
        self._size: tuple[int, int] | None = None
        self._clock = OnwardClock()
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate or _GUESSED_RATE
        self._rate = rate if 1 <= rate < _MILLISECONDS else _GUESSED_RATE
        self._ending = Ending(self._container, stream, self._rate)
        self._decoded = self._in_range()
        first = next(self._decoded, None)
        if first is None:
            raise self._nothing()
        height, width = first[0].shape[:2]
        left = self._seconds_left()
        aspect = stream.sample_aspect_ratio or Fraction(1)
        self._info = SourceInfo(
            name=self._name,
            width=width,
            height=height,
            rate=self._rate,
            time_base=stream.time_base or 1 / self._rate,
            frames=None if left is None else max(round(left * self._rate), 1),
            live=self._opening.live,
            aspect=1 / aspect if self._transposed else aspect,
        )
        return first

    def _nothing(self) -> InputError:
        """Why there is no first frame."""
        last, start = self._clock.now, float(self._start)
        if self._start and last is not None and not self._faults.broken:
            lasts = float(self._start + last + 1 / self._rate)
            return InputError(
                f"{self._name}: lasts {lasts:.2f} s, so nothing starts at {start:g} s"
            )
        reason = f" ({self._faults.broken})" if self._faults.broken else ""
        where = f" from {start:g} s on" if self._start else ""
        return InputError(
            f"{self._name}: holds no picture that can be decoded{where}{reason}; "
            "copy or export it again"
        )

    def _seconds_left(self) -> Fraction | None:
        """How long the part to read is, as far as the file tells."""
        total = self._container.duration
        if total is None or self._opening.live:
            return self._duration
        left = max(Fraction(total, av.time_base) - self._start, Fraction(0))
        return left if self._duration is None else min(left, self._duration)

    # Reading

    def _images(self) -> Iterator[tuple[NDArray[np.uint8], Fraction]]:
        yield self._first
        yield from self._decoded

    def _in_range(self) -> Iterator[tuple[NDArray[np.uint8], Fraction]]:
        """Upright pictures and their seconds since the start."""
        for frame in self._frames():
            seconds = self._seconds(frame)
            if seconds < 0:
                continue
            if self._duration is not None and seconds >= self._duration:
                self._drain_sound()
                return
            yield self._upright(frame), seconds

    def _seconds(self, frame: VideoFrame) -> Fraction:
        """Since the start; a frame without a stamp follows the one before at the usual rate."""
        time = None
        if frame.pts is not None and frame.time_base is not None:
            time = frame.pts * frame.time_base
            if self._clock.now is None and self._opening.live:
                # A stream that is joined midway counts from when it began.
                self._origin = time
                if self.sound is not None:
                    self.sound.origin = time
            time -= self._origin
        seconds = self._clock.at(time, 1 / self._rate)
        if self._clock.ahead:
            self._faults.meet("its clock steps back; the pictures follow each other")
        return seconds

    def _upright(self, frame: VideoFrame) -> NDArray[np.uint8]:
        if self._turn is None:
            if is_hdr(frame):
                self._faults.meet("is HDR; its colours are taken as they are and will look dull")
            self._turn = turn_of(frame)
            self._transposed = self._turn[0]
        if frame.width * frame.height > _MOST_PIXELS:
            raise InputError(
                f"{self._name}: pictures of {frame.width}×{frame.height} are too large; scale the "
                "video down"
            )
        image = to_rgb(frame, self._converter, self._turn)
        if self._size is None:
            self._size = image.shape[:2]
        if image.shape[:2] != self._size:
            sizes = (*self._size[::-1], *image.shape[1::-1])
            self._faults.meet("changes from %d×%d to %d×%d; fitted into the first size", *sizes)
            image = fit_into(image, *self._size)
        return image

    def _frames(self) -> Iterator[VideoFrame]:
        for packet in self._packets:
            try:
                decoded = packet.decode()
            except av.error.FFmpegError as error:
                self._faults.skip(error)
                continue
            for frame in decoded:
                self._faults.damaged += frame.is_corrupt
                yield from self._deinterlacer.push(frame)
        if self._cut:  # what the decoder still holds, for want of a regular end
            for frame in self._stream.decode(None):
                yield from self._deinterlacer.push(frame)
        yield from self._deinterlacer.flush()

    def _demux(self) -> Iterator[Packet[VideoStream]]:
        """The pictures' packets; those of the sound are put aside on the way."""
        streams = [self._stream] if self.sound is None else [self._stream, self.sound.stream]
        packets = self._container.demux(*streams)
        while (packet := self._next(packets)) is not None:
            if packet.stream is self._stream:
                yield packet
            elif self.sound is not None:
                self.sound.put(packet)

    def _next(self, packets: Iterator[Packet[Any]]) -> Packet[Any] | None:
        with self._reading:
            try:
                packet = None if self._closed else next(packets, None)
                if packet is not None:
                    self._ending.meet(packet)
                return packet
            except (av.error.FFmpegError, OSError, ValueError) as error:
                if not self._closed:
                    self._read_failed(error)
                return None
            finally:
                if self._closed:
                    self._container.close()

    def _read_failed(self, error: Exception) -> None:
        """A file is kept as far as it goes; a stream that stalls is an error."""
        timed_out = isinstance(error, av.error.ExitError | TimeoutError)
        if timed_out:
            raise InputError(
                f"{self._name}: sent nothing for {self._opening.timeout:g} s; check the sender and "
                "the network"
            ) from error
        self._cut = True
        self._faults.skip(error)

    def _drain_sound(self) -> None:
        """Read on until the sound has reached the end too."""
        if self.sound is None or self._opening.live:
            return
        packets = self._container.demux(self._stream, self.sound.stream)
        while (packet := self._next(packets)) is not None:
            if packet.stream is self.sound.stream:
                if not self.sound.put(packet):
                    return
            elif packet.dts is not None and packet.time_base is not None:
                late = packet.dts * packet.time_base - self._origin + self._clock.ahead
                if self._duration is not None and late > self._duration + _SOUND_AHEAD:
                    return

    def _tell(self) -> None:
        until = None if self._duration is None else self._origin + self._duration
        # Live, and where the clock stepped back, a file's word for its end says nothing.
        held = self._opening.live or self._clock.ahead
        self._faults.tell(Fraction(0) if held else self._ending.missing(until))
