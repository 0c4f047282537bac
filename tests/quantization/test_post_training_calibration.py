"""The pictures that ranges are measured on: which are taken, and what is said before the work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livematte.errors import InputError, UsageError
from livematte.quantization.calibration import open_calibration
from livematte.spec import ModelSpec

SPEC = ModelSpec("m", 8, 6)


def grey(path: Path, level: int, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (12, 16), (level,) * 3 if mode == "RGB" else level).save(path)


def levels(folder: Path, **options: int) -> list[int]:
    return [int(image[0, 0, 0]) for image in open_calibration(folder, SPEC, **options).images]


def test_a_folder_of_pictures_at_any_depth(tmp_path: Path) -> None:
    for level in range(20):
        grey(tmp_path / "deep" / f"{level:02}.png", level)
    (tmp_path / "notes.txt").write_text("no picture")
    found = open_calibration(tmp_path, SPEC)
    assert len(found) == 20
    assert {image.shape for image in found.images} == {(8, 6, 3)}
    batches = found.batches()
    assert batches[3].shape == (1, 3, 8, 6)
    np.testing.assert_allclose(batches[3], 3 / 255, atol=1e-6)


def test_the_seed_decides_which(tmp_path: Path) -> None:
    for level in range(20):
        grey(tmp_path / f"{level:02}.png", level)
    first = levels(tmp_path, count=5)
    assert len(set(first)) == 5
    assert levels(tmp_path, count=5) == first
    assert levels(tmp_path, count=5, seed=1) != first


def test_of_a_dataset_the_pictures_for_training(tmp_path: Path) -> None:
    for level in range(4):
        grey(tmp_path / "images" / f"{level}.png", level)
        grey(tmp_path / "masks" / f"{level}.png", 255, "L")
    listed = {tmp_path.name: {"validation": ["2", "3"]}}
    (tmp_path / "splits.json").write_text(json.dumps(listed))
    assert levels(tmp_path) == [0, 1]


def test_what_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent: no such folder; give a folder of pictures"):
        open_calibration(tmp_path / "absent", SPEC)
    with pytest.raises(InputError, match=r"no pictures to calibrate on; give a folder of pict"):
        open_calibration(tmp_path, SPEC)
    grey(tmp_path / "a.png", 1)
    (tmp_path / "b.jpg").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=rf"{tmp_path.name}: cannot be used .*b\.jpg"):
        open_calibration(tmp_path, SPEC)
    with pytest.raises(UsageError, match="0 pictures"):
        open_calibration(tmp_path, SPEC, count=0)
