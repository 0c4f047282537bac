"""``--effect``, ``--strength``, ``--fit`` and ``--loop``."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from livematte.cli.effects import parse_effects
from livematte.effects import EFFECTS
from livematte.errors import UsageError

Run = Callable[..., tuple[int, str, str]]
RED, BLUE, GREEN, GREY = (220, 30, 30), (30, 30, 220), (10, 200, 10), (200, 200, 200)


@pytest.fixture
def photo(tmp_path: Path, encoded: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The portrait (a red disc on blue), in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("photo.png").write_bytes(encoded())
    return Path("photo.png")


def film(path: Path, images: list[np.ndarray], rate: int = 25) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options={"crf": "10"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def decode(path: str) -> list[np.ndarray]:
    with av.open(path) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def near(colour: np.ndarray, expected: tuple[int, ...], by: int = 12) -> bool:
    return bool(np.abs(colour.astype(int) - expected).max() <= by)


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize(
    ("texts", "strength", "effects"),
    [
        ([], None, {}),
        (["blur"], None, {"blur": EFFECTS["blur"].strength}),
        (["blur", "light-wrap=0.2"], 1.0, {"blur": 1.0, "light-wrap": 0.2}),
    ],
)
def test_effects_and_their_strengths(texts, strength, effects) -> None:
    assert parse_effects(texts, strength) == effects


@pytest.mark.parametrize(
    ("texts", "strength", "message"),
    [
        (["sepia"], None, "no effect is called 'sepia'; there are smooth-step, blur"),
        (["blur", "blur=1"], None, "given twice"),
        (["blur=much"], None, "'much' is no strength"),
        (["blur=1.5"], None, r"lies in \[0, 1\], not at 1.5"),
        (["blur=nan"], None, "lies in"),
        (["blur"], -1, "lies in"),
        ([], 0.5, "--strength belongs to an effect"),
    ],
)
def test_effects_that_are_none(texts, strength, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_effects(texts, strength)


def test_an_effect_that_makes_a_background(run: Run, red_model: Path, photo: Path) -> None:
    rest = ("--effect", "edges", "--model", red_model)
    assert run("image", photo, "-o", "out.jpg", *rest)[0] == 0
    made = pixels("out.jpg")
    assert near(made[60, 48], RED)
    assert near(made[2, 2], (0, 0, 0))


def test_effects_on_a_replaced_background(run: Run, red_model: Path, photo: Path) -> None:
    Image.new("RGB", (60, 60), GREEN).save("room.png")
    chain = ("--effect", "colour-transfer=1", "--effect", "light-wrap=0")
    rest = (*chain, "--background", "room.png", "--model", red_model)
    assert run("image", photo, "-o", "out.png", *rest)[0] == 0
    made = pixels("out.png")
    assert near(made[2, 2], GREEN, 1)
    assert near(made[60, 48], GREEN, 8)  # the person has one colour, which becomes the room's


def test_an_effect_without_a_background_leaves_transparency(
    run: Run, red_model: Path, photo: Path
) -> None:
    rest = ("--effect", "smooth-step", "--model", red_model)
    assert run("image", photo, "-o", "out.png", *rest)[0] == 0
    assert pixels("out.png").shape == (120, 96, 4)


def test_pictures_are_done_each_by_itself(run: Run, red_model: Path, photo: Path) -> None:
    """What an effect measured in one picture does not go on to the next."""
    other = np.asarray(Image.open(photo)).copy()
    other[other[..., 0] > 128] = (255, 90, 90)
    Path("in").mkdir()
    Image.fromarray(other).save("in/1.png")
    Image.open(photo).save("in/2.png")
    Image.new("RGB", (60, 60), GREEN).save("room.png")
    rest = ("--effect", "seamless-clone", "--background", "room.png", "--model", red_model)
    assert run("image", "in", "-o", "out/", *rest)[0] == 0
    assert run("image", photo, "-o", "alone.png", *rest)[0] == 0
    np.testing.assert_array_equal(pixels("out/2.png"), pixels("alone.png"))


@pytest.mark.parametrize(
    ("fit", "corner", "side"),
    [("fill", GREEN, GREEN), ("fit", (0, 0, 0), GREY), ("stretch", GREY, GREY)],
)
def test_fits(run: Run, red_model: Path, photo: Path, fit: str, corner, side) -> None:
    """A wide room, green with grey ends, behind an upright picture."""
    room = np.full((60, 240, 3), GREY, np.uint8)
    room[:, 60:180] = GREEN
    Image.fromarray(room).save("room.png")
    rest = ("--background", "room.png", "--fit", fit, "--model", red_model)
    assert run("image", photo, "-o", "out.png", *rest)[0] == 0
    made = pixels("out.png")
    assert near(made[0, 0], corner, 3)
    assert near(made[60, 1], side, 3)
    assert near(made[60, 48], RED, 1)


@pytest.mark.parametrize(
    ("loop", "last"), [("--loop", (240, 240, 240)), ("--no-loop", (20, 20, 20))]
)
def test_a_film_behind(run: Run, red_model: Path, photo: Path, loop: str, last) -> None:
    portrait = np.asarray(Image.open(photo))
    film(Path("clip.mp4"), [portrait] * 10)
    rooms = [np.full((48, 64, 3), value, np.uint8) for value in (240, 240, 20)]
    film(Path("room.mp4"), rooms)
    rest = ("--background", "room.mp4", loop, "--model", red_model)
    code, _, err = run("video", "clip.mp4", "-o", "out.mp4", *rest)
    assert (code, err) == (0, "")
    images = decode("out.mp4")
    assert len(images) == 10
    assert near(images[2][2, 2], (20, 20, 20))
    assert near(images[9][2, 2], last)
    assert near(images[9][60, 48], RED)


def test_effects_on_a_film(run: Run, red_model: Path, photo: Path) -> None:
    film(Path("clip.mp4"), [np.asarray(Image.open(photo))] * 4)
    rest = ("--effect", "bokeh", "--effect", "light-wrap", "--model", red_model)
    assert run("video", "clip.mp4", "-o", "out.mp4", *rest)[0] == 0
    images = decode("out.mp4")
    assert len(images) == 4
    assert near(images[3][60, 48], RED)
    assert near(images[3][2, 2], BLUE)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("image", "photo.png", "-o", "o.png", "--effect", "sepia"), 2, "there are smooth-step"),
        (
            ("image", "photo.png", "-o", "o.png", "--effect", "light-wrap"),
            2,
            "light-wrap needs a background to go by: give one, or blur or bokeh or edges",
        ),
        (
            ("video", "clip.mp4", "-o", "o.mp4", "--effect", "seamless-clone"),
            2,
            "seamless-clone needs a background",
        ),
        (
            ("image", "photo.png", "-o", "o.png", "--alpha", "--effect", "blur"),
            2,
            "--alpha writes the matte",
        ),
        (
            ("video", "clip.mp4", "-o", "o.mp4", "--alpha", "--effect", "blur"),
            2,
            "--alpha writes the matte",
        ),
        (
            ("image", "photo.png", "-o", "o.png", "--cutout", "--effect", "blur"),
            2,
            "--cutout leaves no background",
        ),
        (
            ("image", "photo.png", "-o", "o.jpg", "--effect", "smooth-step"),
            2,
            "JPEG cannot hold transparency",
        ),
        (("image", "photo.png", "-o", "o.png", "--strength", "1"), 2, "give --effect"),
        (
            ("image", "photo.png", "-o", "o.png", "--background", "blur", "--effect", "blur"),
            2,
            "given twice",
        ),
        (
            ("video", "clip.mp4", "-o", "o.mp4", "--background", "broken.mp4"),
            3,
            "broken.mp4: is not a video",
        ),
        (
            ("image", "photo.png", "-o", "o.png", "--background", "broken.png"),
            3,
            "broken.png: ",
        ),
    ],
)
def test_what_cannot_be(
    run: Run, red_model: Path, photo: Path, arguments, code: int, message: str
) -> None:
    film(Path("clip.mp4"), [np.asarray(Image.open(photo))] * 2)
    for name in ("broken.mp4", "broken.png"):
        Path(name).write_bytes(b"nothing of the sort" * 50)
    answer, _, err = run(*arguments, "--model", red_model)
    assert answer == code
    assert message in " ".join(err.split())
    assert not list(Path().glob("o.*"))
