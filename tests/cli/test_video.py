"""What ``livematte video`` writes, says, and how it ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from livematte.cli.film_options import parse_seconds, parse_size
from livematte.errors import UsageError

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def clip(tmp_path: Path, portrait: np.ndarray) -> Path:
    """Twelve frames of the portrait (a red disc on blue) that moves a little."""
    with av.open(tmp_path / "clip.mp4", "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 96, 120, "yuv420p"
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(np.roll(portrait, number, axis=1), format="rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return tmp_path / "clip.mp4"


def decode(path: Path) -> list[np.ndarray]:
    with av.open(path) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def near(colour: np.ndarray, expected: tuple[int, ...], by: int = 16) -> bool:
    return bool(np.abs(colour.astype(int) - expected).max() <= by)


def test_over_a_colour(run: Run, red_model: Path, clip: Path) -> None:
    target = clip.with_name("out.mp4")
    code, out, err = run(
        "video", clip, "-o", target, "--background", "#00b140", "--model", red_model
    )
    assert (code, err) == (0, "")
    assert out.startswith(f"{target}  96×120, 12 frames, ")
    images = decode(target)
    assert len(images) == 12
    assert near(images[6][2, 2], (0, 177, 64))
    assert near(images[6][60, 54], (220, 30, 30))


def test_mattes_side_by_side(run: Run, red_model: Path, clip: Path) -> None:
    target = clip.with_name("out.mkv")
    rest = ("--alpha", "--side-by-side", "--model", red_model)
    assert run("video", clip, "-o", target, *rest)[0] == 0
    image = decode(target)[0]
    assert image.shape == (120, 192, 3)
    assert near(image[60, 48], (220, 30, 30))
    assert image[60, 96 + 48].min() > 240
    assert image[2, 98].max() < 16


def test_a_part_into_a_folder(run: Run, red_model: Path, clip: Path) -> None:
    target = clip.parent / "out"
    part = ("--start", "0.2", "--duration", "0:00.12")
    assert run("video", clip, "-o", f"{target}/", *part, "--model", red_model)[0] == 0
    files = sorted(target.iterdir())
    assert [f.name for f in files] == ["000001.png", "000002.png", "000003.png"]
    assert np.asarray(Image.open(files[0])).shape == (120, 96, 4)


@pytest.mark.parametrize("background", ["blur", "room.png", "room.mp4"])
def test_backgrounds(
    run: Run, red_model: Path, clip: Path, background: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clip.parent)
    Image.new("RGB", (50, 50), (10, 200, 10)).save("room.png")
    with av.open("room.mp4", "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(3):  # shorter than the clip
            room = np.full((48, 64, 3), (10, 200, 10), np.uint8)
            frame = av.VideoFrame.from_ndarray(room, format="rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    code, _, err = run(
        "video", clip, "-o", "out.mp4", "--background", background, "--model", red_model
    )
    assert (code, err) == (0, "")
    images = decode(Path("out.mp4"))
    assert len(images) == 12
    expected = (30, 30, 220) if background == "blur" else (10, 200, 10)
    assert near(images[11][2, 2], expected)


def test_json(run: Run, red_model: Path, clip: Path) -> None:
    target = clip.with_name("out.mp4")
    code, out, _ = run("video", clip, "-o", target, "--alpha", "--json", "--model", red_model)
    entry = json.loads(out)
    assert code == 0
    assert (entry["frames"], entry["dropped"], entry["error"]) == (12, 0, None)
    assert (entry["width"], entry["height"], entry["engine"]) == (96, 120, "onnxruntime")
    assert set(entry["stages"]) == {"decode", "fit", "infer", "refine", "compose", "encode"}
    assert entry["fps"] > 0
    assert entry["age"]["p95"] >= entry["age"]["p50"] > 0


CASES: list[tuple[tuple[str, ...], int, str]] = [
    (("clip.mp4", "-o", "out.mp4"), 2, "cannot hold transparency"),
    (("clip.mp4", "-o", "out.avi", "--alpha"), 2, "cannot tell the format"),
    (("clip.mp4", "-o", "o.mp4", "--alpha", "--background", "red"), 2, "exclude each other"),
    (("clip.mp4", "-o", "o.mp4", "--background", "reddish"), 2, "not a colour"),
    (("clip.mp4", "-o", "-", "--json"), 2, "cannot share standard output"),
    (("clip.mp4", "-o", "o.mp4", "--alpha", "--start", "soon"), 2, "--start soon: not a time"),
    (("clip.mp4", "-o", "o.mp4", "--alpha", "--size", "big"), 2, "not a size"),
    (("clip.mp4", "-o", "", "--alpha"), 2, "an empty argument"),
    (("none.mp4", "-o", "o.mp4", "--alpha"), 3, "none.mp4: no such file"),
    (("text.mp4", "-o", "o.mp4", "--alpha"), 3, "text.mp4: is not a video"),
    (("clip.mp4", "-o", "o.mp4", "--alpha", "--start", "1:00"), 3, "lasts 0.48 s"),
    (("clip.mp4", "-o", "o.mp4", "--background", "text.mp4"), 3, "text.mp4: is not a video"),
    (("camera:/dev/video97", "-o", "o.mp4", "--alpha"), 3, "is it plugged in"),
    (("clip.mp4", "-o", "o.mp4", "--alpha", "--model", "none.onnx"), 4, "no such model"),
    (("clip.mp4", "-o", "clip.mp4", "--alpha"), 6, "is also an input"),
    (("clip.mp4", "-o", "text.mp4/o.mp4", "--alpha"), 6, "cannot be written"),
]


@pytest.mark.parametrize(("arguments", "expected", "message"), CASES)
def test_one_line_and_an_exit_code(
    run: Run,
    red_model: Path,
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    expected: int,
    message: str,
) -> None:
    monkeypatch.chdir(clip.parent)
    Path("text.mp4").write_text("hello " * 500)
    before = sorted(Path().iterdir())
    extra = () if "--model" in arguments else ("--model", str(red_model))
    code, _, err = run("video", *arguments, *extra)
    assert (code, err) == (expected, err)
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    assert sorted(Path().iterdir()) == before
    if expected > 2:
        assert len(err.splitlines()) == 1


# What runs in the background may have been told to ignore interrupts.
MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "import livematte.cli; livematte.cli.main()"
)


def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", MAIN, "video", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, bufsize=0, **options)


def test_pipes(red_model: Path, clip: Path) -> None:
    """y4m in, y4m out, as other programs do."""
    with start(
        "-", "-o", "-", "--alpha", "--model", red_model,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        out, err = process.communicate(y4m(4))
    assert process.returncode == 0, err
    assert out.startswith(b"YUV4MPEG2 W64 H48 F25:1")
    assert out.count(b"FRAME") == 4


def y4m(frames: int) -> bytes:
    picture = b"FRAME\n" + b"\x50" * (64 * 48) + b"\x80" * (2 * 64 * 48)
    return b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C444\n" + picture * frames


def test_a_closed_pipe_is_no_trace(red_model: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with start("-", "-o", "-", "--alpha", "--model", red_model, **pipes) as process:
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(y4m(1500))
        process.stdin.close()
        error = process.stderr.read().decode()
    assert process.returncode == 1
    assert "Traceback" not in error


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_files_play(red_model: Path, tmp_path: Path, number: int) -> None:
    target = tmp_path / "out.mp4"
    with start(
        "-", "-o", target, "--alpha", "--model", red_model, stdin=subprocess.PIPE
    ) as process:
        process.stdin.write(y4m(60))
        for _ in range(600):  # until something has been encoded; then the source hangs
            if any(part.stat().st_size for part in tmp_path.glob(".livematte*")):
                break
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(number)
        process.wait(60)
    assert process.returncode == 130
    assert len(decode(target)) > 10
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_times_and_sizes() -> None:
    assert parse_seconds("1:02:03.5", "--start") == Fraction(7447, 2)
    assert parse_seconds("90", "--start") == 90
    assert parse_size("1280x720") == (1280, 720)
    for text in ("0x10", "10x", "x"):
        with pytest.raises(UsageError, match="not a size"):
            parse_size(text)
