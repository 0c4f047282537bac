"""``--steady``, ``--region``, ``--clean`` and ``--grabcut``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livematte.cli.care import parse_clean
from livematte.errors import UsageError
from livematte.refinement import Cleaning

Run = Callable[..., tuple[int, str, str]]
BLUE, RED = (30, 30, 220), (220, 30, 30)


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A large and a small person, and a hole in the large one."""
    image = np.full((240, 320, 3), BLUE, np.uint8)
    image[40:220, 40:160] = RED
    image[120:124, 90:94] = BLUE
    image[60:120, 220:260] = RED
    Image.fromarray(image).save(tmp_path / "pair.png")
    return tmp_path / "pair.png"


def test_words_and_their_meaning() -> None:
    assert parse_clean("") is None
    assert parse_clean("largest, holes") == Cleaning(largest=True, holes=True)
    with pytest.raises(UsageError, match="--clean 'hole': choose from open, close"):
        parse_clean("largest,hole")


@pytest.mark.parametrize("extra", [(), ("--grabcut",), ("--region", "off")])
def test_pictures_are_tidied(run: Run, red_model: Path, pair: Path, extra: tuple[str]) -> None:
    target = pair.with_name("matte.png")
    rest = ("--alpha", "--clean", "holes,largest", "--model", red_model, *extra)
    assert run("image", pair, "-o", target, *rest)[0] == 0
    matte = np.asarray(Image.open(target))
    assert matte[180, 100] == 255
    assert matte[80, 240] == 0


@pytest.mark.parametrize("steady", ["auto", "off", "motion", "flow"])
def test_films_are_steadied_and_tidied(run: Run, red_model: Path, pair: Path, steady: str) -> None:
    frames, target = pair.parent / "frames", pair.parent / "out"
    frames.mkdir()
    for number in range(3):
        Image.open(pair).save(frames / f"{number}.png")
    rest = ("--alpha", "--clean", "largest", "--steady", steady, "--model", red_model)
    code, _, err = run("video", frames, "-o", f"{target}/", "--rate", "25", *rest)
    assert (code, err) == (0, "")
    mattes = [np.asarray(Image.open(file).convert("L")) for file in sorted(target.iterdir())]
    assert len(mattes) == 3
    for matte in mattes:
        assert matte[180, 100] == 255
        assert matte[80, 240] == 0


def test_a_word_that_means_nothing(run: Run, red_model: Path, pair: Path) -> None:
    for command in ("image", "video"):
        target = pair.with_name("out.mp4" if command == "video" else "out.png")
        code, _, err = run(command, pair, "-o", target, "--alpha", "--clean", "dust")
        assert code == 2
        assert "choose from open, close, holes, largest" in err
        assert not target.exists()
