"""Datasets are opened, checked and synthesized in the core install."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livematte import data

FOLDER = Path(data.__file__).parent
WITH_TORCH = {"augment", "composite", "priors"}
WITHOUT = sorted(path.stem for path in FOLDER.glob("[!_]*.py") if path.stem not in WITH_TORCH)
# What a core install lacks; scipy is needed for .mat files alone.
BLOCK = """
import sys
for name in ("torch", "lightning", "kornia", "torchmetrics", "onnx", "yaml", "matplotlib", "scipy"):
    sys.modules[name] = None
"""


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def people(tmp_path: Path) -> Path:
    mask = np.zeros((96, 80), np.uint8)
    mask[24:, 20:60] = 255
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 255, (96, 80, 3), np.uint8)
        for folder, array in (("images", pixels), ("masks", mask)):
            (tmp_path / "people" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(tmp_path / "people" / folder / f"{i}.png")
    return tmp_path / "people"


def test_every_module_can_be_imported() -> None:
    code = "".join(f"import livematte.data.{name}\n" for name in WITHOUT)
    answer = python(code)
    assert answer.returncode == 0, answer.stderr


def test_the_house_rule_lists_every_module() -> None:
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    contracts = tomllib.loads(pyproject.read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (rule,) = (c for c in contracts if c["name"].startswith("Data is checked"))
    assert rule["source_modules"] == [f"livematte.data.{name}" for name in WITHOUT]
    assert {"torch", "lightning", "kornia"} < set(rule["forbidden_modules"])


def test_the_commands_run(people: Path, tmp_path: Path) -> None:
    main = "from livematte.cli import main\nmain(sys.argv[1:])"
    looked = python(main, "data", "check", people)
    assert looked.returncode == 0, looked.stderr
    arguments = ("--people", people, "--backgrounds", people / "images", "--count", 2)
    composed = python(
        main, "data", "synthesize", *arguments, "--split", "all", "-o", tmp_path / "out"
    )
    assert composed.returncode == 0, composed.stderr
    assert len(list((tmp_path / "out" / "images").iterdir())) == 2
