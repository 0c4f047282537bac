"""Sources by name: folders, pipes, cameras, addresses."""

import io
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from livematte.errors import InputError, UsageError
from livematte.video.camera import CameraSource, open_camera
from livematte.video.container import ContainerSource
from livematte.video.frames import Frame, Source
from livematte.video.inputs import Opening
from livematte.video.opening import SourceOptions, open_source
from livematte.video.pacing import PacedSource
from livematte.video.sequence import SequenceSource
from video.clips import HEIGHT, WIDTH, person_left, picture
from video.rtsp import RtspCamera
from video.sending import UdpSender

Make = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "frames").mkdir()
    for number in range(12):
        Image.fromarray(picture(number)).save(tmp_path / "frames" / f"f{number}.png")
    (tmp_path / "frames" / "notes.txt").write_text("not a picture")
    (tmp_path / "frames" / ".hidden.png").write_bytes(b"")
    return tmp_path / "frames"


def test_a_folder_in_the_order_of_its_numbers(folder: Path) -> None:
    source = open_source(str(folder), SourceOptions(rate=Fraction(10)))
    frames = list(source)
    assert source.info.frames == 12
    assert [f.time for f in frames] == [Fraction(i, 10) for i in range(12)]
    for frame in frames:
        np.testing.assert_array_equal(frame.image, picture(frame.number))


def test_a_part_of_a_folder(folder: Path) -> None:
    part = SourceOptions(rate=Fraction(10), start=Fraction(1, 2), duration=Fraction(3, 10))
    frames = list(open_source(str(folder), part))
    assert [person_left(f.image) for f in frames] == [person_left(picture(i)) for i in (5, 6, 7)]


def test_odd_ones_in_a_folder(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (10, 48), "white").save(folder / "f12.png")
    assert list(SequenceSource(folder))[-1].image.shape == (48, 64, 3)
    (folder / "f3.png").write_bytes(b"\x89PNG damaged")
    with pytest.raises(InputError, match=r"f3\.png"):
        list(SequenceSource(folder))
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no pictures in this folder"):
        open_source(str(tmp_path / "none"))
    with pytest.raises(InputError, match="from that start on"):
        open_source(str(folder), SourceOptions(start=Fraction(9)))


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *args: object) -> int:
            raise OSError("a pipe")

        def tell(self) -> int:
            raise OSError("a pipe")

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Pipe(content)))


def y4m(frames: int) -> bytes:
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C444\n".encode()
    body = b"".join(
        b"FRAME\n" + bytes([50 + 10 * n]) * (WIDTH * HEIGHT) + b"\x80" * (2 * WIDTH * HEIGHT)
        for n in range(frames)
    )
    return head + body


def test_y4m_from_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, y4m(5))
    source = open_source("-")
    frames = list(source)
    assert (source.info.width, source.info.height, source.info.rate) == (WIDTH, HEIGHT, 25)
    assert [f.time for f in frames] == [Fraction(n, 25) for n in range(5)]
    greys = [int(f.image[0, 0, 0]) for f in frames]
    assert greys == [round((34 + 10 * n) * 255 / 219) for n in range(5)]


def test_a_film_from_a_pipe(monkeypatch: pytest.MonkeyPatch, make_video: Make) -> None:
    pipe(monkeypatch, make_video("a.mkv").read_bytes())
    assert len(list(open_source("-"))) == 20


def test_raw_pictures_from_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"".join(picture(n).tobytes() for n in range(4)))
    options = SourceOptions(input_format="rgb", size=(WIDTH, HEIGHT), rate=Fraction(10))
    frames = list(open_source("-", options))
    assert [f.time for f in frames] == [Fraction(n, 10) for n in range(4)]
    for frame in frames:
        np.testing.assert_array_equal(frame.image, picture(frame.number))
    with pytest.raises(UsageError, match="give --size"):
        open_source("-", replace(options, size=None))


def test_standard_inputs_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"")
    with pytest.raises(InputError, match="standard input: "):
        open_source("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input: is closed"):
        open_source("-")


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"camera /dev/video97: .* is it plugged in"):
        open_source("camera:/dev/video97")
    with pytest.raises(InputError, match="no camera called nobody's"):
        open_camera("nobody's")
    with pytest.raises(UsageError, match="a camera has no start"):
        open_source("camera:0", SourceOptions(start=Fraction(1)))


def test_a_device_of_ffmpeg() -> None:
    """The test card of libavdevice comes the way that a camera's pictures do."""
    opening = Opening("testsrc=size=64x48:rate=25:duration=0.2", "card", "lavfi", live=True)
    frames = list(ContainerSource(opening))
    assert [f.time for f in frames] == [Fraction(n, 25) for n in range(5)]
    assert frames[0].image.std() > 50


class Plug:
    """A camera for CameraSource: a number of frames, then it is pulled out."""

    sound = None

    def __init__(self, info: object, frames: int, black: bool = False) -> None:
        self.info, self._frames, self._black = info, frames, black

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self._frames):
            image = np.zeros((48, 64, 3), np.uint8) if self._black else picture(number)
            yield Frame(image, number, Fraction(1, 25), number)
        raise InputError("camera: No such device")

    def close(self) -> None:
        pass


def plugs(info: object, *events: int | None, black: bool = False) -> Callable[[], Source]:
    """What connecting gives, time after time: so many frames, or (None) nobody there."""
    rest = iter(events)

    def connect() -> Source:
        event = next(rest)
        if event is None:
            raise InputError("camera: No such device")
        return Plug(info, event, black)

    return connect


@pytest.fixture
def info(folder: Path) -> object:
    return SequenceSource(folder).info


