"""Frames out of files: time stamps, orientation, colours, parts, and what is broken."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from livematte.errors import InputError, UsageError
from livematte.video.container import ContainerSource
from livematte.video.inputs import Opening
from video.clips import BLUE, RED, person_left, picture

Make = Callable[..., Path]


def read(path: Path, **options: object) -> tuple[ContainerSource, list]:
    source = ContainerSource(Opening(path, path.name), **options)
    frames = list(source)
    source.close()
    source.close()
    return source, frames


def close_to(colour: np.ndarray, expected: tuple[int, int, int], by: int = 12) -> bool:
    return bool(np.abs(colour.astype(int) - expected).max() <= by)


def test_frames_come_in_order_and_upright(make_video: Make) -> None:
    source, frames = read(make_video("a.mp4"))
    assert (source.info.width, source.info.height, source.info.rate) == (64, 48, 25)
    assert source.info.frames == 20
    assert source.sound is None
    assert [f.number for f in frames] == list(range(20))
    assert [f.time for f in frames] == [Fraction(i, 25) for i in range(20)]
    for frame in frames:
        assert frame.image.shape == (48, 64, 3)
        assert abs(person_left(frame.image) - person_left(picture(frame.number))) <= 1
        assert close_to(frame.image[2, 2], BLUE)


def test_variable_rates_keep_their_times(make_video: Make) -> None:
    times = [0, 0.04, 0.08, 0.5, 0.51, 1.3]
    _, frames = read(make_video("a.mkv", frames=6, times=times))
    assert [float(f.time) for f in frames] == times


def test_a_film_that_tells_no_rate_has_a_usual_one(make_video: Make, tmp_path: Path) -> None:
    """FFmpeg takes Matroska's milliseconds for the rate of what has none: 1000 frames a second."""
    times = [0, 0.041, 0.08, 0.5, 0.513, 1.3]
    with (
        av.open(make_video("a.mp4", frames=6, times=times)) as film,
        av.open(tmp_path / "b.mkv", "w") as out,
    ):
        copy = out.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
    source, frames = read(tmp_path / "b.mkv")
    assert source.info.rate == 30
    assert [float(f.time) for f in frames] == times


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_applied(make_video: Make, degrees: int) -> None:
    def draw(number: int) -> np.ndarray:
        image = np.zeros((48, 64, 3), np.uint8)
        image[:16, :16] = 255
        return image

    source, frames = read(make_video("a.mp4", degrees=degrees, draw=draw, frames=2))
    shown = np.rot90(draw(0), degrees // 90)  # FFmpeg's angle counts as NumPy's does
    assert frames[0].image.shape == shown.shape
    assert (source.info.height, source.info.width) == shown.shape[:2]
    assert np.abs(frames[0].image.astype(int) - shown).mean() < 8


@pytest.mark.parametrize(
    ("pixel_format", "codec"),
    [("yuv420p10le", "libx265"), ("yuv422p", "libx264"), ("yuv444p", "libx264"), ("bgr0", "ffv1")],
)
def test_other_pixel_formats(make_video: Make, pixel_format: str, codec: str) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    _, frames = read(
        make_video("a.mkv", codec=codec, pixel_format=pixel_format, frames=3, options=options)
    )
    assert close_to(frames[1].image[24, 20], RED)
    assert close_to(frames[1].image[2, 2], BLUE)


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
@pytest.mark.parametrize("full_range", [False, True])
def test_declared_colours_are_respected(tmp_path: Path, matrix: str, full_range: bool) -> None:
    """The Y'CbCr of a known colour, computed here, comes back as that colour."""
    kr, kb, number = {
        "bt709": (0.2126, 0.0722, 1),
        "smpte170m": (0.299, 0.114, 6),
        "bt2020nc": (0.2627, 0.0593, 9),
    }[matrix]
    r, g, b = np.array(RED) / 255
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    scale = (255, 255, 0) if full_range else (219, 224, 16)
    values = [scale[2] + scale[0] * y, 128 + scale[1] * cb, 128 + scale[1] * cr]
    with av.open(tmp_path / "a.mkv", "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.colorspace = number
        stream.codec_context.color_range = 2 if full_range else 1
        frame = av.VideoFrame(64, 48, "yuv420p")
        frame.colorspace, frame.color_range = number, 2 if full_range else 1
        for plane, value in zip(frame.planes, values, strict=True):
            plane.update(bytes([round(value)]) * plane.buffer_size)
        out.mux([*stream.encode(frame), *stream.encode(None)])
    _, frames = read(tmp_path / "a.mkv")
    assert close_to(frames[0].image[24, 24], RED, by=4)


def test_interlaced_pictures_are_woven(make_video: Make) -> None:
    def combed(number: int) -> np.ndarray:
        image = np.zeros((48, 64, 3), np.uint8)
        image[::2, 4 * number : 4 * number + 12] = 255
        image[1::2, 4 * number + 2 : 4 * number + 14] = 255
        return image

    options = {"flags": "+ildct+ilme", "top": "1"}
    path = make_video("a.mpg", codec="mpeg2video", frames=10, draw=combed, options=options)
    _, frames = read(path)
    assert [f.time for f in frames] == [Fraction(i, 25) for i in range(10)]
    rows = frames[5].image[16:32, :, 0].astype(int)
    assert np.abs(np.diff(rows, axis=0)).max() < 40
    assert np.abs(np.diff(combed(5)[16:32, :, 0].astype(int), axis=0)).max() == 255


def test_a_part(make_video: Make) -> None:
    path = make_video("a.mp4", frames=60, options={"g": "10"})
    source, frames = read(path, start=Fraction(1), duration=Fraction(1, 2))
    assert [f.time for f in frames] == [Fraction(i, 25) for i in range(13)][: len(frames)]
    assert len(frames) in (12, 13)  # the frame at 1.5 s rounds to either side in milliseconds
    assert abs(person_left(frames[0].image) - person_left(picture(25))) <= 1
    assert source.info.frames == pytest.approx(12, abs=1)


def test_sound_is_put_aside(make_video: Make) -> None:
    source = ContainerSource(Opening(make_video("a.mp4", sound="aac"), "a"))
    assert source.sound is not None
    assert source.sound.codec == "aac"
    source.sound.want()
    frames = list(source)
    assert len(frames) == 20
    times = [p.pts * p.time_base for p in source.sound.take()]
    assert times == sorted(times)
    assert float(times[-1]) == pytest.approx(0.8, abs=0.06)
    source.close()


def test_sound_nobody_wants_is_not_kept_for_ever(
    make_video: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livematte.video.sound._UNCLAIMED", 10)
    source = ContainerSource(Opening(make_video("a.mp4", sound="aac"), "a"))
    list(source)
    assert source.sound is not None
    assert len(source.sound.take()) <= 10


def test_a_truncated_file_is_kept_as_far_as_it_goes(
    make_video: Make, caplog: pytest.LogCaptureFixture
) -> None:
    path = make_video("a.mkv", frames=250, options={"g": "10"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    _, frames = read(path)
    assert 50 < len(frames) < 240
    assert "was cut short" in caplog.text


FILMS = {
    "b.mp4": {"options": {"bf": "3", "b-adapt": "0"}},
    "sound.mp4": {"sound": "aac"},
    "variable.mp4": {"times": [n / 25 + (n % 3) / 100 for n in range(60)]},
    "a.mov": {},
    "a.mkv": {},
    "sound.mkv": {"sound": "aac"},
    "variable.mkv": {"times": [n / 25 + (n % 3) / 100 for n in range(60)]},
    "a.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "a.ts": {"sound": "aac"},
    "a.flv": {"sound": "aac"},
}


@pytest.mark.parametrize("name", FILMS)
def test_whole_films_are_not_called_cut(
    make_video: Make, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    path = make_video(name, frames=60, **FILMS[name])
    one, long = Fraction(1), Fraction(60)
    for part in ({}, {"start": one}, {"duration": one}, {"start": one, "duration": long}):
        _, frames = read(path, **part)
        assert frames
    assert not caplog.text


@pytest.mark.parametrize("name", [n for n in FILMS if not n.endswith((".ts", ".flv"))])
def test_films_that_lack_less_than_a_second_are_told(
    make_video: Make, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Their index is at the front, so they open; a part before the gap is whole."""
    path = make_video(name, frames=60, front=True, **FILMS[name])
    with av.open(path) as film:
        places = sorted(p.pos for p in film.demux(video=0) if p.size)
    path.write_bytes(path.read_bytes()[: places[50]])
    read(path, duration=Fraction(1))
    assert "cut short" not in caplog.text
    for part in ({}, {"start": Fraction(1)}, {"duration": Fraction(60)}):
        caplog.clear()
        read(path, **part)
        assert caplog.text.count("was cut short") == 1


def test_a_file_that_tells_its_length_roughly_is_held_to_it_roughly(
    make_video: Make, caplog: pytest.LogCaptureFixture
) -> None:
    path = make_video("a.flv", frames=150)
    whole = path.read_bytes()
    with av.open(path) as film:
        places = sorted(p.pos for p in film.demux(video=0) if p.size)
    for kept, told in ((125, 0), (75, 1)):
        path.write_bytes(whole[: places[kept]])
        read(path)
        assert caplog.text.count("was cut short") == told


def test_sound_that_is_longer_than_the_pictures_is_no_cut(
    make_video: Make, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.mp4", "a.mkv", "a.ts", "a.flv"):
        _, frames = read(make_video(name, frames=25, sound="aac", speaks=6))
        assert len(frames) == 25
    assert not caplog.text


def test_broken_packets_are_left_out_and_counted(
    make_video: Make, caplog: pytest.LogCaptureFixture
) -> None:
    path = make_video("a.mp4", frames=60, options={"g": "10"})
    with av.open(path) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    content = bytearray(path.read_bytes())
    for begin, size in places[20:22]:
        content[begin : begin + size] = bytes(size)
    path.write_bytes(content)
    _, frames = read(path)
    assert 50 < len(frames) < 60
    assert "a.mp4: 2 broken parts were left out" in caplog.text


def test_a_clock_that_steps_back_goes_on(
    make_video: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    part = make_video("a.ts", frames=10).read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(part * 3)
    source, frames = read(path)
    assert len(frames) == 30
    steps = np.diff([float(frame.time) for frame in frames])
    np.testing.assert_allclose(steps, 1 / float(source.info.rate), atol=0.002)
    assert caplog.text.count("its clock steps back") == 1


def test_sound_goes_on_where_its_clock_steps_back(make_video: Make, tmp_path: Path) -> None:
    part = make_video("a.ts", frames=10, sound="aac").read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(part * 3)
    source = ContainerSource(Opening(path, path.name))
    assert source.sound is not None
    source.sound.want()
    frames = list(source)
    times = [float(packet.pts * packet.time_base) for packet in source.sound.take()]
    assert (np.diff(times) > 0).all()
    assert times[-1] == pytest.approx(float(frames[-1].time), abs=0.2)


def test_damaged_pictures_are_counted(make_video: Make, caplog: pytest.LogCaptureFixture) -> None:
    path = make_video("a.mkv", frames=30, options={"g": "10"})
    with av.open(path) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    content = bytearray(path.read_bytes())
    begin, size = places[10]
    content[begin + size // 2 : begin + size - 8] = b"\x5a" * (size - 8 - size // 2)
    path.write_bytes(content)
    _, frames = read(path)
    assert frames
    assert "pictures are damaged" in caplog.text


def test_a_change_of_size_is_fitted_into_the_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = []
    for size in ((64, 48), (32, 48)):
        name = tmp_path / f"{size[0]}.ts"
        with av.open(name, "w", format="mpegts") as out:
            stream = out.add_stream("libx264", rate=25, options={"tune": "zerolatency"})
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for number in range(5):
                frame = av.VideoFrame.from_ndarray(
                    np.full((size[1], size[0], 3), 200, np.uint8), format="rgb24"
                )
                frame.pts = number + (5 if size[0] == 32 else 0)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        parts.append(name.read_bytes())
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(parts))
    _, frames = read(path)
    assert len(frames) == 10
    assert {f.image.shape for f in frames} == {(48, 64, 3)}
    assert frames[-1].image[24, 2].max() < 20
    assert frames[-1].image[24, 32].min() > 180
    assert "changes from 64×48 to 32×48" in caplog.text


def test_a_name_is_never_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        ContainerSource(Opening(Path("concat:a.mp4|b.mp4"), "concat"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.mp4", None, "no such file"),
        ("empty.mp4", b"", "the file is empty"),
        ("text.mp4", b"hello " * 1000, "is not a video"),
        (".", None, "cannot be opened"),
    ],
)
def test_what_is_no_video(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        ContainerSource(Opening(path, name))


def test_no_picture_at_all(tmp_path: Path, make_video: Make) -> None:
    with av.open(tmp_path / "sound.mp4", "w") as out:
        stream = out.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 48000, 0
        out.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(InputError, match="has no pictures, only sound"):
        ContainerSource(Opening(tmp_path / "sound.mp4", "sound"))
    empty = tmp_path / "empty.y4m"
    empty.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n")
    with pytest.raises(InputError, match="holds no picture"):
        ContainerSource(Opening(empty, "empty"))
    path = make_video("cut.mp4")
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match="damaged or cut short"):
        ContainerSource(Opening(path, "cut"))


def test_parts_that_cannot_be(make_video: Make) -> None:
    path = make_video("a.mp4")
    with pytest.raises(InputError, match=r"lasts 0\.80 s, so nothing starts at 5 s") as error:
        ContainerSource(Opening(path, "a"), start=Fraction(5))
    assert error.value.exit_code == 3
    for options in ({"start": Fraction(-1)}, {"duration": Fraction(0)}):
        with pytest.raises(UsageError, match="a start lies at 0"):
            ContainerSource(Opening(path, "a"), **options)


def test_a_start_after_the_end_that_a_file_tells(make_video: Make) -> None:
    """FFmpeg's word for how long this film lasts is 1 second less than it does."""
    times = [*(n / 25 for n in range(50)), 2, 2.5, 3]
    path = make_video("a.mp4", frames=53, times=times)
    with av.open(path) as film:
        assert film.duration < 2_400_000
    _, frames = read(path, start=Fraction(12, 5))
    assert [float(frame.time) for frame in frames] == pytest.approx([0.1, 0.6])
    with pytest.raises(InputError, match=r"so nothing starts at 3\.5 s"):
        read(path, start=Fraction(7, 2))


@pytest.mark.parametrize("group", ["10", "250"])
def test_a_part_of_what_has_no_index(make_video: Make, group: str) -> None:
    """FFmpeg finds the time in MPEG-TS, but not the key frame that its picture needs."""
    path = make_video("a.ts", frames=60, options={"g": group, "bf": "0"})
    _, frames = read(path, start=Fraction(1))
    assert (float(frames[0].time), len(frames)) == (0, 35)


def test_closing_while_another_thread_reads(make_video: Make) -> None:
    source = ContainerSource(Opening(make_video("a.mp4", frames=60), "a"))
    frames = iter(source)
    next(frames)
    source.close()
    assert len(list(frames)) < 60
