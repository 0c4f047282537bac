"""Bad input, one row per case: exit code, a message that names file and remedy, no debris."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from onnx import helper
from PIL import Image

from livematte.errors import ModelError, OutputError
from livematte.segmenter import Segmenter

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def place(
    tmp_path: Path,
    encoded: Callable[..., bytes],
    huge_png: Callable[[int, int], bytes],
    make_model: Callable[..., Path],
    red_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A folder, also the working one, with a bad example of everything."""
    monkeypatch.chdir(tmp_path)
    files = {
        "good.png": encoded(),
        "good.jpg": encoded("JPEG"),
        "empty.jpg": b"",
        "page.jpg": b"<!doctype html><html><head><title>404</title></head></html>",
        "text.png": b"hello " * 100,
        "gigantic.png": huge_png(100_000, 100_000),
        "short.jpg": encoded("JPEG")[:700],
        "short.png": encoded()[:200],
        "short.webp": encoded("WEBP")[:150],
        "damaged.onnx": red_model.read_bytes()[:150],
        "notes.txt": b"not a model",
        "net.ckpt": b"weights",
        "spec.json": b"{not json",
        "faint.jpg": encoded("JPEG"),
        "unknown.json": json.dumps({"name": "x", "height": 8, "width": 8, "mood": 1}).encode(),
    }
    for name, content in files.items():
        Path(name).write_bytes(content)
    Path("pictures").mkdir()
    Path("pictures/one.png").write_bytes(encoded())
    Path("none").mkdir()
    Path("twin").mkdir()
    Path("twin/good.png").write_bytes(encoded())
    Path("other").mkdir()
    Path("other/good.png").write_bytes(encoded())
    Path("hard.png").hardlink_to("good.png")
    os.mkfifo("pipe.png")
    Image.new("RGB", (17_000, 2)).save("wide.png")
    nan = helper.make_node("Div", ["raw", "low"], ["nan_or_inf"])
    back = helper.make_node("Mul", ["nan_or_inf", "low"], ["alpha"])
    make_model(Path("nan.onnx"), tail=[nan, back])
    make_model(Path("plain.onnx"), embed=False)
    make_model(Path("swapped.onnx"), sidecar=True)
    make_model(Path("swapped.onnx"), gain=3.0)
    make_model(Path("red.onnx"))
    return tmp_path


