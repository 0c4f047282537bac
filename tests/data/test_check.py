"""The check names every file that would spoil training, and is silent about a clean set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from typer.testing import CliRunner

from livematte.cli.data import app
from livematte.data.check import Report, check
from livematte.data.duplicates import duplicate_groups, duplicate_pairs, fingerprint
from livematte.data.inspection import rings_like_jpeg
from livematte.errors import InputError

HEIGHT, WIDTH = 64, 48


def scene(seed: int) -> np.ndarray:
    """A picture with structure of its own at every scale."""
    rng = np.random.default_rng(seed)
    layers = [
        np.array(
            Image.fromarray(rng.integers(0, 255, (n * 4, n * 3, 3), np.uint8)).resize(
                (WIDTH, HEIGHT), Image.Resampling.BICUBIC
            ),
            np.float64,
        )
        for n in (1, 2, 5)
    ]
    return np.clip(np.mean(layers, axis=0), 0, 255).astype(np.uint8)


def disc(radius: float = 14) -> np.ndarray:
    y, x = np.indices((HEIGHT, WIDTH))
    return np.where(np.hypot(y - 36, x - 24) < radius, 255, 0).astype(np.uint8)


def add(root: Path, name: str, image: np.ndarray, mask: np.ndarray) -> None:
    for folder, array in (("images", image), ("masks", mask)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(root / folder / f"{name}.png")


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    root = tmp_path / "people"
    for i in range(6):
        add(root, f"p{i}", scene(i), disc())
    lists = {"people": {"validation": ["p0", "p1"]}}
    (tmp_path / "splits.json").write_text(json.dumps(lists))
    return root


def found(report: Report) -> dict[str, list[tuple[str, ...]]]:
    kinds: dict[str, list[tuple[str, ...]]] = {}
    for problem in report.problems:
        kinds.setdefault(problem.kind, []).append(problem.files)
    return kinds


def test_a_clean_set_is_clean(clean):
    calls = []
    report = check(clean, progress=lambda done, total: calls.append((done, total)))
    assert report.problems == ()
    assert not report.serious
    assert report.samples == {"people": 6}
    assert calls == [(i + 1, 6) for i in range(6)]


def test_no_dataset(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        check(tmp_path / "absent")
    with pytest.raises(InputError, match="not a dataset"):
        check(tmp_path)


def test_broken_files(clean):
    (clean / "images" / "p0.png").write_bytes(b"")
    (clean / "masks" / "p1.png").write_bytes(b"junk")
    (clean / "masks" / "p2.png").unlink()
    Image.fromarray(disc()[:-4]).save(clean / "masks" / "p3.png")
    report = check(clean)
    assert report.serious
    assert found(report) == {
        "unreadable": [("images/p0.png",), ("masks/p1.png",)],
        "missing-pair": [("images/p2.png",)],
        "size-mismatch": [("images/p3.png", "masks/p3.png")],
    }


def test_masks_that_make_no_sense(clean):
    Image.fromarray(disc() * 0).save(clean / "masks" / "p0.png")
    Image.fromarray(disc(999)).save(clean / "masks" / "p1.png")
    Image.fromarray(disc() // 255).save(clean / "masks" / "p2.png")
    both = disc()
    both[:4] = 1
    Image.fromarray(both).save(clean / "masks" / "p3.png")
    report = check(clean)
    assert found(report) == {
        "empty-mask": [("masks/p0.png",)],
        "ambiguous-values": [("masks/p3.png",)],
        "mixed-values": [("masks/p2.png",)],
        "full-mask": [("masks/p1.png",)],
    }
    assert report.serious


def test_arrays(tmp_path):
    masks = np.stack([disc(), disc() * 0, disc(999)])
    np.save(tmp_path / "img_uint8.npy", np.stack([scene(i) for i in range(3)]))
    np.save(tmp_path / "msk_uint8.npy", masks)
    assert found(check(tmp_path)) == {"empty-mask": [("00001",)], "full-mask": [("00002",)]}


def test_an_interrupted_check_stops_at_once(clean):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(clean, progress=stop)


def test_jpeg_masks_are_a_note(clean):
    (clean / "masks" / "p0.png").unlink()
    Image.fromarray(disc()).save(clean / "masks" / "p0.jpg", quality=70)
    with Image.open(clean / "masks" / "p0.jpg") as lossy:
        lossy.save(clean / "masks" / "p1.png")
    report = check(clean)
    assert found(report) == {
        "jpeg-mask": [("masks/p0.jpg",)],
        "jpeg-artefacts": [("masks/p1.png",)],
    }
    assert not report.serious


def test_a_soft_matte_does_not_look_like_jpeg():
    large = Image.fromarray(disc()).resize((WIDTH * 4, HEIGHT * 4), Image.Resampling.NEAREST)
    smooth = large.resize((100, 130), Image.Resampling.BICUBIC)
    assert not rings_like_jpeg(np.array(smooth))
    blurred = large.filter(ImageFilter.GaussianBlur(3))
    assert not rings_like_jpeg(np.array(blurred))
    assert not rings_like_jpeg(disc())
    assert not rings_like_jpeg(disc()[:5])


class TestDuplicates:
    def test_across_the_split_is_an_error_and_within_a_note(self, clean):
        # p0 validates, p5 trains; p2 and p3 both train.
        smaller = Image.fromarray(scene(0)).resize((40, 56), Image.Resampling.LANCZOS)
        add(clean, "p5", np.array(smaller.resize((WIDTH, HEIGHT))), disc())
        add(clean, "p3", scene(2)[:, ::-1], disc())
        report = check(clean)
        assert found(report) == {
            "split-duplicate": [("images/p0.png", "images/p5.png")],
            "duplicate": [("images/p2.png", "images/p3.png")],
        }
        assert report.serious
        assert report.problems[0].detail == "validation, train"

    def test_an_excluded_twin_does_no_harm(self, clean):
        add(clean, "p5", scene(0), disc())
        lists = {"people": {"validation": ["p0"], "excluded": ["p5"]}}
        (clean.parent / "splits.json").write_text(json.dumps(lists))
        assert check(clean).problems == ()

    def test_sets_and_backgrounds_are_compared_with_each_other(self, clean):
        rooms = clean.parent / "rooms" / "images"
        rooms.mkdir(parents=True)
        Image.fromarray(scene(4)).save(rooms / "room.png")
        Image.fromarray(scene(77)).save(rooms / "hall.png")
        lists = {"people": {"validation": ["p4"]}, "rooms": {"validation": ["hall"]}}
        (clean.parent / "splits.json").write_text(json.dumps(lists))
        report = check(clean.parent)
        assert report.samples == {"people": 6, "rooms": 2}
        assert found(report) == {
            "split-duplicate": [("people/images/p4.png", "rooms/images/room.png")]
        }

    def test_survives_compression_and_light_but_not_another_picture(self, tmp_path):
        pictures = [scene(i) for i in range(30)]
        Image.fromarray(pictures[3]).save(tmp_path / "a.jpg", quality=40)
        with Image.open(tmp_path / "a.jpg") as lossy:
            pictures.append(np.array(lossy))
        pictures.append(np.clip(pictures[7] * 0.7 + 30, 0, 255).astype(np.uint8))
        pairs = duplicate_pairs([fingerprint(picture) for picture in pictures])
        assert pairs.tolist() == [[3, 30], [7, 31]]

    def test_flat_pictures_are_not_called_the_same(self):
        flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        assert len(duplicate_pairs([fingerprint(flat), fingerprint(flat + 40)])) == 0
        assert len(duplicate_pairs([])) == 0

    def test_pairs_join_to_groups(self):
        pairs = np.array([[0, 4], [2, 3], [3, 9], [4, 5]])
        assert duplicate_groups(pairs) == [(0, 4, 5), (2, 3, 9)]


class TestCommand:
    def test_clean(self, clean):
        result = CliRunner().invoke(app, ["check", str(clean)])
        assert result.exit_code == 0
        assert "people: 6 samples" in result.stdout
        assert "no problems found" in result.stdout

    def test_serious_findings_exit_with_3_and_name_the_file(self, clean):
        (clean / "images" / "p0.png").write_bytes(b"")
        result = CliRunner().invoke(app, ["check", str(clean)])
        assert result.exit_code == 3
        assert "error: files that cannot be read: 1" in result.stdout
        assert "images/p0.png" in result.stdout

    def test_json(self, clean):
        Image.fromarray(disc(999)).save(clean / "masks" / "p1.png")
        result = CliRunner().invoke(app, ["check", str(clean), "--json"])
        report = json.loads(result.stdout)
        assert result.exit_code == 0
        assert report["counts"] == {"full-mask": 1}
        assert report["serious"] is False
        assert report["problems"][0]["files"] == ["masks/p1.png"]
