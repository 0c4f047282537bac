"""The window's loop, before a screen that records, and the screen itself without a display."""

import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livematte.errors import InputError, MissingExtra, OutputError
from livematte.spec import ModelSpec
from livematte.stream import SegmenterStream
from livematte.video.frames import Frame, SourceInfo
from livematte.video.pipeline import Pipeline
from livematte.window.app import LiveWindow
from livematte.window.backgrounds import colours
from livematte.window.controls import Controls
from livematte.window.events import Closed, Event, Pressed, Released, Slid, Unfocused
from livematte.window.looks import LiveComposer
from livematte.window.sink import WindowSink
from video.clips import BLUE, picture

BASE = Fraction(1, 100)


class Reddish:
    """An engine for which red is person."""

    name, device, threads = "reddish", "cpu", None
    spec = ModelSpec("reddish", 48, 64)

    def run(self, image: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
        return (image[..., 0] > image[..., 2]).astype(np.float32)


class Camera:
    """Sends pictures for a while; then it ends, or breaks."""

    sound = None
    info = SourceInfo("camera 0", 64, 48, Fraction(100), BASE, live=True)

    def __init__(self, count: int = 100_000, *, breaks: bool = False) -> None:
        self._count, self._breaks = count, breaks
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self._count):
            if self._closed:
                return
            time.sleep(0.002)
            yield Frame(picture(number), number, BASE, number, time.perf_counter())
        if self._breaks:
            raise InputError("camera 0: is gone (it ended); check the cable and start again")

    def close(self) -> None:
        self._closed = True


class Screen:
    """Plays a script: after each step so many frames are waited for."""

    def __init__(self, *script: list[Event], until: int = 3) -> None:
        self._script, self._until = list(script), until
        self.shown: list[np.ndarray] = []
        self.seen: list[tuple[np.ndarray, list[str], Mapping[str, tuple[float, str]]]] = []
        self.closed = False
        self._wait = until

    def events(self) -> list[Event]:
        time.sleep(0.001)
        if len(self.shown) < self._wait or not self._script:
            return []
        self.seen.append(self._last)
        self._wait = len(self.shown) + self._until
        return self._script.pop(0)

    def show(
        self, picture: np.ndarray, lines: Sequence[str], sliders: Mapping[str, tuple[float, str]]
    ) -> None:
        self._last = (picture, list(lines), sliders)
        self.shown.append(picture)

    def close(self) -> None:
        self.closed = True


def window(camera: Camera, screen: Screen, **options: object) -> LiveWindow:
    backgrounds = colours()
    controls, sink = Controls(len(backgrounds)), WindowSink()
    composer = LiveComposer(controls, backgrounds)
    stream = SegmenterStream(Reddish())
    pipeline = Pipeline(camera, stream, composer, sink, policy="newest")
    names = [b.name for b in backgrounds]
    return LiveWindow(pipeline, sink, composer, controls, screen, names=names, **options)


def test_keys_change_what_is_shown() -> None:
    screen = Screen(
        [Pressed("2")], [Slid("threshold", 0.5)], [Pressed("m"), Pressed("0")], [Pressed("b")],
        [Pressed("q")], until=8,
    )  # fmt: skip
    report = window(Camera(), screen).run()
    assert screen.closed
    assert report.frames > 20
    colour = [tuple(picture[2, 2]) for picture, _, _ in screen.seen]
    assert colour[:2] == [(0, 177, 64), (255, 255, 255)]
    assert colour[3] == BLUE
    labels = [[label for _, label in sliders.values()] for *_, sliders in screen.seen]
    assert labels[0] == ["background: green", "mask threshold: 0 %"]
    assert labels[2] == ["background: white", "mask threshold: 50 %"]
    assert labels[3][0] == "background: the room"
    assert labels[4][0] == "background: the room, blurred"
    texts = [" ".join(lines) for _, lines, _ in screen.seen]
    assert all("fps" in text and "ms old" in text for text in texts)
    assert "M smooth-step" in texts[3]
    assert "an effect needs a background" in texts[3]


def test_space_saves_what_is_seen(tmp_path: Path) -> None:
    told: list[str] = []
    screen = Screen([Pressed("space")], [Released("space")], [Closed()], until=20)
    window(Camera(), screen, folder=tmp_path / "new", told=told.append).run()
    (path,) = (tmp_path / "new").iterdir()
    assert told == [str(path)]
    assert path.suffix == ".png"
    image = np.asarray(Image.open(path))
    assert image.shape == (48, 64, 3)
    assert tuple(image[2, 2]) == (0, 177, 64)
    assert f"saved {path}" in " ".join(screen.seen[-1][1])


def test_a_frame_that_cannot_be_saved_does_not_end_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("x")
    screen = Screen([Pressed("space")], [Unfocused()], [Closed()], until=20)
    window(Camera(), screen, folder=tmp_path / "file").run()
    assert "cannot be written" in caplog.text
    assert "cannot be written" in " ".join(screen.seen[-1][1])


