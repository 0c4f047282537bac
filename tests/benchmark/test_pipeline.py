"""The benchmark runs, and its table holds what it measured."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from livematte.cli import bench, video
from livematte.weights import DEFAULT_VIDEO

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def film(tmp_path: Path, portrait: np.ndarray) -> Path:
    with av.open(tmp_path / "film.mp4", "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 120, "yuv420p"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(portrait, format="rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return tmp_path / "film.mp4"


def test_json_and_table(run: Run, red_model: Path, film: Path) -> None:
    rest = ("--rounds", "2", "--model", red_model)
    code, out, err = run("bench", "pipeline", film, "--json", *rest)
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["frames"], result["rounds"], result["dropped"]) == (10, 2, 0)
    assert result["model"] == "red"
    assert result["ratio"] > 0
    assert result["cpu"] > 0
    assert set(result["stages"]) == {"decode", "fit", "infer", "refine", "compose", "encode"}
    code, out, _ = run("bench", "pipeline", film, "--background", "blur", *rest)
    assert code == 0
    assert "| infer |" in out
    assert "of the ceiling" in out
    assert [path.name for path in film.parent.iterdir()] == ["film.mp4"]


def test_the_ceiling_counts_every_frame(
    run: Run, red_model: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that were dropped live: it drops none."""
    monkeypatch.setattr("livematte.benchmark.pipeline._ceiling", lambda *_: 2.0)
    rest = ("--live", "--rounds", "1", "--model", red_model, "--json")
    result = json.loads(run("bench", "pipeline", film, *rest)[1])
    assert result["ceiling_fps"] == 5.0
    assert result["ratio"] == pytest.approx(result["fps"] / 5.0)


def test_a_film_played_live_tells_what_it_dropped(run: Run, red_model: Path, film: Path) -> None:
    rest = ("--live", "--rounds", "1", "--model", red_model)
    code, out, _ = run("bench", "pipeline", film, "--json", *rest)
    assert code == 0
    result = json.loads(out)
    assert result["live"]
    assert result["frames"] + result["dropped"] == 10
    assert result["age"]["p95"] >= result["age"]["p50"] > 0
    assert ", live, " in run("bench", "pipeline", film, *rest)[1]


def test_what_cannot_be(run: Run, red_model: Path, film: Path) -> None:
    assert run("bench", "pipeline", film.with_name("no.mp4"), "--model", red_model)[0] == 3
    code, _, err = run("bench", "pipeline", film, "--background", "room.png")
    assert code == 2
    assert "give a colour or blur" in err


def test_the_model_is_that_of_films() -> None:
    """What is measured is what `livematte video` runs."""
    defaults = [
        inspect.signature(command).parameters["model"].default
        for command in (bench.pipeline, video.command)
    ]
    assert defaults == [DEFAULT_VIDEO, DEFAULT_VIDEO]
