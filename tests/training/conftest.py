"""A tiny dataset of composites, and a recipe that trains on it in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from livematte.training.recipe import Recipe, parse_recipe

TINY = """
name: tiny
network: livematte
source: test
options: {width: 0.35, decoder: [16, 16, 16, 16], repeats: 1}
ema: 0.9
clip: 1.0
optimiser: {kind: adamw, decay: 0.0}
schedule: {kind: cosine}
stages:
  - {epochs: 3, batch_size: 4, size: [64, 64], rate: 0.003}
data: {stored_size: 64}
"""

STILL = """
augment:
  {flip_p: 0, rotation: 0, scale: [1, 1], shift: 0, stretch: 1, brightness: 0, contrast: 0,
   saturation: 0, local_light: 0, temperature: 0, dark_p: 0, gaussian_p: 0, motion_p: 0,
   median_p: 0, noise_p: 0, jpeg_p: 0, grey_p: 0}
"""


def write_composites(root: Path, count: int, held_out: int) -> Path:
    """Bright round people in front of dark noise, as images/, masks/ and splits.json."""
    rng = np.random.default_rng(3)
    folder = root / "composites"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    rows, columns = np.mgrid[:64, :64]
    for index in range(count):
        x, y, r = rng.uniform(20, 44), rng.uniform(20, 44), rng.uniform(12, 20)
        mask = (columns - x) ** 2 + (rows - y) ** 2 < r**2
        picture = rng.integers(0, 120, (64, 64, 3))
        person = rng.integers(120, 255, 3) + rng.integers(-20, 20, (64, 64, 3))
        picture = np.where(mask[..., None], person, picture).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{index:02}.png"), picture)
        cv2.imwrite(str(folder / "masks" / f"{index:02}.png"), mask.astype(np.uint8) * 255)
    names = [f"{index:02}" for index in range(count - held_out, count)]
    (folder / "splits.json").write_text(json.dumps({"composites": {"validation": names}}))
    return folder


@pytest.fixture(scope="session")
def composites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight composites to train on and two to validate on."""
    return write_composites(tmp_path_factory.mktemp("data"), 10, 2)


@pytest.fixture
def tiny() -> Recipe:
    """Three epochs of two steps."""
    return parse_recipe(TINY, "tiny")


@pytest.fixture
def still() -> Recipe:
    """The same without augmentation."""
    return parse_recipe(TINY + STILL, "still")
