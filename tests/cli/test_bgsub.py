"""``livematte bgsub``: what it shares with ``livematte video``, and what is its own."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., tuple[int, str, str]]
LEARNED = 6


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """An empty room of grey blocks; then a red person."""
    rng = np.random.default_rng(1)
    room = rng.integers(60, 200, (12, 16, 1)).repeat(10, 0).repeat(10, 1).repeat(3, 2)
    (tmp_path / "frames").mkdir()
    for number in range(10):
        image = room + rng.integers(-3, 4, room.shape)
        if number >= LEARNED:
            image[40:, 50:90] = (250, 10, 10)
        picture = Image.fromarray(image.astype(np.uint8))
        picture.save(tmp_path / "frames" / f"{number}.png")
    return tmp_path / "frames"


@pytest.mark.parametrize("method", ["mean", "mog2", "knn"])
def test_over_a_colour_and_as_json(run: Run, frames: Path, method: str) -> None:
    target = frames.parent / "out"
    rest = ("--rate", "25", "--background", "#00b140", "--learn", LEARNED, "--method", method)
    code, out, err = run("bgsub", frames, "-o", f"{target}/", "--json", *rest)
    assert (code, err) == (0, "")
    entry = json.loads(out)
    assert entry["frames"] == 10
    assert entry["model"] == f"background subtraction: {method}"
    images = [np.asarray(Image.open(file).convert("RGB")) for file in sorted(target.iterdir())]
    assert (images[0] == (0, 177, 64)).all()
    assert images[9][80, 70].tolist() == [250, 10, 10]
    assert images[9][20, 20].tolist() == [0, 177, 64]


def test_a_camera_that_moves(run: Run, frames: Path) -> None:
    for number in range(LEARNED, 10):
        picture = np.asarray(Image.open(frames / "0.png"))
        moved = np.roll(picture, 3 * (number - LEARNED + 1), axis=1)
        Image.fromarray(moved).save(frames / f"{number}.png")
    target = frames.parent / "out.mp4"
    rest = ("--rate", "25", "--alpha", "--learn", LEARNED)
    code, _, err = run("bgsub", frames, "-o", target, *rest)
    assert code == 3
    assert "frame 8: the camera has moved" in err
    assert str(frames) in err
    assert len(err.splitlines()) == 1


def test_too_few_frames_are_told(run: Run, frames: Path) -> None:
    target = frames.parent / "out"
    code, _, err = run("bgsub", frames, "-o", f"{target}/", "--rate", "25", "--alpha")
    assert code == 0
    assert "give --learn less than 30" in err


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--alpha", "--threshold", "0"), "a threshold of 0"),
        (("--alpha", "--background", "red"), "exclude each other"),
    ],
)
def test_what_cannot_be(run: Run, frames: Path, extra: tuple[str, ...], message: str) -> None:
    code, _, err = run("bgsub", frames, "-o", frames.parent / "out.mkv", *extra)
    assert code == 2
    assert message in err
