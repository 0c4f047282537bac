"""A stream pushed to a media server, nginx with its RTMP module, and played back from it."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livematte.errors import InputError, OutputError
from livematte.spec import ModelSpec
from livematte.stream import SegmenterStream
from livematte.video.composing import compose_over
from livematte.video.frames import Frame, Source, SourceInfo
from livematte.video.opening import SourceOptions, open_source
from livematte.video.outputs import open_sink
from livematte.video.pipeline import Pipeline
from video.clips import RED, picture

MODULES = [
    folder / "ngx_rtmp_module.so"
    for folder in map(
        Path, ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules")
    )
]
MODULE = next((path for path in MODULES if path.is_file()), None)
pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None or MODULE is None,
    reason="needs a media server: apt-get install nginx-light libnginx-mod-rtmp",
)
BASE = Fraction(1, 25)
ROOM = (0, 200, 0)

CONFIGURATION = """
load_module {module};
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
worker_processes 1;
events {{ worker_connections 64; }}
rtmp {{
    server {{
        listen 127.0.0.1:{port};
        application live {{ live on; }}
    }}
}}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server of our own, and the address of a stream on it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    text = CONFIGURATION.format(module=MODULE, port=port)
    (tmp_path / "nginx.conf").write_text(text)
    command = ["nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path), "-e", "stderr"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            until_it_listens(port, process)
            yield f"rtmp://127.0.0.1:{port}/live/me", process
        finally:
            process.terminate()


def until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None, "nginx does not run"
            time.sleep(0.1)
    raise AssertionError("nginx never listened")


class Reddish:
    """An engine for which red is person."""

    name, device, threads = "reddish", "cpu", None
    spec = ModelSpec("reddish", 48, 64)

    def run(self, image: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
        return (image[..., 0] > image[..., 2]).astype(np.float32)


class Camera:
    """Sends the moving person in real time, for as long as it is watched."""

    sound = None
    info = SourceInfo("camera", 64, 48, 1 / BASE, BASE, live=True)

    def __init__(self) -> None:
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        for number in range(25 * 120):
            if self._closed.wait(float(BASE)):
                return
            yield Frame(picture(number), number, BASE, number, time.perf_counter())

    def close(self) -> None:
        self._closed.set()


Server = tuple[str, subprocess.Popen[bytes]]


def pushing(address: str) -> Pipeline:
    camera = Camera()
    return Pipeline(
        camera,
        SegmenterStream(Reddish()),
        compose_over(ROOM),
        open_sink(address, camera, channels="rgb"),
        policy="newest",
    )


def test_a_stream_is_played_back_by_the_server(server: Server) -> None:
    """Camera → pipeline → RTMP → nginx → RTMP → our own source: the person over the new room."""
    address, _ = server
    push = pushing(address)
    thread = threading.Thread(target=push.run, daemon=True)
    thread.start()
    try:
        player = joined(address)
        frames = [frame for frame, _ in zip(player, range(25), strict=False)]
        player.close()
    finally:
        push.stop()
        thread.join(30)
    assert not thread.is_alive()
    assert len(frames) == 25
    assert (player.info.width, player.info.height, player.info.live) == (64, 48, True)
    times = [frame.time for frame in frames]
    assert times[0] == 0
    assert times == sorted(set(times))
    for frame in frames:
        assert np.abs(frame.image[2, 2].astype(int) - ROOM).max() < 40
        assert np.abs(frame.image[24, left_of(frame.image) + 12].astype(int) - RED).max() < 60
    assert len({left_of(frame.image) for frame in frames}) > 3  # who moves


def test_a_server_that_goes_away_ends_the_push(server: Server) -> None:
    address, process = server
    push = pushing(address)

    def kill(written: int) -> None:
        if written > 10:
            process.kill()

    with pytest.raises(OutputError, match="check the address and the server") as error:
        push.run(kill)
    assert "are kept" not in str(error.value)


def left_of(image: np.ndarray) -> int:
    """Where the red person begins, before green."""
    row = image[24].astype(int)
    return int(np.argmax(row[:, 0] > row[:, 1]))


def joined(address: str) -> Source:
    """The stream, once somebody sends it."""
    for _ in range(60):
        try:
            return open_source(address, SourceOptions(timeout=5))
        except InputError:
            time.sleep(0.5)
    raise AssertionError("nobody ever sent")
