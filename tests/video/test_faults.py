"""What goes wrong outside: cameras, disks, servers, signals. (Damaged files: test_container.)"""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from livematte.errors import InputError
from livematte.video import camera as cameras
from livematte.video.camera import open_camera
from livematte.video.container import ContainerSource
from livematte.video.inputs import Opening
from livematte.video.opening import open_source
from video.clips import decode, person_left, picture

Make = Callable[..., Path]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EBUSY, "Device or resource busy"),
        (errno.EACCES, "Permission denied"),
        (errno.ENODEV, "No such device"),
    ],
)
def test_a_camera_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    """As the driver answers; the message asks what a person can look after."""

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(InputError) as error:
        open_camera("/dev/video0")
    assert str(error.value) == (
        f"camera /dev/video0: cannot be opened ({reason}); is it plugged in, allowed for this "
        "user, and not taken by another program?"
    )


def card(opening: Opening) -> ContainerSource:
    """FFmpeg's test card in a camera's place: 64×48, whatever is asked for."""
    return ContainerSource(Opening("testsrc=size=64x48:rate=25", opening.name, "lavfi", live=True))


def test_a_camera_of_another_size_than_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cameras, "ContainerSource", card)
    source = open_camera("/dev/video0", size=(1280, 720))
    assert (source.info.width, source.info.height) == (64, 48)
    assert "gives 64×48, not the 1280×720 that it was asked for" in caplog.text
    source.close()
    caplog.clear()
    open_camera("/dev/video0", size=(64, 48)).close()
    assert not caplog.text


def test_odd_sides_come_and_go(make_video: Make, tmp_path: Path, run, red_model: Path) -> None:
    path = make_video("a.mkv", codec="ffv1", pixel_format="bgr0", size=(63, 47), frames=5)
    source = open_source(str(path))
    for frame in source:
        assert frame.image.shape == (47, 63, 3)
        assert abs(person_left(frame.image) - person_left(picture(frame.number))) <= 1
    target = tmp_path / "b.mp4"
    code, _, err = run("video", path, "-o", target, "--background", "lime", "--model", red_model)
    assert (code, err) == (0, "")
    assert {image.shape for image in decode(target)} == {(48, 64, 3)}


LIMITED = """
import resource, signal, sys
import livematte.cli
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
livematte.cli.main(sys.argv[1:])
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX systems")
@pytest.mark.parametrize("target", ["out.mp4", "frames/"])
def test_a_full_disk_is_one_line(
    make_video: Make, tmp_path: Path, red_model: Path, target: str
) -> None:
    """A limit on the size of files stands in for it; what does not fit leaves nothing behind."""

    def noise(number: int) -> np.ndarray:
        return np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8)

    film = make_video("a.mkv", draw=noise, frames=60)
    (tmp_path / "place").mkdir()
    command = [sys.executable, "-c", LIMITED, "video", film, "-o", f"{tmp_path}/place/{target}"]
    command += ["--background", "blur", "--model", red_model, "--quiet"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 6, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be written (File too large)" in done.stderr
    assert not [path for path in (tmp_path / "place").rglob("*") if path.is_file()]


MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "import livematte.cli; livematte.cli.main()"
)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_window_that_is_terminated_leaves_a_film(
    make_video: Make, tmp_path: Path, red_model: Path, number: int
) -> None:
    pytest.importorskip("pygame", reason="needs the extra: pip install 'livematte[window]'")
    film = make_video("a.mkv", frames=25 * 60)
    folder = tmp_path / "place"
    folder.mkdir()
    words = ["camera", film, "-o", folder / "out.mp4", "--model", red_model]
    environment = {**os.environ, "SDL_VIDEODRIVER": "dummy"}
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, words)], stderr=subprocess.PIPE, env=environment
    ) as process:
        for _ in range(600):
            with contextlib.suppress(OSError):
                if any(part.stat().st_size for part in folder.glob(".livematte*")):
                    break
            time.sleep(0.1)
        process.send_signal(number)
        process.wait(60)
        assert process.stderr is not None
        error = process.stderr.read().decode()
    assert (process.returncode, error) == (130, "")
    assert decode(folder / "out.mp4")
    assert [path.name for path in folder.iterdir()] == ["out.mp4"]


def test_a_backdrop_film_that_breaks_midway_begins_again(
    make_video: Make, tmp_path: Path, run, red_model: Path
) -> None:
    room = make_video("room.mkv", frames=30, options={"g": "5"})
    room.write_bytes(room.read_bytes()[: room.stat().st_size // 2])
    film = make_video("a.mkv", frames=40)
    target = tmp_path / "b.mp4"
    code, _, err = run("video", film, "-o", target, "--background", room, "--model", red_model)
    assert code == 0
    assert err.count("room.mkv: ends") == 1  # its three rounds
    assert len(decode(target)) == 40
