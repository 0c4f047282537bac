"""What ``livematte camera`` says before it opens a window, and that it opens one."""

import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from livematte.refinement import Cleaning, Steadiness
from livematte.segmenter import Care, Segmenter
from livematte.stream import SegmenterStream

Run = Callable[..., tuple[int, str, str]]

CASES: list[tuple[tuple[str, ...], int, str]] = [
    (("camera:/dev/video97",), 3, "is it plugged in"),
    (("none.mp4",), 3, "none.mp4: no such file"),
    (("frames", "--backgrounds", "none"), 3, "none: cannot be searched for backgrounds"),
    (("frames", "--backgrounds", "empty"), 3, "empty: no backgrounds in this folder"),
    (("-",), 2, "the window takes no pipes"),
    (("frames", "-o", "-"), 2, "the window takes no pipes"),
    (("frames", "-o", "out.avi"), 2, "cannot tell the format"),
    (("frames", "-o", "rtsp://x/y"), 2, "rtmp:// addresses only"),
    (("",), 2, "an empty argument"),
    (("frames", "--size", "big"), 2, "not a size"),
    (("frames", "--model", "none.onnx"), 4, "no such model"),
    (("frames", "--clean", "polish"), 2, "--clean 'polish'"),
    (("frames", "--bgsub", "mean", "--steady", "flow"), 2, "--bgsub takes no model"),
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portrait: np.ndarray) -> Path:
    pytest.importorskip("pygame", reason="needs the extra: pip install 'livematte[window]'")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "frames").mkdir()
    for number in range(8):
        Image.fromarray(portrait).save(tmp_path / "frames" / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize(("arguments", "expected", "message"), CASES)
def test_one_line_and_an_exit_code(
    run: Run, red_model: Path, place: Path, arguments: tuple[str, ...], expected: int, message: str
) -> None:
    extra = () if {"--model", "--bgsub"} & set(arguments) else ("--model", str(red_model))
    code, _, err = run("camera", *arguments, *extra)
    assert (code, err) == (expected, err)
    assert message in " ".join(err.split())
    assert len(err.splitlines()) == 1


def test_a_window_that_also_writes_a_file(run: Run, red_model: Path, place: Path) -> None:
    code, out, err = run("camera", "frames", "-o", "out.mp4", "--model", red_model)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("frames  96×120, ")
    assert "ms old" in out
    assert (place / "out.mp4").stat().st_size > 0


def test_mattes_are_cared_for_as_in_films(
    run: Run, red_model: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Care, dict[str, object]]] = []
    stream = Segmenter.stream

    def watched(segmenter: Segmenter, **options: object) -> SegmenterStream:
        asked.append((segmenter.care, options))
        return stream(segmenter, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Segmenter, "stream", watched)
    options = ("--steady", "motion", "--clean", "holes,largest", "--region", "off")
    assert run("camera", "frames", *options, "--model", red_model)[0] == 0
    ((care, given),) = asked
    assert care == Care(region=False, cleaning=Cleaning(holes=True, largest=True))
    assert isinstance(given["steady"], Steadiness)
    assert given["live"]


@pytest.mark.parametrize("bgsub", [True, False])
def test_the_room_can_stand_for_a_model(
    run: Run, red_model: Path, place: Path, bgsub: bool
) -> None:
    """A person who never moves belongs to the room."""
    options = ("--bgsub", "knn", "--learn", "3") if bgsub else ("--model", red_model)
    code, _, err = run("camera", "frames", "-o", "out.mkv", *options)
    assert (code, err) == (0, "")
    with av.open(place / "out.mkv") as film:
        image = next(film.decode(video=0)).to_ndarray(format="rgb24")
    red, green, _ = (int(value) for value in image[60, 48])
    assert (green > red) == bgsub


def test_without_the_extra(
    run: Run, red_model: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    code, _, err = run("camera", "frames", "--model", red_model)
    assert code == 2
    assert "pip install 'livematte[window]'" in err
