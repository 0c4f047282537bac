"""What the sinks write, read back by FFmpeg."""

import io
import json
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from livematte.errors import MissingExtra, OutputError, UsageError
from livematte.video.container import ContainerSource
from livematte.video.encoder import EncoderSink
from livematte.video.encodings import Y4M, choose_encoding
from livematte.video.frames import Composed, Frame, Sink, SourceInfo
from livematte.video.inputs import Opening
from livematte.video.outputs import Channels, check_output, open_sink
from livematte.video.pacing import PacedSource
from livematte.video.sequence import SequenceSink
from livematte.video.virtual_camera import VirtualCameraSink
from video.clips import BLUE, RED, decode, person_left, picture

Make = Callable[..., Path]


class Still:
    """A source for sinks: they ask for its facts and its sound."""

    sound = None

    def __init__(self) -> None:
        self.info = SourceInfo("still", 64, 48, Fraction(25), Fraction(1, 1000))

    def __iter__(self) -> Iterator[Frame]:
        return iter(())

    def close(self) -> None:
        pass


def composed(number: int, channels: Channels = "rgb", size=(64, 48), at=None) -> Composed:
    """Frame ``number`` as a composer leaves it; the person is opaque."""
    image = picture(number, *size)
    alpha = (image[..., 0] > 128).astype(np.float32)
    pixels = {
        "rgb": image,
        "rgba": np.dstack([image, (255 * alpha).astype(np.uint8)]),
        "grey": (255 * alpha).astype(np.uint8),
    }[channels]
    time = 40 * number if at is None else at
    return Composed(Frame(image, time, Fraction(1, 1000), number), alpha, pixels)


def fill(sink: Sink, count: int = 20, **options: object) -> None:
    for number in range(count):
        sink.write(composed(number, **options))
    sink.close()


