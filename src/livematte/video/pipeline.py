"""Decode, segment, compose and encode, all at the same time.

Four threads hand frames on through short queues: decoding; fitting and inference; lifting to full
size and composing; encoding. NumPy, OpenCV, FFmpeg and the runtimes release Python's lock while
they work. A frame and its matte travel as one object, so that no matte meets another frame.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from livematte.errors import LivematteError
from livematte.machine import peak_memory
from livematte.stream import MatteStream
from livematte.video.channel import Channel
from livematte.video.composing import Composer
from livematte.video.frames import Composed, Frame, Matted, Sink, Source
from livematte.video.report import Clock, Report, Spread

__all__ = ["Pipeline", "Policy"]

Policy = Literal["every", "newest"]
Progress = Callable[[int], None]

_DEPTH = 3  # frames waiting between two stages
_TICK = 0.1
_PATIENCE = 2.0  # seconds to wait for a source that hangs in a read
_STAGES = ("decode", "fit", "infer", "refine", "compose", "encode")

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Pipeline:
    """Takes a source's frames through a segmenter and a composer into a sink.

    Policies: ``every`` frame (for files; the source waits), or the ``newest`` (live; old frames
    are dropped, and the delay does not grow).

    Whatever ends a run early, what was composed by then is written and the sink is closed, so
    that a file is whole and can be played; unless the sink itself failed. Then the error is
    raised here.
    """

    def __init__(
        self,
        source: Source,
        stream: MatteStream,
        composer: Composer,
        sink: Sink,
        *,
        policy: Policy = "every",
    ) -> None:
        self._source, self._stream = source, stream
        self._composer, self._sink = composer, sink
        self._live = live = policy == "newest"
        depth = 1 if live else _DEPTH
        self._frames: Channel[Frame] = Channel(depth, newest=live)
        self._mattes: Channel[tuple[Frame, Any]] = Channel(depth)
        self._composed: Channel[Composed] = Channel(depth)
        self._clock = Clock()
        self._written = 0
        self._failures: list[tuple[str, BaseException]] = []
        self._stopping = False

    def run(self, progress: Progress | None = None) -> Report:
        """Run to the end of the source.

        Args:
            progress: told now and then, in the caller's thread, how many frames are written.

        Raises:
            LivematteError: what went wrong in any stage.
            KeyboardInterrupt: after what was composed has been written.
        """
        start = time.perf_counter()
        stages = (
            ("decode", self._decode, None, self._frames),
            ("infer", self._segment, self._frames, self._mattes),
            ("compose", self._compose, self._mattes, self._composed),
            ("encode", self._encode, self._composed, None),
        )
        # Not Thread.join: until Python 3.13, one that Ctrl-C interrupts takes the thread for dead.
        over = [threading.Event() for _ in stages]
        for stage, ended in zip(stages, over, strict=True):
            threading.Thread(
                target=self._guard, args=(*stage, ended), name=stage[0], daemon=True
            ).start()
        interrupted = self._wait(over[1:], progress)
        seconds = time.perf_counter() - start
        self._source.close()
        over[0].wait(_PATIENCE)
        self._finish()
        if interrupted is not None:
            raise interrupted
        return self._report(seconds)

    @property
    def dropped(self) -> int:
        """Frames left out so far because newer ones had come."""
        return self._frames.dropped

    def stop(self) -> None:
        """End as if the source had ended; from any thread."""
        self._stopping = True
        self._frames.end()

    # Stages

    def _guard(
        self,
        name: str,
        work: Callable[[], None],
        before: Channel[_In] | None,
        after: Channel[_Out] | None,
        ended: threading.Event,
    ) -> None:
        """Run a stage; whatever happens, its neighbours learn that it is over."""
        try:
            work()
        except BaseException as error:
            self._failures.append((name, error))
        finally:
            if before is not None:
                before.close()
            if after is not None:
                after.end()
            ended.set()

    def _decode(self) -> None:
        frames = iter(self._source)
        while not self._stopping:
            start = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                return
            self._clock.add("decode", time.perf_counter() - start)
            if not self._frames.put(frame):
                return

    def _take(self, before: Channel[_In], after: Channel[_Out]) -> _In | None:
        """The next item; when live, only once what is made of it has somewhere to go.

        What is taken sooner would grow old in the hands of a stage that is waiting itself.
        """
        if self._live:
            after.wait_for_room()
        return before.get()

    def _segment(self) -> None:
        while (frame := self._take(self._frames, self._mattes)) is not None:
            with self._clock.stage("fit"):
                fitted = self._stream.fit(frame.image)
            with self._clock.stage("infer"):
                found = self._stream.infer(fitted)
            if not self._mattes.put((frame, found)):
                return

    def _compose(self) -> None:
        while (pair := self._take(self._mattes, self._composed)) is not None:
            frame, found = pair
            with self._clock.stage("refine"):
                matted = Matted(frame, self._stream.finish(found))
            with self._clock.stage("compose"):
                pixels = self._composer(matted)
            self._clock.add("age", time.perf_counter() - frame.captured)
            if not self._composed.put(Composed(frame, matted.alpha, pixels)):
                return

    def _encode(self) -> None:
        while (composed := self._composed.get()) is not None:
            with self._clock.stage("encode"):
                self._sink.write(composed)
            self._written += 1

    # The end

    def _wait(
        self, over: list[threading.Event], progress: Progress | None
    ) -> KeyboardInterrupt | None:
        """Until every stage but decoding is over; an interrupt ends the source, a second all."""
        interrupted: KeyboardInterrupt | None = None
        while not all(ended.is_set() for ended in over):
            try:
                for ended in over:
                    ended.wait(_TICK)
                if progress is not None:
                    progress(self._written)
            except KeyboardInterrupt as interrupt:
                if interrupted is not None:
                    for channel in (self._frames, self._mattes, self._composed):
                        channel.close()
                interrupted = interrupt
                self.stop()
        return interrupted

    def _finish(self) -> None:
        """Close the sink, or throw its half of a file away; raise the first failure."""
        self._composer.close()
        failed = dict(self._failures[::-1])
        if "encode" in failed or not self._written:
            self._sink.abort()
        else:
            self._sink.close()
        if not self._failures:
            return
        _, error = self._failures[0]
        kept = self._written and self._sink.lasting and "encode" not in failed
        if isinstance(error, LivematteError) and kept:
            error.args = (f"{error} (the {self._written} frames before that are kept)",)
        raise error

    def _report(self, seconds: float) -> Report:
        stages: dict[str, Spread] = {name: self._clock.spread(name) for name in _STAGES}
        return Report(
            frames=self._written,
            dropped=self._frames.dropped,
            seconds=seconds,
            stages=stages,
            age=self._clock.spread("age"),
            cuts=self._stream.cuts,
            peak_memory=peak_memory(),
        )
