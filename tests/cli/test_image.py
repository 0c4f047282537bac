"""What ``livematte image`` writes, and where."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def photo(tmp_path: Path, encoded: Callable[..., bytes]) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded())
    return path


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_cut_outs_are_the_default(run: Run, red_model: Path, photo: Path, portrait) -> None:
    target = photo.parent / "out.png"
    code, out, err = run("image", photo, "-o", target, "--model", red_model)
    assert (code, err) == (0, "")
    assert out.startswith(f"{target}  96×120, ")
    rgba = pixels(target)
    assert rgba.shape == (120, 96, 4)
    assert rgba[60, 48, 3] == 255
    np.testing.assert_array_equal(rgba[60, 48, :3], portrait[60, 48])
    assert rgba[2, 2].max() == 0


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
def test_mattes(run: Run, red_model: Path, photo: Path, suffix: str) -> None:
    target = photo.with_name("matte" + suffix)
    assert run("image", photo, "-o", target, "--alpha", "--model", red_model)[0] == 0
    matte = np.asarray(Image.open(target).convert("L"))
    assert matte[60, 48] > 250
    assert matte[2, 2] < 5


@pytest.mark.parametrize(
    ("background", "corner"),
    [("#00b140", (0, 177, 64)), ("white", (255, 255, 255)), ("rgb(1,2,3)", (1, 2, 3))],
)
def test_colours_behind(run: Run, red_model: Path, photo: Path, background, corner) -> None:
    target = photo.with_name("out.png")
    assert (
        run("image", photo, "-o", target, "--background", background, "--model", red_model)[0] == 0
    )
    rgb = pixels(target)
    assert tuple(rgb[2, 2]) == corner
    assert tuple(rgb[60, 48]) == (220, 30, 30)


def test_a_picture_behind(run: Run, red_model: Path, photo: Path) -> None:
    room = photo.with_name("room.jpg")
    Image.new("RGB", (500, 100), (10, 200, 10)).save(room, quality=100)
    target = photo.with_name("out.jpg")
    assert run("image", photo, "-o", target, "--background", room, "--model", red_model)[0] == 0
    assert np.abs(pixels(target)[2, 2].astype(int) - (10, 200, 10)).max() < 6


def test_blur_behind(run: Run, red_model: Path, photo: Path) -> None:
    target = photo.with_name("out.png")
    assert run("image", photo, "-o", target, "--background", "blur", "--model", red_model)[0] == 0
    rgb = pixels(target)
    assert np.abs(rgb[2, 2].astype(int) - (30, 30, 220)).max() <= 2
    assert tuple(rgb[60, 48]) == (220, 30, 30)


def test_the_pictures_own_alpha_is_multiplied_in(run: Run, red_model: Path, photo: Path) -> None:
    rgba = np.dstack([pixels(photo), np.full((120, 96), 255, np.uint8)])
    rgba[:60, :, 3] = 0
    rgba[60:, :48, 3] = 102
    Image.fromarray(rgba).save(photo)
    target = photo.with_name("out.png")
    assert run("image", photo, "-o", target, "--model", red_model)[0] == 0
    alpha = pixels(target)[..., 3]
    assert alpha[:60].max() == 0
    assert alpha[75, 35] == 102
    assert alpha[75, 60] == 255


def test_soft_alpha_keeps_its_colours(run: Run, red_model: Path, photo: Path) -> None:
    """The colours of such a picture are straight: nothing of a background is mixed into them."""
    rgb = pixels(photo).astype(int) + np.random.default_rng(0).integers(-25, 25, (120, 96, 1))
    rgba = np.dstack([rgb.clip(0, 255).astype(np.uint8), np.full((120, 96), 96, np.uint8)])
    Image.fromarray(rgba).save(photo)
    target = photo.with_name("out.png")
    assert run("image", photo, "-o", target, "--model", red_model)[0] == 0
    result = pixels(target)
    inside = np.s_[45:75, 33:63]
    np.testing.assert_array_equal(result[inside], rgba[inside])
    over = photo.with_name("over.png")
    assert run("image", photo, "-o", over, "--background", "black", "--model", red_model)[0] == 0
    expected = rgba[inside][..., :3] * (96 / 255)
    assert np.abs(pixels(over)[inside] - expected).max() <= 1


def test_a_faint_person_is_found_all_the_same(run: Run, red_model: Path, photo: Path) -> None:
    Image.fromarray(np.dstack([pixels(photo), np.full((120, 96), 40, np.uint8)])).save(photo)
    rest = ("-o", photo.with_name("out.png"), "--json", "--model", red_model)
    code, out, err = run("image", photo, *rest)
    assert (code, err) == (0, "")
    entry = json.loads(out)
    assert entry["person_found"] is True
    assert entry["person_fraction"] == pytest.approx(np.pi * 30**2 / (120 * 96), abs=0.02)


def test_transparent_parts_of_a_background_become_white(
    run: Run, red_model: Path, photo: Path
) -> None:
    room = photo.with_name("room.png")
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(room)
    target = photo.with_name("out.png")
    code, _, err = run("image", photo, "-o", target, "--background", room, "--model", red_model)
    assert code == 0
    assert "room.png: has transparent parts; they are laid over white" in err
    assert tuple(pixels(target)[2, 2]) == (255, 255, 255)


def test_json(run: Run, red_model: Path, photo: Path) -> None:
    target = photo.with_name("out.png")
    code, out, err = run("image", photo, "-o", target, "--json", "--model", red_model)
    assert (code, err) == (0, "")
    entry = json.loads(out)
    assert entry.pop("seconds") > 0
    assert entry.pop("person_fraction") == pytest.approx(np.pi * 30**2 / (120 * 96), abs=0.02)
    assert entry == {
        "input": str(photo),
        "output": str(target),
        "width": 96,
        "height": 120,
        "person_found": True,
        "model": "red",
        "engine": "onnxruntime",
        "device": "cpu",
        "error": None,
        "exit_code": 0,
    }


def test_json_of_a_failure_has_the_same_shape(run: Run, red_model: Path, photo: Path) -> None:
    rest = ("-o", photo.with_name("out.png"), "--json", "--model", red_model)
    good = json.loads(run("image", photo, *rest)[1])
    code, out, _ = run("image", photo.with_name("no.png"), *rest)
    entry = json.loads(out)
    assert list(entry) == list(good)
    assert code == entry["exit_code"] == 3
    assert "no such file" in entry["error"]
    assert entry["width"] is None


def test_nobody_there_is_a_result(run: Run, red_model: Path, photo: Path) -> None:
    Image.new("RGB", (40, 40), (0, 0, 255)).save(photo)
    target = photo.with_name("out.png")
    code, out, err = run("image", photo, "-o", target, "--json", "--model", red_model)
    assert code == 0
    assert "photo.png: no person found" in err
    assert json.loads(out)["person_found"] is False
    assert pixels(target)[..., 3].max() == 0


def test_verbose_says_what_runs_and_quiet_says_nothing(
    run: Run, red_model: Path, photo: Path
) -> None:
    arguments = ("image", photo, "-o", photo.with_name("o.png"), "--model", red_model)
    err = run(*arguments, "--verbose")[2]
    assert "onnxruntime on cpu" in err
    assert "licence: MIT" in err
    assert run(*arguments, "--quiet")[1:] == ("", "")


def test_several_files_go_into_a_folder(run: Run, red_model: Path, photo: Path) -> None:
    other = photo.with_name("Äpfel und 人.jpg")
    Image.open(photo).save(other)
    same = photo.with_name("photo.jpg")
    Image.open(photo).save(same)
    out = photo.parent / "new folder"
    assert run("image", photo, other, same, photo, "-o", f"{out}/", "--model", red_model)[0] == 0
    assert {p.name for p in out.iterdir()} == {"photo.png.png", "photo.jpg.png", "Äpfel und 人.png"}


def test_folders_are_mirrored(run: Run, red_model: Path, photo: Path) -> None:
    top = photo.parent / "in"
    (top / "a" / "b").mkdir(parents=True)
    for place in ("x.png", "a/x.png", "a/b/y.png"):
        (top / place).write_bytes(photo.read_bytes())
    (top / "notes.txt").write_text("not a picture")
    (top / ".hidden.png").write_bytes(b"not looked at")
    out = top / "out"  # inside: its pictures are not taken for inputs the second time
    for _ in range(2):
        assert run("image", top, "-o", out, "--format", "webp", "--model", red_model)[0] == 0
    written = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert written == {"x.webp", "a/x.webp", "a/b/y.webp"}


def test_the_rest_of_a_folder_is_done(run: Run, red_model: Path, photo: Path) -> None:
    top = photo.parent / "in"
    top.mkdir()
    for name in ("a.png", "c.png"):
        (top / name).write_bytes(photo.read_bytes())
    (top / "b.png").write_bytes(photo.read_bytes()[:200])
    code, out, err = run("image", top, "-o", photo.parent / "out", "--json", "--model", red_model)
    assert code == 3
    assert "b.png" in err
    assert "1 of 3 pictures failed" in err
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["exit_code"] for line in lines] == [0, 3, 0]
    assert len({tuple(line) for line in lines}) == 1
    assert {p.name for p in (photo.parent / "out").iterdir()} == {"a.png", "c.png"}


def test_stdin_to_stdout(
    red_model: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(photo.read_bytes())))
    sink = SimpleNamespace(buffer=io.BytesIO(), isatty=lambda: False, flush=lambda: None)
    monkeypatch.setattr(sys, "stdout", sink)
    code, _, err = run("image", "-", "-o", "-", "--format", "webp", "--model", red_model)
    assert (code, err) == (0, "")
    picture = Image.open(io.BytesIO(sink.buffer.getvalue()))
    assert (picture.format, picture.size, picture.mode) == ("WEBP", (96, 120), "RGBA")