def near(colour: np.ndarray, expected: tuple[int, ...], by: int = 14) -> bool:
    return bool(np.abs(colour.astype(int) - expected).max() <= by)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_films(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"new folder/a{suffix}"
    fill(open_sink(str(path), Still(), channels="rgb"))
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (64, 48, "yuv420p")
        assert (stream.colorspace, stream.color_range) == (1, 1)
        assert (stream.color_primaries, stream.color_trc) == (1, 1)
        times = [float(f.pts * f.time_base) for f in container.decode(video=0)]
    assert times == pytest.approx([n / 25 for n in range(20)])
    for number, image in enumerate(decode(path)):
        assert abs(person_left(image) - person_left(picture(number))) <= 1
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_colours_survive_the_way_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    fill(open_sink(str(path), Still(), channels="rgb"), 3)
    frame = next(iter(ContainerSource(Opening(path, "a"))))
    assert near(frame.image[2, 2], BLUE, by=6)
    assert near(frame.image[24, 14], RED, by=6)


def test_times_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    sink = open_sink(str(path), Still(), channels="rgb")
    times = [0, 40, 80, 500, 510, 1300]
    for number, at in enumerate(times):
        sink.write(composed(number, at=at))
    sink.close()
    with av.open(path) as container:
        assert [round(1000 * f.time) for f in container.decode(video=0)] == times


def test_the_beginning_can_be_played_while_the_rest_loads(tmp_path: Path) -> None:
    fill(open_sink(str(tmp_path / "a.mp4"), Still(), channels="rgb"))
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_odd_sides_are_made_even(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    fill(open_sink(str(path), Still(), channels="rgb"), 5, size=(63, 47))
    image = decode(path)[2]
    assert image.shape == (48, 64, 3)
    assert near(image[-1, -1], BLUE)


def test_transparent_webm(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    fill(open_sink(str(path), Still(), channels="rgba"), 5, channels="rgba")
    with av.open(path) as container:
        # FFmpeg's own VP9 decoder leaves the alpha out; libvpx does not.
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        images = [
            f.to_ndarray(format="rgba")
            for p in container.demux(video=0)
            for f in decoder.decode(p if p.size else None)
        ]
    assert len(images) == 5
    assert images[2][2, 2, 3] < 8
    assert images[2][24, 20, 3] > 247
    assert near(images[2][24, 20, :3], RED, by=25)


def test_transparent_prores(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    fill(open_sink(str(path), Still(), channels="rgba"), 4, channels="rgba")
    images = decode(path, "rgba")
    assert len(images) == 4
    assert images[2][2, 2, 3] == 0
    assert images[2][24, 20, 3] == 255
    assert near(images[2][24, 20, :3], RED)


def test_mattes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    fill(open_sink(str(path), Still(), channels="grey"), 4, channels="grey")
    image = decode(path)[1]
    assert image[2, 2].max() < 6
    assert image[24, 20].min() > 249
    assert np.ptp(image.astype(int), axis=2).max() < 6


@pytest.mark.parametrize("channels", ["rgb", "rgba", "grey"])
def test_folders(tmp_path: Path, channels: Channels) -> None:
    fill(open_sink(f"{tmp_path}/out/", Still(), channels=channels), 3, channels=channels)
    files = sorted((tmp_path / "out").iterdir())
    assert [f.name for f in files] == ["000001.png", "000002.png", "000003.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(files[2])), composed(2, channels).pixels)
    with pytest.raises(OutputError, match="holds PNG files already"):
        SequenceSink(tmp_path / "out")


def to_stdout(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    content = io.BytesIO()
    stream = SimpleNamespace(buffer=content, isatty=lambda: False)
    content.close = lambda: None  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", stream)
    return content


def test_y4m_to_stdout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = to_stdout(monkeypatch)
    fill(open_sink("-", Still(), channels="rgb"), 4)
    (tmp_path / "a.y4m").write_bytes(content.getvalue())
    images = decode(tmp_path / "a.y4m")
    assert [person_left(i) for i in images] == [person_left(picture(n)) for n in range(4)]
    assert content.getvalue().startswith(b"YUV4MPEG2 W64 H48 F25:1")


def written(
    monkeypatch: pytest.MonkeyPatch,
    times: list[Fraction | float],
    rate: Fraction = Fraction(25),
    live: bool = False,
) -> list[int]:
    """The numbers of the frames that raw standard output holds, one after the other."""
    content = to_stdout(monkeypatch)
    source = Still()
    source.info = replace(source.info, rate=rate, live=live)
    sink = open_sink("-", source, channels="grey", output_format="raw")
    for number, at in enumerate(times):
        frame = Frame(picture(0), round(at * 1000), Fraction(1, 1000), number)
        shown = np.full((2, 2), number, np.uint8)
        sink.write(Composed(frame, shown.astype(np.float32), shown))
    sink.close()
    return list(content.getvalue()[::4])


def test_a_constant_rate_shows_each_time_what_the_film_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In steps of 0.04 s; of three frames within one step, the last stays."""
    times = [0, 0.04, 0.08, 0.49, 0.69, 0.71, 0.72, 0.91]
    assert written(monkeypatch, times) == [0, 1, *[2] * 10, *[3] * 5, 4, 5, *[6] * 4, 7]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(144)])
@pytest.mark.parametrize("begins", [0, Fraction(1, 4), Fraction(1, 2), Fraction(5, 8)])
def test_a_constant_rate_comes_out_frame_for_frame(
    monkeypatch: pytest.MonkeyPatch, rate: Fraction, begins: Fraction
) -> None:
    """Times rounded to milliseconds; a part of a film may begin between two frames."""
    times = [(n + begins) / rate for n in range(250)]
    assert written(monkeypatch, times, rate) == list(range(250))


def test_a_declared_rate_that_is_not_quite_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """One frame more or less where a whole one has gathered, and no swaying on the way."""
    slow = written(monkeypatch, [n * Fraction(1001, 25000) for n in range(251)])
    assert slow == list(range(251))
    slower = written(monkeypatch, [n * Fraction(101, 2500) for n in range(251)])
    assert len(slower) == 251 + 2
    assert sorted(set(slower)) == list(range(251))
    faster = written(monkeypatch, [n * Fraction(99, 2500) for n in range(251)])
    assert len(faster) == 251 - 2
    assert faster == sorted(set(faster))


def test_a_late_beginning_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(monkeypatch, [0.2, 0.24]) == [0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("size", [(48, 64), (720, 64)])
def test_y4m_is_read_back_in_its_colours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: tuple[int, int]
) -> None:
    """It tells no matrix: readers go by its lines."""
    content = to_stdout(monkeypatch)
    sink = open_sink("-", Still(), channels="rgb")
    shown = np.full((*size, 3), (200, 30, 30), np.uint8)
    sink.write(replace(composed(0, "rgb"), pixels=shown))
    sink.close()
    (tmp_path / "a.y4m").write_bytes(content.getvalue())
    source = ContainerSource(Opening(tmp_path / "a.y4m", "a.y4m"))
    (frame,) = source
    assert np.abs(frame.image.astype(int) - shown).max() <= 4


@pytest.mark.parametrize(("channels", "planes"), [("rgba", 4), ("rgb", 3), ("grey", 1)])
def test_raw_pixels_to_stdout(
    monkeypatch: pytest.MonkeyPatch, channels: Channels, planes: int
) -> None:
    content = to_stdout(monkeypatch)
    fill(open_sink("-", Still(), channels=channels, output_format="raw"), 3, channels=channels)
    pixels = np.frombuffer(content.getvalue(), np.uint8).reshape(3, 48, 64, planes)
    expected = composed(2, channels).pixels.reshape(48, 64, planes)
    np.testing.assert_array_equal(pixels[2], expected)


def test_transparency_goes_to_stdout_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    content = to_stdout(monkeypatch)
    fill(open_sink("-", Still(), channels="rgba"), 2, channels="rgba")
    assert len(content.getvalue()) == 2 * 64 * 48 * 4


def packets(path: Path) -> list[tuple[float, bytes]]:
    with av.open(path) as container:
        return [(float(p.pts * p.time_base), bytes(p)) for p in container.demux(audio=0) if p.size]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_sound_is_copied(make_video: Make, tmp_path: Path, suffix: str) -> None:
    origin = make_video("a.mp4", frames=50, sound="aac")
    source = ContainerSource(Opening(origin, "a"))
    target = tmp_path / f"b{suffix}"
    sink = open_sink(str(target), source, channels="rgb")
    for frame in source:
        sink.write(Composed(frame, np.ones(frame.image.shape[:2], np.float32), frame.image))
    sink.close()
    before, after = packets(origin), packets(target)
    assert [content for _, content in after] == [content for _, content in before]
    with av.open(target) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    assert len(shown) == 50
    # Matroska has no negative times: pictures and sound move together.
    times = [t - shown[0] for t, _ in after]
    assert times == pytest.approx([t for t, _ in before], abs=0.0011)


def test_sound_is_cut_with_the_pictures(make_video: Make, tmp_path: Path) -> None:
    origin = make_video("a.mp4", frames=100, sound="aac", options={"g": "20"})
    source = ContainerSource(Opening(origin, "a"), start=Fraction(3, 2), duration=Fraction(1))
    sink = open_sink(str(tmp_path / "b.mp4"), source, channels="rgb")
    for frame in source:
        sink.write(Composed(frame, np.ones(frame.image.shape[:2], np.float32), frame.image))
    sink.close()
    before, after = packets(origin), packets(tmp_path / "b.mp4")
    expected = [content for t, content in before if 1.5 <= t < 2.5]
    assert [content for _, content in after] == expected
    assert 0 <= after[0][0] < 0.03


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("lost", [0, 25])
def test_what_is_recorded_live_begins_at_zero(
    make_video: Make, tmp_path: Path, suffix: str, lost: int
) -> None:
    """With its sound in step, though frames were lost before the first that came."""
    origin = make_video("a.mp4", frames=75, sound="aac")
    source = PacedSource(ContainerSource(Opening(origin, "a")), sleep=lambda seconds: None)
    target = tmp_path / f"b{suffix}"
    sink = open_sink(str(target), source, channels="rgb")
    for frame in list(source)[lost:]:
        sink.write(Composed(frame, np.ones(frame.image.shape[:2], np.float32), frame.image))
    sink.close()
    with av.open(target) as container:
        shown = [float(frame.time) for frame in container.decode(video=0)]
    assert shown[0] == pytest.approx(0, abs=0.03)  # the sound of a whole film begins before 0
    assert np.diff([*shown, shown[0] + 3 - lost / 25]) == pytest.approx(1 / 25, abs=0.0011)
    begin = lost / 25
    kept = [(t - begin, content) for t, content in packets(origin) if not lost or t >= begin]
    after = packets(target)
    assert [content for _, content in after] == [content for _, content in kept]
    assert [t - shown[0] for t, _ in after] == pytest.approx([t for t, _ in kept], abs=0.0011)


def test_what_is_piped_live_begins_with_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(monkeypatch, [1, 1.04, 1.12], live=True) == [0, 1, 1, 2]


def test_sound_that_the_format_cannot_hold(
    make_video: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = ContainerSource(Opening(make_video("a.mp4", sound="aac"), "a"))
    sink = open_sink(str(tmp_path / "b.webm"), source, channels="rgb")
    for frame in source:
        sink.write(Composed(frame, np.ones(frame.image.shape[:2], np.float32), frame.image))
    sink.close()
    assert "cannot hold the sound (aac), which is left out" in caplog.text
    with av.open(tmp_path / "b.webm") as container:
        assert not container.streams.audio


def test_aborted_files_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(b"what was there")
    for count in (0, 5):
        sink = open_sink(str(tmp_path / "old.mp4"), Still(), channels="rgb")
        for number in range(count):
            sink.write(composed(number))
        sink.abort()
    sink = open_sink(str(tmp_path / "old.mp4"), Still(), channels="rgb")
    sink.close()  # not one frame came
    assert [p.name for p in tmp_path.iterdir()] == ["old.mp4"]
    assert (tmp_path / "old.mp4").read_bytes() == b"what was there"


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from fractions import Fraction
from livematte.errors import OutputError
from livematte.video.encoder import EncoderSink
from livematte.video.encodings import choose_encoding
from livematte.video.frames import Composed, Frame, SourceInfo

class Source:
    info = SourceInfo("noise", 640, 480, Fraction(25), Fraction(1, 25))
    sound = None

path = Path(sys.argv[1])
sink = EncoderSink(path, choose_encoding(path, transparent=False), Source())
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
rng = np.random.default_rng(0)
try:
    for number in range(100):
        image = rng.integers(0, 255, (480, 640, 3), np.uint8)
        sink.write(Composed(Frame(image, number, Fraction(1, 25), number), None, image))
    sink.close()
except OutputError as error:
    sink.abort()
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands in for it."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "a.mp4"], capture_output=True, text=True
    )
    assert done.returncode == 6, done.stderr
    assert "a.mp4: cannot be written (File too large); make room" in done.stdout
    assert not list(tmp_path.iterdir())


class Closed(io.RawIOBase):
    """A pipe that nobody reads from."""

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_closed_pipe() -> None:
    sink = EncoderSink(Closed(), Y4M, Still(), name="standard output")
    with pytest.raises(BrokenPipeError):
        fill(sink, 50)
    sink.abort()


@pytest.mark.parametrize(
    ("name", "channels", "output_format", "message"),
    [
        ("a.mp4", "rgba", "auto", "cannot hold transparency"),
        ("a.mkv", "rgba", "auto", "cannot hold transparency"),
        ("a.avi", "rgb", "auto", "cannot tell the format"),
        ("a", "rgb", "auto", "cannot tell the format"),
        ("a.mp4", "rgb", "raw", "is for standard output"),
        ("-", "rgba", "y4m", "y4m cannot hold transparency"),
        ("rtsp://x/y", "rgb", "auto", "rtmp:// addresses only"),
        ("rtmp://x/y", "rgba", "auto", "shows no transparency"),
        ("camera", "rgba", "auto", "shows no transparency"),
    ],
)
def test_outputs_that_cannot_be(name: str, channels: Channels, output_format, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_output(name, channels, output_format)


def test_files_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        open_sink(str(tmp_path / "file" / "a.mp4"), Still(), channels="rgb")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputError, match="exists and is not a file"):
        open_sink(str(tmp_path / "folder.mp4"), Still(), channels="rgb")


class Recorder:
    """Stands in for pyvirtualcam.Camera."""

    def __init__(self, **facts: object) -> None:
        self.facts, self.frames, self.closed = facts, [], False

    def send(self, frame: np.ndarray) -> None:
        self.frames.append(frame.copy())

    def close(self) -> None:
        self.closed = True


def test_virtual_cameras() -> None:
    made: list[Recorder] = []

    def open_device(**facts: object) -> Recorder:
        made.append(Recorder(**facts))
        return made[-1]

    info = replace(Still().info, rate=Fraction(30))
    fill(VirtualCameraSink(info, "/dev/video10", open_device=open_device), 3)
    (camera,) = made
    assert camera.facts == {"width": 64, "height": 48, "fps": 30.0, "device": "/dev/video10"}
    np.testing.assert_array_equal(camera.frames[2], picture(2))
    assert camera.closed
    fill(VirtualCameraSink(info, open_device=open_device), 1, channels="grey")
    matte = composed(0, "grey").pixels
    np.testing.assert_array_equal(made[-1].frames[0], np.dstack([matte] * 3))
    sink = VirtualCameraSink(info, open_device=open_device)
    with pytest.raises(UsageError, match="shows no transparency"):
        sink.write(composed(0, "rgba"))


def test_virtual_cameras_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_device(**facts: object) -> Recorder:
        raise RuntimeError("no device found")

    with pytest.raises(OutputError, match="load v4l2loopback"):
        fill(VirtualCameraSink(Still().info, open_device=open_device))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MissingExtra, match=r"livematte\[camera\]"):
        open_sink("camera", Still(), channels="rgb")


SERVER = textwrap.dedent("""
    import sys, av
    options = {"listen": "1"}
    print("ready", flush=True)
    with av.open(sys.argv[1], options=options, timeout=(20, 20)) as container:
        count, shape = 0, None
        try:
            for frame in container.decode(video=0):
                count, image = count + 1, frame.to_ndarray(format="rgb24")
        except OSError:
            pass  # the sender hung up
    print(count, image[24, 2].tolist(), flush=True)
""")


def test_a_media_server_gets_the_stream(tmp_path: Path) -> None:
    """FFmpeg's own RTMP server on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"rtmp://127.0.0.1:{listener.getsockname()[1]}/live/me"
    command = [sys.executable, "-c", SERVER, address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        sink = connected(address)
        for number in range(1, 150):
            sink.write(composed(number))
        sink.close()
        count, _, colour = server.stdout.readline().partition(" ")
        server.kill()
    assert int(count) > 100
    assert near(np.array(json.loads(colour)), BLUE)


def connected(address: str) -> Sink:
    """The server needs a moment before it listens."""
    for _ in range(50):
        sink = open_sink(address, Still(), channels="rgb")
        try:
            sink.write(composed(0))
        except OutputError:
            sink.abort()
            time.sleep(0.2)
        else:
            return sink
    raise AssertionError("the server never listened")


def test_nobody_there() -> None:
    with pytest.raises(OutputError, match="check the address and the server"):
        fill(open_sink("rtmp://127.0.0.1:9/live/me", Still(), channels="rgb"))
    assert choose_encoding(Path("a.MP4"), transparent=False).container == "mp4"


def test_live_films_are_encoded_sooner() -> None:
    film, live = (choose_encoding(Path("a.mp4"), transparent=False, live=x) for x in (False, True))
    assert (film.options["preset"], live.options["preset"]) == ("medium", "veryfast")
    assert replace(live, options=film.options) == film
    webm = (choose_encoding(Path("a.webm"), transparent=True, live=x) for x in (False, True))
    assert len({str(encoding) for encoding in webm}) == 1