CASES: list[tuple[str, int, str]] = [
    # usage
    ("good.png", 2, "Missing option"),
    ("-o out.png", 2, "Missing argument"),
    ("good.png -o out.png --cutout --alpha", 2, "exclude each other"),
    ("good.png -o out.png --alpha --background red", 2, "exclude each other"),
    ("good.png -o out.png --background reddish", 2, "not a colour"),
    ("good.png -o out.jpg", 2, "JPEG cannot hold transparency"),
    ("good.png -o out/ --format jpg", 2, "JPEG cannot hold transparency"),
    ("good.png -o out.xyz", 2, "cannot tell the format"),
    ("good.png -o out", 2, "cannot tell the format"),
    ("good.png good.jpg -o out.png", 2, "several pictures need a folder"),
    ("pictures -o out.png", 2, "several pictures need a folder"),
    ("good.png good.jpg -o -", 2, "standard output (-) takes one picture"),
    ("- good.png -o out/", 2, "cannot be mixed"),
    ("- -o out/", 2, "name a file"),
    ("good.png -o - --json", 2, "cannot share standard output"),
    ("good.png -o out.png --threads 0", 2, "threads"),
    ("good.png -o out.png --engine abacus", 2, "no engine 'abacus'"),
    ("good.png -o out.png --device toaster", 2, "no device 'toaster'"),
    ("good.png -o out.png --threads 100000", 2, "100000 threads would only hinder each other"),
    ("good.png -o out.png --background #ff000080", 2, "cannot be transparent"),
    ("good.png '' -o out/", 2, "an empty argument names nothing"),
    ("good.png -o ''", 2, "an empty argument names nothing"),
    ("good.png -o out.png --background ''", 2, "an empty argument names nothing"),
    ("twin/good.png other/good.png -o out/", 2, "twin/good.png and other/good.png would both"),
    ("good.png good.jpg -o out.png", 2, "such as -o out/"),
    ("good.png -o new.jpg/", 0, ""),
    ("pictures/one.png ./pictures/../pictures -o out/", 0, ""),
    # input
    ("missing.png -o out.png", 3, "missing.png: no such file"),
    ("empty.jpg -o out.png", 3, "empty.jpg: the file is empty"),
    ("page.jpg -o out.png", 3, "page.jpg: not a picture"),
    ("text.png -o out.png", 3, "text.png: not a picture"),
    ("gigantic.png -o out.png", 3, "100000×100000 is 10000.0 megapixels, the limit is 64.0"),
    ("good.png -o out.png --max-pixels 100", 3, "raise it with --max-pixels 11520"),
    ("short.jpg -o out.png", 3, "short.jpg: the picture is damaged or cut short"),
    ("short.png -o out.png", 3, "short.png: the picture"),
    ("short.webp -o out.png", 3, "short.webp: "),
    ("pipe.png -o out.png", 3, "pipe.png: the file is empty"),
    ("/dev/zero -o out.png", 3, "/dev/zero: a device, not a picture"),
    ("/proc/self/mem -o out.png", 3, "/proc/self/mem: cannot be read"),
    (f"{'x' * 300}.png -o out.png", 3, "cannot be read (File name too long)"),
    ("none -o out", 3, "no pictures in this folder"),
    ("good.png -o out.png --background missing.jpg", 3, "missing.jpg: no such file"),
    ("good.png -o out.png --background page.jpg", 3, "page.jpg: not a picture"),
    # model
    ("good.png -o out.png --model missing.onnx", 4, "missing.onnx: no such model"),
    ("good.png -o out.png --model nobody", 4, "no bundled model 'nobody'"),
    ("good.png -o out.png --model damaged.onnx", 4, "damaged.onnx: "),
    ("good.png -o out.png --model notes.txt", 4, "notes.txt: not a model file"),
    ("good.png -o out.png --model net.ckpt", 4, "net.ckpt: not a checkpoint"),
    ("good.png -o out.png --model nan.onnx", 4, "good.png: red: the model answered with NaN"),
    (f"good.png -o out.png --model {'x' * 300}", 4, "no bundled model"),
    ("good.png -o out.png --model swapped.onnx", 4, "not the file its spec describes"),
    ("good.png -o out.png --model plain.onnx", 4, "says nothing about itself"),
    ("good.png -o out.png --model plain.onnx --spec spec.json", 4, "spec.json: not a model spec"),
    ("good.png -o out.png --model plain.onnx --spec unknown.json", 4, "unknown keys"),
    ("good.png -o out.png --model plain.onnx --spec no.json", 4, "no.json: cannot be read"),
    # device
    ("good.png -o out.png --device cuda", 5, "cuda was asked for"),
    ("good.png -o out.png --device coreml", 5, "coreml was asked for"),
    ("good.png -o out.png --engine tensorrt", 4, "not a model file of tensorrt"),
    ("good.png -o out.png --precision bf16", 2, "take --engine openvino"),
    ("good.png -o out.png --engine openvino --precision int3", 2, "no precision 'int3'"),
    ("good.png -o out.png --engine openvino --device npu", 5, "NPU was asked for"),
    # output
    ("good.png -o good.png", 6, "good.png: is also an input"),
    ("good.png -o ./pictures/../good.png", 6, "is also an input"),
    ("pictures -o pictures", 6, "is also an input, and would fill with results"),
    ("good.png -o hard.png", 6, "hard.png: is also an input"),
    ("wide.png -o out.webp", 6, "wide.png: WEBP cannot hold 17000×2"),
    ("good.png -o none/x.png --background none/x.png", 6, "is also an input"),
    ("good.png -o notes.txt/out.png", 6, "cannot be written"),
    ("good.png good.jpg -o notes.txt", 6, "notes.txt: is a file"),
]


@pytest.mark.parametrize(("line", "expected", "message"), CASES, ids=[case[0] for case in CASES])
def test_one_line_and_an_exit_code(
    place: Path, run: Run, line: str, expected: int, message: str
) -> None:
    before = sorted(place.rglob("*"))
    arguments = shlex.split(line.replace("#", r"\#"))
    if "--model" not in line:
        arguments += ["--model", "red.onnx"]
    code, _, err = run("image", *arguments)
    assert (code, err) == (expected, err)
    assert " ".join(message.split()) in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    if expected != 0:
        assert sorted(place.rglob("*")) == before
    if expected > 2:
        assert len(err.splitlines()) == 1


