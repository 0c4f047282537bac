"""Composites: plausible places, honest mattes, and runs that can be taken up again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from livematte.cli.data import app
from livematte.data.cutouts import choke, cut_out, is_matte, warp_cutout
from livematte.data.datasets import Backgrounds, open_dataset
from livematte.data.harmonise import (
    Colour,
    cast_shadow,
    contact_shadow,
    light_wrap,
    match_colour,
    match_light,
)
from livematte.data.placement import Box, Placement, person_box, place
from livematte.data.production import produce
from livematte.data.sample import Sample
from livematte.data.synthesis import SynthesisConfig, synthesize
from livematte.errors import InputError, OutputError

HEIGHT, WIDTH = 96, 72
SMALL = SynthesisConfig(size=96, shadow=True)


def bust() -> np.ndarray:
    """A head on shoulders that the lower edge cuts off: H×W bool."""
    y, x = np.indices((HEIGHT, WIDTH))
    head = np.hypot((y - 36) / 1.2, x - 36) < 15
    return head | ((y > 60) & (abs(x - 36) < 12 + (y - 60) * 0.6))


def portrait(seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    mask = bust()
    image = np.where(mask[..., None], (200, 60, 50), (40, 160, 60)).astype(np.float64)
    image += rng.normal(0, 6, image.shape)
    image = np.clip(image, 0, 255).astype(np.uint8)
    return Sample(image, mask.astype(np.float32), None, f"p{seed}", soft=False)


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Path, Path]:
    people, rooms = tmp_path / "people", tmp_path / "rooms"
    for folder in (people / "images", people / "masks", rooms):
        folder.mkdir(parents=True)
    for i in range(4):
        sample = portrait(i)
        Image.fromarray(sample.image).save(people / "images" / f"{i}.png")
        Image.fromarray((sample.alpha * 255).astype(np.uint8)).save(people / "masks" / f"{i}.png")
        noise = np.random.default_rng(i).integers(0, 255, (6, 8, 3), np.uint8)
        room = Image.fromarray(noise).resize((128, 96), Image.Resampling.BICUBIC)
        room.save(rooms / f"{i}.png")
    return people, rooms


class TestPlacement:
    def test_box_and_cut_sides(self):
        box = person_box(bust().astype(np.float32))
        assert box is not None
        assert box.bottom == HEIGHT
        assert box.cut == {"bottom"}
        assert person_box(np.zeros((4, 4), np.float32)) is None

    @pytest.mark.parametrize("side", ["bottom", "top", "left", "right"])
    @pytest.mark.parametrize("breadth", [None, 0.4])
    def test_a_cut_side_stays_outside_the_picture(self, side, breadth):
        source = (100, 80)
        edges = {"top": 30, "bottom": 70, "left": 20, "right": 60}
        edges[side] = {"top": 0, "bottom": 100, "left": 0, "right": 80}[side]
        box = Box(**edges, cut=frozenset({side}))
        rng = np.random.default_rng(1)
        for _ in range(50):
            p = place(box, source, (120, 90), rng, breadth=breadth)
            low, high = (80 - box.right, 80 - box.left) if p.mirror else (box.left, box.right)
            left, right = p.left + p.scale * low, p.left + p.scale * high
            top, bottom = p.top + p.scale * box.top, p.top + p.scale * box.bottom
            swapped = {"left": "right", "right": "left"}.get(side, side) if p.mirror else side
            outside = {
                "left": left <= 0,
                "right": right >= 90,
                "top": top <= 0,
                "bottom": bottom >= 120,
            }
            assert outside[swapped]

    def test_somebody_cut_on_both_sides_fills_the_width(self):
        box = Box(10, 100, 0, 80, frozenset({"left", "right", "bottom"}))
        rng = np.random.default_rng(2)
        for _ in range(30):
            p = place(box, (100, 80), (90, 160), rng, breadth=0.3)
            assert p.left <= 0
            assert p.left + p.scale * 80 >= 160


class TestCutouts:
    def test_choking_moves_the_edge_inwards_and_softens_it(self):
        alpha = bust().astype(np.float32)
        choked = choke(alpha)
        assert (choked <= alpha + 1e-6).all()
        assert 0.8 < choked.sum() / alpha.sum() < 0.98
        assert ((choked > 0.1) & (choked < 0.9)).any()
        assert choked[-1].max() == 1  # not at the picture's rim

    def test_real_mattes_are_told_from_smoothed_edges(self):
        alpha = bust().astype(np.float32)
        assert not is_matte(alpha)
        assert not is_matte(choke(alpha))
        y, x = np.indices((HEIGHT, WIDTH))
        hair = np.clip((30 - np.hypot(y - 40, x - 36)) / 18, 0, 1).astype(np.float32)
        assert is_matte(hair)

    def test_the_old_background_does_not_show_through(self):
        cutout = cut_out(portrait())
        assert cutout is not None
        rim = (cutout.alpha > 0.02) & (cutout.alpha < 0.98)
        red, green = cutout.colour[rim][:, 0], cutout.colour[rim][:, 1]
        assert red.mean() > 0.65
        assert green.mean() < 0.35

    def test_nobody_and_doubtful_people_are_left_alone(self):
        sample = portrait()
        empty = Sample(sample.image, sample.alpha * 0, None, "e", soft=False)
        assert cut_out(empty) is None
        unclear = Sample(sample.image, sample.alpha, ~bust(), "v", soft=False)
        assert cut_out(unclear) is None

    @pytest.mark.parametrize("scale", [0.5, 1.0, 1.6])
    @pytest.mark.parametrize("mirror", [False, True])
    def test_warping_goes_where_the_placement_says(self, scale, mirror):
        cutout = cut_out(portrait())
        assert cutout is not None
        placement = Placement(scale, 10.0, 5.0, mirror)
        _, alpha = warp_cutout(cutout, placement, (180, 160))
        y, x = np.indices(alpha.shape) + 0.5
        sy, sx = np.indices(cutout.alpha.shape) + 0.5
        mass, source = alpha.sum(), cutout.alpha.sum()
        middle = (cutout.alpha * sx).sum() / source
        middle = WIDTH - middle if mirror else middle
        assert mass == pytest.approx(source * scale**2, rel=0.02)
        assert (alpha * x).sum() / mass == pytest.approx(10 + scale * middle, abs=0.3)
        down = (cutout.alpha * sy).sum() / source
        assert (alpha * y).sum() / mass == pytest.approx(5 + scale * down, abs=0.5)


class TestHarmony:
    alpha = bust().astype(np.float32)
    person = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)

    def background(self, *rgb: float) -> np.ndarray:
        return np.full((HEIGHT, WIDTH, 3), rgb, np.float32)

    def test_colour_goes_towards_the_background_but_not_all_the_way(self):
        warm = match_colour(
            self.person, self.alpha, self.background(0.8, 0.5, 0.3), Colour(1, 0, 0)
        )
        assert (warm[..., 0] > warm[..., 2] + 0.03).all()
        assert warm[..., 0].max() < 0.8
        same = match_colour(
            self.person, self.alpha, self.background(0.9, 0.1, 0.1), Colour(0, 0, 0)
        )
        np.testing.assert_allclose(same, self.person, atol=2e-3)

    def test_black_and_white_keep_their_lightness(self):
        person = self.person.copy()
        person[:20], person[20:40] = 0, 1
        light = match_colour(person, self.alpha, self.background(1, 1, 1), Colour(0, 1, 0))
        np.testing.assert_allclose(light[:20], 0, atol=0.01)
        np.testing.assert_allclose(light[20:40], 1, atol=0.01)
        assert light[60:].mean() > 0.6

    def test_light_falls_from_the_bright_side(self):
        window = self.background(0.1, 0.1, 0.1)
        window[:, : WIDTH // 3] = 1
        lit = match_light(self.person, self.alpha, window, 1.0)
        assert lit[:, 10].mean() > 1.2 * lit[:, -10].mean()

    def test_light_wrap_brightens_the_rim_only(self):
        wrapped = light_wrap(self.person, self.alpha, self.background(1, 1, 1), 1.0)
        gain = (wrapped - self.person).mean(axis=2)
        assert gain[36, 22] > 0.02  # beside the edge of the head
        assert gain[36, 36] < 0.005
        dark = light_wrap(self.person, self.alpha, self.background(0, 0, 0), 1.0)
        np.testing.assert_allclose(dark, self.person, atol=1e-6)

    def test_shadows_fall_beside_and_under_the_person(self):
        wall = cast_shadow(self.alpha, (12.0, 0.0), 2.0)
        assert wall[36, 60] > 0.5 > wall[36, 14]
        standing = np.zeros((HEIGHT, WIDTH), np.float32)
        standing[20:80, 30:42] = 1
        floor = contact_shadow(standing, 0.5)
        assert floor[80, 36] > 0.5
        assert floor[74, 48] > floor[74, 24]
        assert floor[:40].max() < 0.05
        assert not contact_shadow(standing * 0, 0.5).any()


class TestSynthesis:
    def test_same_chance_same_composite(self, sources):
        people, rooms = open_dataset(sources[0]), Backgrounds.open(sources[1])
        first, second, other = (
            synthesize(people, rooms, np.random.default_rng(s), SMALL) for s in (3, 3, 4)
        )
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.alpha, second.alpha)
        assert first.record == second.record
        assert first.record != other.record

    def test_what_comes_out(self, sources):
        people, rooms = open_dataset(sources[0]), Backgrounds.open(sources[1])
        crowd = SynthesisConfig(size=96, crowd=(0, 0, 1))
        for seed in range(5):
            made = synthesize(people, rooms, np.random.default_rng(seed), crowd)
            assert made.image.dtype == np.uint8
            assert made.image.shape == (*made.alpha.shape, 3)
            assert max(made.alpha.shape) <= 97
            assert 0 <= made.alpha.min() <= made.alpha.max() <= 1
            assert made.alpha.max() > 0.99
            assert len(made.record["people"]) == 3
            assert made.alpha[-1].max() > 0.9  # busts stay cut by the lower edge

    def test_a_grey_person_makes_a_grey_picture(self, sources):
        for path in (sources[0] / "images").iterdir():
            with Image.open(path) as picture:
                grey = picture.convert("L").convert("RGB")
            grey.save(path)
        people, rooms = open_dataset(sources[0]), Backgrounds.open(sources[1])
        config = SynthesisConfig(size=96, grain=(0.0, 0.0))
        image = synthesize(people, rooms, np.random.default_rng(1), config).image.astype(int)
        assert abs(image[..., 0] - image[..., 2]).max() <= 1

    def test_nobody_to_cut_out(self, sources):
        for path in (sources[0] / "masks").iterdir():
            Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(path)
        people, rooms = open_dataset(sources[0]), Backgrounds.open(sources[1])
        with pytest.raises(InputError, match="data check"):
            synthesize(people, rooms, np.random.default_rng(1), SMALL)


class TestProduction:
    def run(self, sources, folder, count=3, seed=5, config=SMALL):
        people, rooms = open_dataset(sources[0]), Backgrounds.open(sources[1])
        return produce(people, rooms, folder, count=count, seed=seed, config=config)

    def contents(self, folder: Path) -> dict[str, bytes]:
        files = (p for p in sorted(folder.rglob("*")) if p.is_file())
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}

    def test_a_dataset_comes_out(self, sources, tmp_path):
        out = tmp_path / "out"
        assert self.run(sources, out) == 3
        dataset = open_dataset(out)
        assert dataset.names == ("000000", "000001", "000002")
        sample = dataset.load(0)
        assert sample.soft
        manifest = json.loads((out / "manifest.json").read_text())
        assert manifest["seed"] == 5
        assert list(manifest["items"]) == list(dataset.names)
        assert manifest["items"]["000000"]["size"] == list(sample.alpha.shape[::-1])

    def test_an_interrupted_run_ends_as_an_uninterrupted_one(self, sources, tmp_path):
        whole, parts = tmp_path / "whole", tmp_path / "parts"
        self.run(sources, whole)
        assert self.run(sources, parts, count=1) == 1
        assert self.run(sources, parts, count=3) == 2
        assert self.contents(whole) == self.contents(parts)
        (parts / "masks" / "000001.png").unlink()
        assert self.run(sources, parts) == 1
        assert self.contents(whole) == self.contents(parts)

    def test_a_crash_keeps_what_was_done(self, sources, tmp_path, monkeypatch):
        out = tmp_path / "out"

        def stop(done: int, total: int) -> None:
            if done == 2:
                raise KeyboardInterrupt

        people, rooms = open_dataset(sources[0]), Backgrounds.open(sources[1])
        with pytest.raises(KeyboardInterrupt):
            produce(people, rooms, out, count=3, seed=5, config=SMALL, progress=stop)
        assert list(json.loads((out / "manifest.json").read_text())["items"]) == [
            "000000",
            "000001",
        ]
        assert self.run(sources, out) == 1

    def test_other_settings_are_refused(self, sources, tmp_path):
        self.run(sources, tmp_path / "out", count=1)
        with pytest.raises(OutputError, match="other settings \\(seed\\)"):
            self.run(sources, tmp_path / "out", seed=6)
        with pytest.raises(OutputError, match="options"):
            self.run(sources, tmp_path / "out", config=SynthesisConfig(size=80))

    def test_foreign_folders_are_left_alone(self, sources, tmp_path):
        with pytest.raises(OutputError, match="no manifest"):
            self.run(sources, sources[0])
        blocked = tmp_path / "file"
        blocked.write_text("")
        with pytest.raises(OutputError, match="cannot be written"):
            self.run(sources, blocked)

    def test_a_broken_manifest_is_named(self, sources, tmp_path):
        self.run(sources, tmp_path / "out", count=1)
        (tmp_path / "out" / "manifest.json").write_text("[]")
        with pytest.raises(InputError, match=r"manifest\.json: not a manifest"):
            self.run(sources, tmp_path / "out")


def test_command(sources, tmp_path):
    out = tmp_path / "out"
    arguments = ["synthesize", "--people", str(sources[0]), "--backgrounds", str(sources[1])]
    arguments += ["-o", str(out), "--count", "2", "--seed", "4", "--size", "80", "--shadow"]
    result = CliRunner().invoke(app, [*arguments, "--split", "all"])
    assert result.exit_code == 0, result.output
    assert "2 composites made, 0 were there" in result.stdout
    assert len(open_dataset(out)) == 2
    again = CliRunner().invoke(app, [*arguments, "--split", "all"])
    assert "0 composites made, 2 were there" in again.stdout
    refused = CliRunner().invoke(app, [*arguments, "--split", "half"])
    assert "train and validation" in str(refused.exception)