def test_a_camera_that_comes_back(info: object, caplog: pytest.LogCaptureFixture) -> None:
    slept: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    connect = plugs(info, 3, None, None, 2, None, None, None, None, None)
    source = CameraSource(connect, "camera 0", sleep=sleep, clock=lambda: now[0])
    frames = []
    with pytest.raises(InputError, match="camera 0: is gone"):
        frames.extend(iter_into(source, frames))
    assert len(frames) == 5
    assert [f.number for f in frames] == [0, 1, 2, 3, 4]
    times = [f.time for f in frames]
    assert times == sorted(set(times))
    assert times[3] >= 3.5  # the clock went on while it was away
    assert slept == [0.5, 1, 2, 0.5, 1, 2, 4, 8]
    assert source.info.live
    assert "camera 0: lost" in caplog.text
    assert "camera 0: back" in caplog.text


def iter_into(source: Source, frames: list[Frame]) -> list[Frame]:
    """Keep what came before an error."""
    for frame in source:
        frames.append(frame)
    return []


def test_a_camera_of_another_size(info, caplog: pytest.LogCaptureFixture) -> None:
    other = replace(info, width=32)
    sources = iter([Plug(info, 1), Plug(other, 1)])
    source = CameraSource(lambda: next(sources), "camera 0", sleep=lambda seconds: None)
    with pytest.raises(InputError, match="came back with 32×48 instead of 64×48"):
        list(source)


def test_black_pictures_are_told(info, caplog: pytest.LogCaptureFixture) -> None:
    source = CameraSource(
        plugs(info, 40, *[None] * 5, black=True), "camera 0", sleep=lambda seconds: None
    )
    with pytest.raises(InputError):
        list(source)
    assert caplog.text.count("sends black pictures") == 1


@pytest.fixture
def server(make_video: Make) -> Iterator[Callable[[bool], str]]:
    """Serves an MPEG-TS file over HTTP on loopback; ``server(True)`` stalls in the middle."""
    content = make_video("a.ts", frames=50).read_bytes()
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()
    stall = threading.Event()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n"
                    b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(content)
                )
                connection.sendall(content[: len(content) // 2])
                if stall.is_set():
                    done.wait(20)
                else:
                    connection.sendall(content[len(content) // 2 :])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def address(stalls: bool) -> str:
        if stalls:
            stall.set()
        return f"http://name:secret@127.0.0.1:{listener.getsockname()[1]}/live.ts?key=secret"

    yield address
    done.set()
    listener.close()


def test_a_stream_over_http(server: Callable[[bool], str]) -> None:
    source = open_source(server(False))
    assert len(list(source)) == 50
    assert source.sound is None


def test_a_stream_that_stalls(server: Callable[[bool], str]) -> None:
    with pytest.raises(InputError, match=r"sent nothing|did not answer") as error:
        list(open_source(server(True), SourceOptions(timeout=0.5)))
    assert "secret" not in str(error.value)


def test_a_camera_of_the_network() -> None:
    camera = RtspCamera(50)
    try:
        frames = list(open_source(camera.address, SourceOptions(timeout=5)))
    finally:
        camera.close()
    assert len(frames) > 30  # who joins waits for a key frame
    light = [float(frame.image.mean()) for frame in frames]
    assert light[-1] > light[0] + 40
    assert all(np.diff([float(frame.time) for frame in frames]) > 0)


def test_a_camera_of_the_network_that_falls_silent() -> None:
    camera = RtspCamera(30, stalls=True)
    try:
        with pytest.raises(InputError, match="sent nothing for 1 s"):
            list(open_source(camera.address, SourceOptions(timeout=1)))
    finally:
        camera.close()


def test_a_stream_over_udp() -> None:
    """Who joins sees it from 0 on; that it ended shows only in its silence."""
    sender = UdpSender()
    try:
        source = open_source(sender.address, SourceOptions(timeout=2))
        stream = iter(source)
        frames = [next(stream) for _ in range(30)]
    finally:
        sender.close()
    with pytest.raises(InputError, match="sent nothing for 2 s"):
        list(stream)
    assert (source.info.width, source.info.height, source.info.live) == (64, 48, True)
    assert np.ptp([float(frame.image.mean()) for frame in frames]) > 40
    times = [float(frame.time) for frame in frames]
    assert times[0] == 0
    assert np.diff(times) == pytest.approx(1 / 25, abs=0.001)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for scheme in ("http", "rtsp", "rtmp"):
        with pytest.raises(InputError, match="cannot be reached"):
            open_source(f"{scheme}://127.0.0.1:{port}/x", SourceOptions(timeout=2))


def test_pts_of_joined_streams_begin_at_zero(make_video: Make) -> None:
    """Who joins a stream midway sees it from 0 on."""
    path = make_video("a.mkv", frames=4, times=[100, 100.04, 100.08, 100.12])
    frames = list(ContainerSource(Opening(path, "a", live=True)))
    assert [float(f.time) for f in frames] == [0, 0.04, 0.08, 0.12]
    assert av.time_base == 1_000_000


def test_a_live_film_plays_in_real_time(folder: Path) -> None:
    now, slept = [10.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    source = PacedSource(
        SequenceSource(folder, rate=Fraction(10)), sleep=sleep, clock=lambda: now[0]
    )
    frames = iter(source)
    for number in range(3):
        assert next(frames).number == number
    now[0] += 5  # the taker is slow: the next ones are late and come at once
    assert [f.number for f in frames] == list(range(3, 12))
    assert slept == pytest.approx([0.1, 0.1])
    assert source.info.live
    assert open_source(str(folder), SourceOptions(live=True)).info.live
