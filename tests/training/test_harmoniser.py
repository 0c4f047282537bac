"""Training a harmoniser: what is disturbed, what is learned, and that a run can be resumed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from livematte.cli import main
from livematte.effects.harmoniser import Correction
from livematte.effects.harmoniser import Harmoniser as OpenHarmoniser
from livematte.errors import ModelError, UsageError
from livematte.export.harmoniser import export_harmoniser
from livematte.networks.harmoniser import Harmoniser, apply_correction, correction_length
from livematte.training.disturbing import DisturbanceConfig, draw_disturbance
from livematte.training.harmoniser import load_harmoniser, train_harmoniser
from livematte.training.harmoniser_recipe import HarmoniserRecipe, load_harmoniser_recipe

TINY = (
    "size=16", "width=8", "segments=4", "batch_size=8", "steps=4", "every=2", "warmup=1",
    "data={stored_size: 32}",
)  # fmt: skip


@pytest.fixture
def recipe() -> HarmoniserRecipe:
    """Four steps, validated twice."""
    return load_harmoniser_recipe(None, TINY)


def test_disturbances_are_repeatable_and_as_strong_as_asked() -> None:
    picture = torch.rand(8, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    config = DisturbanceConfig(nothing_p=0.0, part_p=1.0)

    def change(amount: float) -> torch.Tensor:
        torch.manual_seed(5)
        return draw_disturbance(8, config, amount=amount)(picture)

    assert torch.equal(change(1.0), change(1.0))
    assert torch.allclose(change(0.0), picture, atol=1e-5)
    weak, strong = ((change(x) - picture).abs().mean() for x in (0.3, 1.0))
    assert 0.01 < weak < strong
    assert change(1.0).min() >= 0
    assert change(1.0).max() <= 1
    none = draw_disturbance(8, DisturbanceConfig(nothing_p=1.0))(picture)
    assert torch.allclose(none, picture, atol=1e-5)


def test_runtime_and_training_apply_the_same_correction() -> None:
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    numbers = rng.normal(0, 0.2, correction_length(6)).astype(np.float32)
    image = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float() / 255
    wanted = apply_correction(image, torch.from_numpy(numbers)[None])
    wanted = (wanted[0].clamp(0, 1) * 255).permute(1, 2, 0).numpy()
    applied = Correction(numbers, np.zeros(3, np.float32))(pixels)
    assert np.abs(applied - wanted).max() < 0.51


def test_a_fresh_network_leaves_colours_alone() -> None:
    image, alpha = torch.rand(2, 3, 16, 16), torch.rand(2, 1, 16, 16)
    correction = Harmoniser(size=16).eval()(image, alpha)
    assert torch.allclose(apply_correction(image, correction), image, atol=1e-6)
    with pytest.raises(UsageError, match="multiple of 8"):
        Harmoniser(size=20)


def test_it_learns_to_undo(composites: Path, recipe: HarmoniserRecipe, tmp_path: Path) -> None:
    overrides = (
        *TINY[:4], "steps=150", "every=150", "warmup=5", "rate=0.01", "average=0.9", "whole_p=0",
        "data={stored_size: 32}", "geometry={rotation: 0, scale: [1, 1], shift: 0, stretch: 1}",
        "disturbance={temperature: 0, tint: 0, contrast: 0, saturation: 0, curve: 0, part_p: 1}",
    )  # fmt: skip
    recipe = load_harmoniser_recipe(None, overrides)
    result = train_harmoniser(recipe, composites, tmp_path / "run")
    assert result.finished
    assert result.scores.after < 0.7 * result.scores.before


def test_resume_equals_no_interruption(
    composites: Path, recipe: HarmoniserRecipe, tmp_path: Path
) -> None:
    whole = train_harmoniser(recipe, composites, tmp_path / "whole")
    times = iter(range(0, 10_000, 100))
    half = train_harmoniser(
        recipe, composites, tmp_path / "half", max_minutes=1, clock=lambda: float(next(times))
    )
    assert (half.steps, half.finished) == (2, False)
    resumed = train_harmoniser(recipe, composites, tmp_path / "half", resume=True)
    assert (resumed.steps, resumed.finished) == (4, True)
    assert resumed.scores == whole.scores
    one, other = (torch.load(x.last, weights_only=True) for x in (whole, resumed))
    for name, value in one["trained"].items():
        assert torch.equal(value, other["trained"][name]), name
    with (tmp_path / "half" / "metrics.csv").open() as stream:
        assert [row["step"] for row in csv.DictReader(stream)] == ["2", "4"]


def test_runs_that_cannot_start_say_why(
    composites: Path, recipe: HarmoniserRecipe, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="leave out --resume"):
        train_harmoniser(recipe, composites, tmp_path, resume=True)
    train_harmoniser(recipe, composites, tmp_path / "run")
    with pytest.raises(UsageError, match="--resume goes on"):
        train_harmoniser(recipe, composites, tmp_path / "run")
    other = load_harmoniser_recipe(None, (*TINY, "rate=0.1"))
    with pytest.raises(UsageError, match=r"recipe\.yaml"):
        train_harmoniser(other, composites, tmp_path / "run", resume=True)
    again = load_harmoniser_recipe(tmp_path / "run" / "recipe.yaml")
    assert train_harmoniser(again, composites, tmp_path / "run", resume=True).steps == 4
    with pytest.raises(UsageError, match="unknown key"):
        load_harmoniser_recipe(None, ("stepps=1",))
    with pytest.raises(UsageError, match="1 or more"):
        load_harmoniser_recipe(None, ("steps=0",))


def test_the_command_leaves_a_model_that_runs_as_torch_does(
    composites: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    settings = [part for setting in TINY for part in ("--set", setting)]
    with pytest.raises(SystemExit) as stop:
        main(["train-harmoniser", "--data", str(composites), "-o", str(run), *settings])
    assert not stop.value.code
    _, network = load_harmoniser(run / "best.ckpt")
    model = OpenHarmoniser(run / "harmoniser.onnx")
    assert (model.spec.size, model.spec.segments) == (16, 4)
    # Flat colours: thumbnails of any size are the same.
    person, room = np.full((64, 64, 3), 90, np.uint8), np.full((64, 64, 3), 160, np.uint8)
    alpha = np.zeros((64, 64), np.float32)
    alpha[:, :32] = 1
    image, matte = torch.full((1, 3, 16, 16), 160 / 255), torch.zeros(1, 1, 16, 16)
    image[..., :8], matte[..., :8] = 90 / 255, 1
    with torch.no_grad():
        wanted = network(image, matte)[0].numpy()
    assert np.abs(model.predict(person, alpha, room).numbers - wanted).max() < 1e-4
    with pytest.raises(UsageError, match=r"\.onnx"):
        export_harmoniser(run / "best.ckpt", tmp_path / "model.tflite")


def test_other_checkpoints_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(ModelError, match="train-harmoniser"):
        load_harmoniser(tmp_path / "other.ckpt")
