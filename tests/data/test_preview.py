"""The contact sheet shows every picture over its matte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from livematte.cli.data import app
from livematte.data.preview import contact_sheet
from livematte.errors import OutputError, UsageError


def test_layout_of_the_sheet():
    images = [np.full((10, 8, 3), 40 * (i + 1), np.uint8) for i in range(5)]
    alphas = [np.full((10, 8), 0.5, np.float32) for _ in images]
    void = np.zeros((10, 8), bool)
    void[0] = True
    sheet = contact_sheet(images, alphas, ignore=[void, *[None] * 4], columns=3)
    cell = (10 * 2 + 12, 8 + 12)
    assert sheet.shape == (2 * cell[0], 3 * cell[1], 3)
    assert (sheet[6:16, 6:14] == 40).all()
    assert (sheet[6:16, 26:34] == 80).all()
    assert (sheet[17:26, 6:14] == 128).all()
    red, green, blue = sheet[16, 6].astype(int)
    assert red > green > blue
    assert (sheet[-1, -1] == 245).all()


def test_priors_get_a_row_of_their_own():
    image = np.zeros((4, 4, 3), np.uint8)
    alpha, prior = np.zeros((4, 4), np.float32), np.ones((4, 4), np.float32)
    sheet = contact_sheet([image], [alpha], priors=[prior])
    assert sheet.shape == (12 + 12, 16, 3)
    assert (sheet[14:18, 6:10] == 255).all()


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for name in ("images", "masks"):
        (tmp_path / "people" / name).mkdir(parents=True)
    for i in range(12):
        image = np.random.default_rng(i).integers(0, 255, (24, 20, 3), np.uint8)
        mask = np.zeros((24, 20), np.uint8)
        mask[8:, 5:15] = 255
        Image.fromarray(image).save(tmp_path / "people" / "images" / f"{i}.png")
        Image.fromarray(mask).save(tmp_path / "people" / "masks" / f"{i}.png")
    return tmp_path / "people"


def invoke(people: Path, output: Path):
    plain = ["data.weights={}", "data.cutouts=[]", "data.backgrounds=[]", "data.upper_body=[]"]
    plain += ["stages.0.size=[32, 48]", "data.stored_size=32"]
    options = [word for item in plain for word in ("--set", item)]
    arguments = ["preview", str(people), "-o", str(output), "--recipe", "portraitnet-video"]
    return CliRunner().invoke(app, [*arguments, "--count", "4", *options])


def test_command_draws_what_training_draws(people, tmp_path):
    output = tmp_path / "sheet.png"
    result = invoke(people, output)
    assert result.exit_code == 0, result.output
    with Image.open(output) as sheet:
        assert sheet.size == (4 * (48 + 12), 3 * 32 + 12)  # picture, matte and prior
    first = output.read_bytes()
    invoke(people, output)
    assert output.read_bytes() == first


def test_places_that_cannot_be_written(people, tmp_path):
    assert isinstance(invoke(people, tmp_path / "sheet.jpg").exception, UsageError)
    (tmp_path / "file").touch()
    blocked = invoke(people, tmp_path / "file" / "sheet.png").exception
    assert isinstance(blocked, OutputError)
