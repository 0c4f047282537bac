"""A camera that may be unplugged and come back."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import av.device

from livematte.errors import InputError
from livematte.video.container import ContainerSource
from livematte.video.frames import Frame, Source, SourceInfo
from livematte.video.inputs import Opening

__all__ = ["CameraSource", "open_camera"]

_log = logging.getLogger(__name__)

_TIMEOUT = 5.0
_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between the attempts to reach a lost camera
_CLOCK = Fraction(1, 1_000_000)
_BLACK = 8  # a brightest pixel below this is a closed shutter or a taken camera
_BLACK_FRAMES = 30
# The platform's way to cameras in FFmpeg, and how it calls the camera of a number.
_PLATFORMS = {
    "linux": ("v4l2", "/dev/video{}"),
    "darwin": ("avfoundation", "{}"),
    "win32": ("dshow", ""),
}


def open_camera(
    name: str, *, size: tuple[int, int] | None = None, rate: Fraction | None = None
) -> CameraSource:
    """A camera by its number or its name.

    Args:
        name: ``0``, ``1``, ... or (part of) the name that the system gives the camera.
        size: width and height to ask it for.
        rate: frames per second to ask it for.

    Raises:
        InputError: there is none of that name, or it is busy.
    """
    driver, pattern = _PLATFORMS.get(sys.platform, _PLATFORMS["linux"])
    options = []
    if size is not None:
        options.append(("video_size", f"{size[0]}x{size[1]}"))
    if rate is not None:
        options.append(("framerate", str(rate)))
    device = _device(name, driver, pattern)
    opening = Opening(
        device,
        f"camera {name}",
        file_format=driver,
        options=tuple(options),
        timeout=_TIMEOUT,
        live=True,
        device=True,
    )
    source = CameraSource(lambda: ContainerSource(opening), opening.name)
    given = (source.info.width, source.info.height)
    if size is not None and given != size:
        _log.warning(
            "%s: gives %d×%d, not the %d×%d that it was asked for", opening.name, *given, *size
        )
    return source


def _device(name: str, driver: str, pattern: str) -> str:
    if name.startswith("/dev/"):
        return name
    if name.isdecimal() and pattern:
        return pattern.format(int(name))
    devices = [d for d in av.device.enumerate_input_devices(driver) if "audio" not in d.media_types]
    prefix = "video=" if driver == "dshow" else ""
    if name.isdecimal() and int(name) < len(devices):
        return prefix + devices[int(name)].name
    for device in devices:
        if name.lower() in device.description.lower() or name == device.name:
            return prefix + device.name
    found = ", ".join(device.description for device in devices) or "none"
    raise InputError(f"no camera called {name} (found: {found}); check the cable and the name")


class CameraSource:
    """Frames of a camera, by the clock on the wall.

    A camera that stops is opened again after 0.5, 1, 2, 4 and 8 seconds; then it counts as gone.
    It keeps the size it had at first. What happens is told in the log.
    """

    sound = None

    def __init__(
        self,
        connect: Callable[[], Source],
        name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        Args:
            connect: opens the camera anew.
            name: for messages.
            sleep, clock: the passing of time.

        Raises:
            InputError: it cannot be opened.
        """
        self._connect, self._name, self._sleep, self._clock = connect, name, sleep, clock
        self._closed = False
        try:
            self._source = connect()
        except InputError as error:
            raise InputError(
                f"{error}; is it plugged in, allowed for this user, and not taken by another "
                "program?"
            ) from error
        self.info: SourceInfo = replace(self._source.info, name=name, live=True, time_base=_CLOCK)

    def __iter__(self) -> Iterator[Frame]:
        began, number, last, black = self._clock(), 0, -1, 0
        while not self._closed:
            try:
                for frame in self._source:
                    now = self._clock()
                    last = max(round((now - began) / _CLOCK), last + 1)
                    black = self._watch(frame, black)
                    yield Frame(frame.image, last, _CLOCK, number, frame.captured)
                    number += 1
                reason = "it ended"
            except InputError as error:
                reason = str(error)
            if not self._closed:
                self._reconnect(reason)

    def close(self) -> None:
        """Let go of the camera."""
        self._closed = True
        self._source.close()

    def _watch(self, frame: Frame, black: int) -> int:
        """How many black frames there were in a row; told once when they are many."""
        black = black + 1 if frame.image[::8, ::8].max() < _BLACK else 0
        if black == _BLACK_FRAMES:
            _log.warning("%s: sends black pictures; is its shutter closed?", self._name)
        return black

    def _reconnect(self, reason: str) -> None:
        self._source.close()
        for delay in _DELAYS:
            _log.warning("%s: lost (%s); trying again in %g s", self._name, reason, delay)
            self._sleep(delay)
            if self._closed:
                return
            try:
                source = self._connect()
            except InputError as error:
                reason = str(error)
                continue
            size = (source.info.width, source.info.height)
            if size != (self.info.width, self.info.height):
                source.close()
                raise InputError(
                    f"{self._name}: came back with {size[0]}×{size[1]} instead of "
                    f"{self.info.width}×{self.info.height}; start again"
                )
            self._source = source
            _log.warning("%s: back", self._name)
            return
        raise InputError(f"{self._name}: is gone ({reason}); check the cable and start again")