def test_a_failing_folder_exits_with_the_first_failures_code(place: Path, run: Run) -> None:
    for name in ("empty.jpg", "page.jpg"):
        (place / "pictures" / name).write_bytes((place / name).read_bytes())
    code, _, err = run("image", "pictures", "-o", "out", "--model", "red.onnx")
    assert code == 3
    assert "2 of 3 pictures failed" in err
    assert [path.name for path in Path("out").iterdir()] == ["one.png"]


def test_a_full_disk(place: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, other: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    code, _, err = run("image", "good.png", "-o", "out.png", "--model", "red.onnx")
    assert code == OutputError.exit_code
    assert "out.png: cannot be written (No space left on device); make room" in err
    assert not list(place.glob(".livematte*"))


def test_a_disk_that_fills_ends_a_folder(
    place: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (place / "pictures" / f"{number}.png").write_bytes((place / "good.png").read_bytes())
    written = Path.replace

    def fills(self: Path, other: Path) -> Path:
        if Path(other).name == "2.png":
            raise OSError(28, "No space left on device")
        return written(self, other)

    monkeypatch.setattr(Path, "replace", fills)
    code, out, err = run("image", "pictures", "-o", "out", "--model", "red.onnx")
    assert code == OutputError.exit_code
    assert sorted(path.name for path in Path("out").iterdir()) == ["0.png", "1.png"]
    assert "stopped, with 3 more to do" in err
    assert "2 of 3 pictures written" in out


COMMAND = (sys.executable, "-m", "livematte", "image")


def test_full_standard_outputs(place: Path) -> None:
    for rest in (("-o", "-"), ("-o", "out.png"), ("-o", "out.png", "--json")):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*COMMAND, "good.png", *rest, "--model", "red.onnx"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == OutputError.exit_code
        assert "standard output: cannot be written" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_broken_pipe_is_quiet(place: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    line = [*COMMAND, "good.png", "-o", "out.png", "--model", "red.onnx"]
    done = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.stderr == ""


@pytest.mark.parametrize("rest", [(), ("--json",)])
def test_names_that_the_terminal_cannot_show(
    place: Path, encoded: Callable[..., bytes], rest: tuple[str, ...]
) -> None:
    for name in ("写真.png", "bad\udcff.png", "red\x1b[31m.png"):
        (place / "pictures" / name).write_bytes(encoded())
    done = subprocess.run(
        [*COMMAND, "pictures", "no\udcff\x1b.png", "-o", "out", *rest, "--model", "red.onnx"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3
    assert len(list(Path("out/pictures").iterdir())) == 4
    assert b"Traceback" not in done.stderr
    assert b"\x1b" not in done.stdout + done.stderr
    assert (b"\\u001b" if rest else b"\\x1b") in done.stdout


def test_pipes_and_streams(place: Path, run: Run, encoded: Callable[..., bytes]) -> None:
    reader, writer = os.pipe()
    os.write(writer, encoded())
    os.close(writer)
    assert run("image", f"/dev/fd/{reader}", "-o", "out.png", "--model", "red.onnx")[0] == 0
    os.close(reader)


def test_standard_input_without_end(place: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = ("-o", "out.png", "--max-pixels", 1000, "--model", "red.onnx")
    with Path("/dev/zero").open("rb") as endless:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=endless))
        code, _, err = run("image", "-", *rest)
    assert code == 3
    assert "standard input: longer than 16 MB" in err
    monkeypatch.setattr(sys, "stdin", None)
    code, _, err = run("image", "-", *rest)
    assert code == 3
    assert "standard input: is closed" in err


def test_what_a_folder_holds_and_is_not_read_is_told(
    place: Path, run: Run, encoded: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.heic", "b.HEIC", "c.jp2", "notes.txt"):
        (place / "pictures" / name).write_bytes(b"x")
    for name in ("d.jfif", "e.jpe", "f.mpo"):
        (place / "pictures" / name).write_bytes(encoded("JPEG"))
    (place / "pictures" / "g.pnm").write_bytes(encoded("PPM"))
    real = os.walk

    def walk(top: Path, onerror: Callable[[OSError], None]) -> Iterator[object]:
        onerror(PermissionError(13, "Permission denied", str(top / "locked")))
        return real(top, onerror=onerror)

    monkeypatch.setattr(os, "walk", walk)
    code, out, err = run("image", "pictures", "none", "-o", "out", "--model", "red.onnx")
    assert code == 3
    assert "3 pictures are left out" in err
    assert "2 .heic, 1 .jp2" in err
    assert "pictures/locked: the folder cannot be searched (Permission denied)" in err
    assert len(list(Path("out/pictures").iterdir())) == 5
    assert "5 of 7 pictures written" in out


def test_an_empty_folder_does_not_keep_the_others_waiting(place: Path, run: Run) -> None:
    code, _, err = run("image", "none", "good.png", "pictures", "-o", "out", "--model", "red.onnx")
    assert code == 3
    assert "none: no pictures in this folder" in err
    assert "1 of 3 pictures failed" in err
    assert Path("out/good.png").exists()
    assert Path("out/pictures/one.png").exists()


@pytest.mark.parametrize("error", [MemoryError(), cv2.error("Insufficient memory")])
def test_a_picture_too_large_for_the_memory(
    place: Path, run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    real = Segmenter.segment

    def segment(self: Segmenter, image: np.ndarray) -> np.ndarray:
        if image.shape[1] == 17_000:
            raise error
        return real(self, image)

    monkeypatch.setattr(Segmenter, "segment", segment)
    code, _, err = run("image", "wide.png", "good.png", "-o", "out", "--model", "red.onnx")
    assert code == 3
    assert "wide.png: 17000×2 pixels cannot be processed" in err
    assert "make it smaller" in err
    assert Path("out/good.png").exists()


def test_failures_hold_no_pictures(place: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[weakref.ref[np.ndarray]] = []

    def fail(*_: object, **__: object) -> None:
        assert all(picture() is None for picture in held)
        picture = np.zeros(9)
        held.append(weakref.ref(picture))
        raise ModelError("no")

    monkeypatch.setattr("livematte.cli.image.make_still", fail)
    names = ("good.png", "good.jpg", "faint.jpg")
    assert run("image", *names, "-o", "out", "--model", "red.onnx")[0] == 4
    assert len(held) == 3


def test_ctrl_c_while_it_starts(place: Path) -> None:
    """A module that is interrupted while it is imported, in front of the real one."""
    (place / "cv2.py").write_text("raise KeyboardInterrupt")
    line = [*COMMAND, "good.png", "-o", "out.png"]
    done = subprocess.run(line, capture_output=True, cwd=place, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000), (2, 3)])
@pytest.mark.parametrize("mode", ["--cutout", "--alpha", "--background=blur"])
def test_odd_sizes(place: Path, run: Run, size: tuple[int, int], mode: str) -> None:
    Image.new("RGB", size, (255, 0, 0)).save("odd.png")
    assert run("image", "odd.png", "-o", "out.png", mode, "--model", "red.onnx")[0] == 0
    with Image.open("out.png") as written:
        assert written.size == size


def test_unicode_and_awkward_names(place: Path, run: Run, encoded: Callable[..., bytes]) -> None:
    for name in ("naïve 写真 🎭.png", "-dash.png", "a%20b'c\".png", "n" * 240 + ".png"):
        (place / "pictures" / name).write_bytes(encoded())
    assert run("image", "pictures", "-o", "öut", "--model", "red.onnx")[0] == 0
    assert {p.name for p in Path("öut").iterdir()} == {p.name for p in Path("pictures").iterdir()}


def test_ctrl_c_in_a_folder_leaves_only_whole_pictures(place: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    for index in range(300):
        Image.fromarray(noise).save(place / "pictures" / f"{index:03}.bmp")
    # What runs in the background may have been told to ignore interrupts.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "import livematte.cli; livematte.cli.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "image", "pictures", "-o", "out", "--model", "red.onnx"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    out = place / "out"
    deadline = time.monotonic() + 60
    while not list(out.glob("*.png")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "interrupted; " in err
    assert "Traceback" not in err
    written = list(out.iterdir())
    assert 0 < len(written) < 301
    for path in written:
        assert path.suffix == ".png"
        with Image.open(path) as picture:
            picture.load()
