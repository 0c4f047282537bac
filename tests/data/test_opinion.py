"""A model's opinion: what it doubts, what it proposes, and what stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from livematte.cli import app
from livematte.data.datasets import Backgrounds, open_dataset
from livematte.data.files import write_picture
from livematte.data.opinion import DOUBTS, OpinionConfig, clean, contradicted, proposal, propose
from livematte.data.reading import VOID, mask_values
from livematte.errors import InputError, OutputError, UsageError

HEIGHT, WIDTH = 120, 160
CONFIG = OpinionConfig(sure=0.9, reach=0.01)  # 2 pixels either way: squares of 5


def block(top: int, left: int, height: int, width: int) -> NDArray[np.float32]:
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[top : top + height, left : left + width] = 1
    return matte


PERSON = block(40, 40, 80, 40)
PASSER_BY = block(60, 120, 60, 30)


def test_a_sure_model_is_heard_on_wide_parts_alone() -> None:
    wider = block(38, 38, 82, 44)  # the same person, outlined two pixels further out
    assert not contradicted(PERSON, wider, CONFIG).any()
    assert np.array_equal(contradicted(PERSON, wider + PASSER_BY, CONFIG), PASSER_BY > 0)
    assert np.array_equal(contradicted(PERSON + PASSER_BY, PERSON, CONFIG), PASSER_BY > 0)
    unsure = PERSON + 0.8 * PASSER_BY
    assert not contradicted(PERSON, unsure, CONFIG).any()
    assert contradicted(PERSON, unsure, OpinionConfig(sure=0.75)).any()


def test_a_proposal_leaves_open_what_the_model_is_not_sure_of() -> None:
    matte = PERSON + 0.6 * PASSER_BY
    matte[40:120, 80:82] = 0.4  # a soft outline is no doubt
    mask = proposal(matte, CONFIG)
    assert np.array_equal(mask == VOID, PASSER_BY > 0)
    assert np.array_equal(mask == 255, PERSON > 0)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Four pictures: two to train on, one held out, one left out; b's mask lacks a passer-by.

    The red channel is what a model sees in them.
    """
    root = tmp_path / "street"
    for name in "abcd":
        seen = PERSON + PASSER_BY if name in "bc" else PERSON
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        image[..., 0] = seen * 255
        mask = (PERSON * 255).astype(np.uint8)
        if name == "a":
            mask[:10] = VOID
        write_picture(root / "images" / f"{name}.png", image)
        write_picture(root / "masks" / f"{name}.png", mask)
    split = {"street": {"validation": ["c"], "excluded": ["d"]}}
    (root / "splits.json").write_text(json.dumps(split))
    return root


def red(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return image[..., 0].astype(np.float32) / np.float32(255)


def test_only_masks_that_are_trained_on_are_cleaned(photographs: Path, tmp_path: Path) -> None:
    output = tmp_path / "cleaned"
    (doubt,) = clean(photographs, red, output, config=CONFIG)
    assert doubt.name == "b"
    assert doubt.share == pytest.approx(PASSER_BY.mean())
    assert (output / DOUBTS).read_text().splitlines() == ["name,share", f"b,{doubt.share:.4f}"]
    for split, names in (("train", ("a", "b")), ("validation", ("c",))):
        assert open_dataset(output, split=split).names == names
    for name in "ac":
        before, after = (mask_values(f / "masks" / f"{name}.png") for f in (photographs, output))
        assert np.array_equal(before, after)
    cleaned = mask_values(output / "masks" / "b.png")
    assert np.array_equal(cleaned == VOID, PASSER_BY > 0)
    assert np.array_equal(cleaned == 255, PERSON > 0)
    for name in "abc":
        copy, picture = (f / "images" / f"{name}.png" for f in (output, photographs))
        assert copy.read_bytes() == picture.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        clean(photographs, red, output)


def test_a_set_of_which_nobody_is_held_out_is_cleaned(photographs: Path, tmp_path: Path) -> None:
    (photographs / "splits.json").write_text(json.dumps({"street": {"validation": []}}))
    doubts = clean(photographs, red, tmp_path / "cleaned", config=CONFIG)
    assert {doubt.name for doubt in doubts} == {"b", "c"}


def test_doubted_mattes_become_hard_masks(photographs: Path, tmp_path: Path) -> None:
    """Greys have no value left for void; mattes without doubts keep theirs."""
    smooth = cv2.blur(PERSON * 255, (3, 3)).astype(np.uint8)
    for name in "ab":
        write_picture(photographs / "masks" / f"{name}.png", smooth)
    (doubt,) = clean(photographs, red, tmp_path / "cleaned", config=CONFIG)
    assert doubt.name == "b"
    kept, cleaned = (mask_values(tmp_path / "cleaned" / "masks" / f"{n}.png") for n in "ab")
    assert np.array_equal(kept, smooth)
    assert np.array_equal(cleaned == VOID, PASSER_BY > 0)
    assert np.array_equal(cleaned == 255, smooth > 127)


def test_masks_are_proposed_for_pictures_without(photographs: Path, tmp_path: Path) -> None:
    output = tmp_path / "proposed"

    def faint(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return red(image) * np.where(PASSER_BY > 0, 0.6, 1).astype(np.float32)

    doubts = propose(Backgrounds.open(photographs / "images"), faint, output, config=CONFIG)
    assert {doubt.name for doubt in doubts} == {"b", "c"}
    dataset = open_dataset(output)
    assert dataset.names == ("a", "b", "c", "d")
    sample = dataset.load(1)
    assert sample.ignore is not None
    assert np.array_equal(sample.ignore, PASSER_BY > 0)
    assert np.array_equal(sample.alpha, PERSON)


def test_what_is_no_single_set_is_refused(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        clean(tmp_path / "nowhere", red, tmp_path / "out" / "cleaned")
    with pytest.raises(UsageError, match="one set"):
        clean(photographs.parent, red, tmp_path / "out" / "cleaned")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["clean", "propose"])
def test_the_commands_use_the_bundled_model(
    photographs: Path, tmp_path: Path, command: str
) -> None:
    source = photographs if command == "clean" else photographs / "images"
    output = tmp_path / command
    result = CliRunner().invoke(app, ["data", command, str(source), "-o", str(output)])
    assert result.exit_code == 0, result.output
    assert str(output / DOUBTS) in result.output.replace("\n", "")
    assert len(list((output / "masks").iterdir())) == (3 if command == "clean" else 4)
