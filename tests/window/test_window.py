"""``livematte camera`` on a display of its own, with keys that X itself presses."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageGrab, features

from livematte.window.sliders import lay_out
from video.clips import picture

pytest.importorskip("pygame", reason="needs the extra: pip install 'livematte[window]'")
pytestmark = [
    pytest.mark.skipif(
        shutil.which("Xvfb") is None or shutil.which("xdotool") is None,
        reason="needs a display to itself: apt-get install xvfb xdotool",
    ),
    pytest.mark.skipif(not features.check("xcb"), reason="this Pillow takes no pictures of X"),
]

PATIENCE = 120.0
ROOM, PERSON, ROW = np.s_[150, 300], np.s_[150, 40], np.s_[150]


def waited(what: Callable[[], object], seconds: float = PATIENCE) -> object:
    """The first true answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"in vain: {what}")


@pytest.fixture
def display() -> Iterator[str]:
    """An X server that nobody sees; it chooses a free number."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()
        try:
            yield f":{number}"
        finally:
            server.terminate()


class Desk:
    """The window as a person meets it: eyes and hands."""

    def __init__(self, display: str) -> None:
        self.display = display
        self.window = str(waited(self._found))
        self.do("windowfocus", self.window)

    def do(self, *words: str) -> str:
        done = subprocess.run(
            ["xdotool", *words],
            env={**os.environ, "DISPLAY": self.display},
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def see(self) -> np.ndarray:
        """The window, H×W×3."""
        place = dict(
            line.split("=")
            for line in self.do("getwindowgeometry", "--shell", self.window).splitlines()
        )
        left, top = int(place["X"]), int(place["Y"])
        image = np.asarray(ImageGrab.grab(xdisplay=self.display).convert("RGB"))
        return image[top : top + int(place["HEIGHT"]), left : left + int(place["WIDTH"])]

    def slide(self, number: int, *, to: float) -> None:
        """Drag the knob of one of the two sliders from where the pointer first meets its track."""
        height, width = self.see().shape[:2]
        slider = lay_out(("left", "right"), width, height)[number]
        for place, button in ((0.5, "mousedown"), (to, "mouseup")):
            x, y = str(slider.place(place)), str(slider.top)
            self.do("mousemove", "--window", self.window, x, y, button, "1")

    def _found(self) -> str:
        return self.do("search", "--onlyvisible", "--class", "^livematte").partition("\n")[0]


@pytest.fixture
def clip(tmp_path: Path, make_film: Callable[..., Path]) -> Path:
    """A red person, out of focus, who stands before blue for longer than the test takes."""
    blurred = cv2.GaussianBlur(picture(5, 320, 180), (0, 0), 4)
    return make_film(tmp_path / "clip.mkv", [np.asarray(blurred)] * 2, 120)


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    (tmp_path / "rooms").mkdir()
    for number, colour in enumerate(("yellow", "lime"), 1):
        Image.new("RGB", (90, 60), colour).save(tmp_path / "rooms" / f"{number}.png")
    return tmp_path / "rooms"


def is_near(seen: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(seen[ROOM].astype(int) - colour).max() < 40)


def test_keys_sliders_saving_and_the_end(
    display: str, clip: Path, rooms: Path, red_model: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "livematte", "camera", clip, "--backgrounds", rooms]
    command += ["--save-to", tmp_path / "saved", "--model", red_model, "--threads", "1"]
    environment = {**os.environ, "DISPLAY": display, "SDL_VIDEODRIVER": "x11"}
    with (
        subprocess.Popen(
            [str(word) for word in command],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process,
        contextlib.ExitStack() as stack,
    ):  # fmt: skip
        stack.callback(process.terminate)
        desk = Desk(display)
        waited(lambda: is_near(desk.see(), (255, 255, 0)))
        plain = desk.see()
        desk.do("key", "2")
        waited(lambda: is_near(desk.see(), (0, 255, 0)))
        person = desk.see()[PERSON].astype(int)
        desk.do("keydown", "c")  # the person takes the room's tone for as long as it is held
        waited(lambda: np.abs(desk.see()[PERSON] - person).max() > 15)
        held = desk.see()
        desk.do("keyup", "c")
        waited(lambda: np.abs(desk.see()[PERSON] - person).max() < 4)
        for key in "smh":
            released = desk.see()[ROW].astype(int)
            desk.do("keydown", key)
            waited(lambda before=released: np.abs(desk.see()[ROW] - before).max() > 8)
            desk.do("keyup", key)
            waited(lambda before=released: np.abs(desk.see()[ROW] - before).max() < 4)
        soft = desk.see()[ROW].astype(int)
        desk.slide(1, to=1.0)  # what is less than a whole person is background then
        waited(lambda: np.abs(desk.see()[ROW] - soft).max() > 20)
        desk.slide(1, to=0.0)
        waited(lambda: np.abs(desk.see()[ROW] - soft).max() < 4)
        desk.do("key", "b")
        waited(lambda: is_near(desk.see(), (30, 30, 220)))
        desk.do("key", "space")
        (saved,) = waited(lambda: list((tmp_path / "saved").glob("*.png")))
        desk.slide(0, to=1.0)
        waited(lambda: is_near(desk.see(), (0, 255, 0)))  # the slider's end is the last room
        desk.do("key", "q")
        out, err = process.communicate(timeout=PATIENCE)
        stack.pop_all()
    for name, picture_seen in (("window", plain), ("window-held", held)):
        Image.fromarray(picture_seen).save(tmp_path / f"{name}.png")
    assert process.returncode == 0, err
    assert str(saved) in out
    assert "320×180" in out
    assert "Traceback" not in err
    image = np.asarray(Image.open(saved))
    assert image.shape == (180, 320, 3)
    assert np.abs(image[90, 200].astype(int) - (30, 30, 220)).max() < 40


def test_no_display_is_an_error(clip: Path, red_model: Path) -> None:
    """SDL alone would run on, unseen."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-m", "livematte", "camera", clip, "--model", red_model]
    done = subprocess.run(
        [str(word) for word in command], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 6
    assert "no window can be opened" in done.stderr.splitlines()[-1]