def test_the_end_of_the_source_is_the_end() -> None:
    screen = Screen()
    assert window(Camera(10), screen).run().frames <= 10
    assert screen.closed


def test_what_breaks_is_told_after_the_window_is_gone() -> None:
    screen = Screen()
    with pytest.raises(InputError, match=r"is gone .* start again$"):
        window(Camera(10, breaks=True), screen).run()
    assert screen.closed


def test_silence_and_warnings_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    class Quiet(Camera):
        def __iter__(self) -> Iterator[Frame]:
            yield Frame(picture(0), 0, BASE, 0, time.perf_counter())
            logging.getLogger("livematte.video.camera").warning("camera 0: lost; trying again")
            while not self._closed:
                time.sleep(0.01)

    screen = Screen([Closed()], until=9)  # it is drawn four times a second
    window(Quiet(), screen).run()
    text = " ".join(screen.seen[-1][1])
    assert "camera 0: lost; trying again" in text
    assert "no picture for" in text


@pytest.fixture
def pygame(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    return pytest.importorskip("pygame", reason="needs the extra: pip install 'livematte[window]'")


def test_a_screen_draws_the_picture_the_text_and_the_sliders(pygame) -> None:
    from livematte.window.screen import Screen as Real  # noqa: PLC0415
    from livematte.window.sliders import STRIP, lay_out  # noqa: PLC0415

    screen = Real("test", 640, 480, ("a", "b"), "a hint")
    screen.events()
    image = np.full((480, 640, 3), (10, 200, 10), np.uint8)
    screen.show(image, ["a line " * 30], {"a": (0.0, "left"), "b": (1.0, "right")})
    surface = pygame.display.get_surface()
    seen = np.transpose(pygame.surfarray.array3d(surface), (1, 0, 2))
    assert seen.shape == (480 + STRIP, 640, 3)
    assert tuple(seen[300, 320]) == (10, 200, 10)
    assert (seen[:60, :300] > 220).all(axis=2).any()  # the line, in white
    assert (seen[36:60, 8:600] < 80).all(axis=2).any()  # in two rows, on something dark
    left, right = lay_out(("a", "b"), 640, 480 + STRIP)
    for slider, value in ((left, 0.0), (right, 1.0)):
        assert tuple(seen[slider.top, slider.place(value)]) == (255, 255, 255)
    screen.close()


def test_a_screen_tells_of_keys_and_the_mouse(pygame) -> None:
    from livematte.window.screen import Screen as Real  # noqa: PLC0415
    from livematte.window.sliders import lay_out  # noqa: PLC0415

    def told(kind: int, **facts: object) -> list[Event]:
        pygame.event.post(pygame.event.Event(kind, **facts))
        return screen.events()

    screen = Real("test", 640, 480, ("a", "b"))
    while screen.events():
        pass
    key = {"key": pygame.K_c, "scancode": 6}
    assert told(pygame.KEYDOWN, **key) == [Pressed("c")]
    assert told(pygame.KEYUP, **key) == [Released("c")]
    assert told(pygame.KEYDOWN, key=pygame.K_SPACE, scancode=44) == [Pressed("space")]
    assert told(pygame.KEYDOWN, key=ord("&"), scancode=30) == [Pressed("1")]  # a French 1
    assert told(pygame.KEYDOWN, key=0x441, scancode=6) == [Pressed("c")]  # a Russian с
    assert told(pygame.WINDOWFOCUSLOST) == [Unfocused()]
    assert told(pygame.QUIT) == [Closed()]
    slider = lay_out(("a", "b"), *pygame.display.get_surface().get_size())[1]
    at = (slider.place(0.5), slider.top)
    assert told(pygame.MOUSEMOTION, pos=at) == []
    (slid,) = told(pygame.MOUSEBUTTONDOWN, button=1, pos=at)
    assert (slid.name, slid.value) == ("b", pytest.approx(0.5, abs=0.01))
    assert told(pygame.MOUSEMOTION, pos=(9999, 0)) == [Slid("b", 1.0)]
    assert told(pygame.MOUSEBUTTONUP, button=1, pos=at) == []
    assert told(pygame.MOUSEMOTION, pos=at) == []
    screen.close()


def test_without_a_display(pygame, monkeypatch: pytest.MonkeyPatch) -> None:
    from livematte.window.screen import Screen as Real  # noqa: PLC0415

    monkeypatch.setenv("SDL_VIDEODRIVER", "none of them")
    with pytest.raises(OutputError, match="is there a display"):
        Real("test", 64, 48, ())


def test_without_pygame(monkeypatch: pytest.MonkeyPatch) -> None:
    from livematte.window.screen import check_toolkit  # noqa: PLC0415

    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(MissingExtra, match=r"pip install 'livematte\[window\]'"):
        check_toolkit()
