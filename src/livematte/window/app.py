"""The pipeline on threads of its own, its newest frame in the window, and the keys on their way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from livematte.errors import OutputError
from livematte.files import write_atomically
from livematte.images import encode_picture
from livematte.video.frames import Composed
from livematte.video.pipeline import Pipeline
from livematte.video.report import Report
from livematte.window.controls import BACKGROUND, HELD, THRESHOLD, Controls
from livematte.window.events import Event
from livematte.window.looks import LiveComposer
from livematte.window.sink import WindowSink

__all__ = ["HINT", "LiveWindow", "Shown"]

_log = logging.getLogger(__name__)

HINT = "hold C S M H   B blur   1-9 background   space save   Q quit"
_NOTE_SECONDS = 8.0  # for which a message stays
_SILENT = 1.5  # seconds without a frame that are told


class Shown(Protocol):
    """What draws (:class:`livematte.window.screen.Screen`)."""

    def events(self) -> list[Event]: ...

    def show(
        self,
        picture: NDArray[np.uint8],
        lines: Sequence[str],
        sliders: Mapping[str, tuple[float, str]],
    ) -> None: ...

    def close(self) -> None: ...


class LiveWindow:
    """Shows a running pipeline until it ends or the user has had enough."""

    def __init__(
        self,
        pipeline: Pipeline,
        sink: WindowSink,
        composer: LiveComposer,
        controls: Controls,
        screen: Shown,
        *,
        names: Sequence[str] = (),
        folder: Path = Path(),
        told: Callable[[str], None] = print,
    ) -> None:
        """
        Args:
            pipeline: from a live source through ``composer`` into ``sink``.
            sink, composer, controls: of that pipeline.
            screen: the window.
            names: of the backgrounds.
            folder: where frames are saved.
            told: is given a line for each frame saved.
        """
        self._pipeline, self._sink, self._composer = pipeline, sink, composer
        self._controls, self._screen = controls, screen
        self._names = ("the room", *names)
        self._folder, self._told = folder, told
        self._shown: Composed | None = None
        self._age = 0.0
        self._note, self._noted = "", 0.0
        self._report: Report | None = None
        self._failure: BaseException | None = None

    def run(self) -> Report:
        """Until the source ends, or the user ends it.

        Raises:
            LivematteError: as :meth:`livematte.video.pipeline.Pipeline.run`.
            KeyboardInterrupt: after the pipeline has ended.
        """
        notes = _Notes(self._say)
        logger = logging.getLogger("livematte")
        logger.addHandler(notes)
        thread = threading.Thread(target=self._work, name="pipeline", daemon=True)
        thread.start()
        try:
            with ThreadPoolExecutor(1) as saver:
                self._follow(thread, saver)
        finally:
            self._screen.close()
            self._pipeline.stop()
            thread.join()
            logger.removeHandler(notes)
        if self._failure is not None:
            raise self._failure
        assert self._report is not None
        return self._report

    def _work(self) -> None:
        try:
            self._report = self._pipeline.run()
        except BaseException as error:
            self._failure = error

    def _follow(self, thread: threading.Thread, saver: ThreadPoolExecutor) -> None:
        """Events in, frames out."""
        blank = np.zeros((1, 1, 3), np.uint8)
        drawn = 0.0
        while thread.is_alive() and not self._controls.ended:
            events = self._screen.events()
            for event in events:
                self._controls.handle(event)
            newest = self._sink.take()
            if newest is not None:
                self._shown = newest
            for _ in range(self._controls.take_saves()):
                self._save(saver)
            now = time.perf_counter()
            if newest is None and not events and now - drawn < 0.25:
                continue
            if newest is not None:
                self._age = now - newest.frame.captured
            picture = blank if self._shown is None else self._shown.pixels
            self._screen.show(picture, self._lines(), self._sliders())
            drawn = now

    # What is told

    def _say(self, note: str) -> None:
        self._note, self._noted = note, time.perf_counter()

    def _lines(self) -> list[str]:
        look = self._controls.look
        fps = self._sink.fps
        state = f"{fps:.{0 if fps >= 10 else 1}f} fps   mask {1000 * self._age:.0f} ms old"
        if self._pipeline.dropped:
            state += f"   {self._pipeline.dropped} dropped"
        lines = [state]
        keys = {name: key.upper() for key, name in HELD.items()}
        if look.held:
            lines.append("   ".join(f"{keys[name]} {name}" for name in look.held))
        if self._sink.silence > _SILENT:
            lines.append(f"no picture for {self._sink.silence:.0f} s")
        lines += [self._composer.complaint] if self._composer.complaint else []
        if self._note and time.perf_counter() - self._noted < _NOTE_SECONDS:
            lines.append(self._note)
        return lines

    def _sliders(self) -> dict[str, tuple[float, str]]:
        look, places = self._controls.look, self._controls.sliders
        behind = "the room, blurred" if look.blur else self._names[look.background]
        return {
            BACKGROUND: (places[BACKGROUND], f"background: {behind}"),
            THRESHOLD: (places[THRESHOLD], f"mask threshold: {100 * look.threshold:.0f} %"),
        }

    # Saving

    def _save(self, saver: ThreadPoolExecutor) -> None:
        """The frame that is seen, at its full size, without the text."""
        if self._shown is None:
            return
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")[:-3]
        path = self._folder / f"livematte-{stamp}.png"
        saver.submit(self._write, path, self._shown.pixels)

    def _write(self, path: Path, pixels: NDArray[np.uint8]) -> None:
        try:
            write_atomically(path, encode_picture(pixels, "PNG"))
        except OutputError as error:
            _log.warning("%s", error)
            return
        self._say(f"saved {path}")
        self._told(str(path))


class _Notes(logging.Handler):
    """Warnings, also for the window."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())
