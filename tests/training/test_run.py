"""Whole runs on a tiny set: overfitting, exact resume, stages, and what is left behind."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from livematte.data.datasets import open_dataset
from livematte.errors import DeviceError, OutputError, TrainingError, UsageError
from livematte.networks.base import Network
from livematte.training import module
from livematte.training.checkpoint import (
    epochs_done,
    load_network,
    load_recipe_of,
    save_for_release,
)
from livematte.training.recipe import LossConfig, Recipe, ScheduleConfig, parse_recipe
from livematte.training.run import RunConfig, RunResult, train


def run(recipe: Recipe, data: Path, output: Path, *, resume: bool = False) -> RunResult:
    return train(recipe, RunConfig(data, output, resume=resume, accelerator="cpu", devices="1"))


def weights(path: Path) -> dict[str, torch.Tensor]:
    content = torch.load(path, weights_only=True)
    own = content.get("current_model_state", {})
    return {**content["state_dict"], **{f"own.{key}": value for key, value in own.items()}}


def read_column(folder: Path, name: str) -> list[str]:
    with (folder / "metrics.csv").open() as stream:
        return [row[name] for row in csv.DictReader(stream)]


def test_tiny_network_overfits_eight_composites(
    composites: Path, still: Recipe, tmp_path: Path
) -> None:
    stage = replace(still.stages[0], epochs=40, batch_size=4, rate=0.006)
    result = run(replace(still, stages=(stage,)), composites, tmp_path)
    network = load_network(result.last)
    dataset = open_dataset(composites, split="train")
    ious = []
    for index in range(len(dataset)):
        sample = dataset.load(index)
        image = torch.from_numpy(sample.image.transpose(2, 0, 1).copy())[None].float() / 255
        with torch.no_grad():
            found = (network(image).mask[0, 0] > 0).numpy()
        truth = sample.alpha > 0.5
        ious.append((found & truth).sum() / (found | truth).sum())
    assert np.mean(ious) > 0.95


def cut_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the power fail once, after so many steps."""
    genuine, calls = module.compute_losses, []

    def failing(*arguments: object) -> dict[str, torch.Tensor]:
        calls.append(1)
        if len(calls) == steps + 1:
            raise RuntimeError("power cut")
        return genuine(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "compute_losses", failing)


def two_stages(recipe: Recipe) -> Recipe:
    first = replace(recipe.stages[0], epochs=1, batch_size=8)
    return replace(recipe, stages=(first, replace(recipe.stages[0], epochs=2)))


def plateau(recipe: Recipe) -> Recipe:
    """No gain is ever enough, so the rate falls after the first epoch."""
    schedule = ScheduleConfig(kind="plateau", patience=0, factor=0.1, minimum=1e-12, warmup=2)
    slow = replace(recipe.stages[0], rate=1e-9)
    return replace(recipe, schedule=schedule, stages=(slow,))


@pytest.mark.parametrize("change", [lambda recipe: recipe, two_stages, plateau])
def test_resume_equals_no_interruption(
    composites: Path,
    tiny: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Recipe], Recipe],
) -> None:
    recipe = change(tiny)
    whole = run(recipe, composites, tmp_path / "whole")
    cut_after(4, monkeypatch)
    with pytest.raises(RuntimeError, match="power cut"):
        run(recipe, composites, tmp_path / "cut")
    resumed = run(recipe, composites, tmp_path / "cut", resume=True)
    rows = (tmp_path / "cut" / "metrics.csv").read_text().splitlines()
    assert rows == (tmp_path / "whole" / "metrics.csv").read_text().splitlines()
    first, second = weights(whole.last), weights(resumed.last)
    assert first.keys() == second.keys()
    assert any(key.startswith("own.") for key in first)
    for key, value in first.items():
        assert torch.equal(value, second[key]), key


def test_time_is_up_before_the_epoch_that_would_pass_it_and_counts_anew(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    config = RunConfig(composites, tmp_path, accelerator="cpu", devices="1", max_minutes=3.5)
    # A minute from the start to the first epoch, and a minute for each epoch.
    result = train(tiny, config, clock=itertools.count(step=60).__next__)
    assert read_column(tmp_path, "epoch") == ["0", "1"]
    assert (result.epochs, result.finished, epochs_done(result.last)) == (2, False, 2)
    result = train(tiny, replace(config, resume=True), clock=itertools.count(step=60).__next__)
    assert read_column(tmp_path, "epoch") == ["0", "1", "2"]
    assert (result.epochs, result.finished) == (3, True)


def test_an_epoch_without_end_is_given_up_and_done_anew(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    config = RunConfig(composites, tmp_path / "cut", accelerator="cpu", devices="1")
    # Seconds pass with every look at the clock: two at the start, then two steps and an end.
    hard = replace(config, hard_minutes=6 / 60)
    result = train(tiny, hard, clock=itertools.count().__next__)
    assert (result.epochs, result.finished) == (1, False)
    cut = train(tiny, replace(config, resume=True))
    whole = run(tiny, composites, tmp_path / "whole")
    first, second = weights(whole.last), weights(cut.last)
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    with pytest.raises(TrainingError, match="before the first epoch had ended"):
        train(tiny, replace(hard, output=tmp_path / "none", hard_minutes=0.0))


def test_resuming_with_another_recipe_is_refused(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    run(tiny, composites, tmp_path)
    with pytest.raises(UsageError, match="differs in seed"):
        run(replace(tiny, seed=2), composites, tmp_path, resume=True)


def test_run_leaves_checkpoints_curves_and_numbers(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    result = run(tiny, composites, tmp_path)
    assert result.best.is_file()
    assert {path.name for path in result.curves} == {"loss.png", "accuracy.png", "rate.png"}
    assert read_column(tmp_path, "epoch") == ["0", "1", "2"]
    assert all(read_column(tmp_path, "train/loss") + read_column(tmp_path, "val/miou"))
    assert load_recipe_of(result.last) == tiny
    assert parse_recipe((tmp_path / "recipe.yaml").read_text(), "file") == tiny
    save_for_release(result.last, tmp_path / "small.ckpt")
    assert (tmp_path / "small.ckpt").stat().st_size < result.last.stat().st_size / 3
    image = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(
        load_network(tmp_path / "small.ckpt")(image).mask, load_network(result.last)(image).mask
    )


def test_nan_stops_with_what_to_try(
    composites: Path, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "compute_losses", lambda *_: {"dice": torch.tensor(float("nan"))})
    with pytest.raises(TrainingError, match=r"step 0 \(dice\).*smaller learning rate"):
        run(tiny, composites, tmp_path)


def test_broken_weights_do_not_replace_the_last_good_ones(
    composites: Path, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, calls = module.compute_losses, []

    def breaking(network: Network, *others: Any) -> dict[str, torch.Tensor]:
        parts = genuine(network, *others)
        calls.append(1)
        if len(calls) == 4:  # the last step of the second epoch
            with torch.no_grad():
                network.get_parameter("mask_head.bias").fill_(float("nan"))
        return parts

    monkeypatch.setattr(module, "compute_losses", breaking)
    with pytest.raises(TrainingError, match="weights are broken after epoch 1"):
        run(tiny, composites, tmp_path)
    assert all(
        torch.isfinite(value.float()).all() for value in weights(tmp_path / "last.ckpt").values()
    )


def test_a_frozen_encoder_stays_and_is_released(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    once = replace(tiny.stages[0], epochs=1)
    start = run(replace(tiny, ema=0.0, stages=(once,)), composites, tmp_path / "start").last
    frozen = replace(once, freeze_encoder=True)
    tiny = replace(tiny, ema=0.0, pretrained=str(start))
    before = weights(start)
    kept = weights(run(replace(tiny, stages=(frozen,)), composites, tmp_path / "frozen").last)
    free = weights(run(replace(tiny, stages=(frozen, once)), composites, tmp_path / "free").last)
    encoder = [key for key in before if key.startswith("network.encoder.")]
    assert all(torch.equal(before[key], kept[key]) for key in encoder)
    assert not torch.equal(before["network.mask_head.weight"], kept["network.mask_head.weight"])
    assert not torch.equal(before["network.encoder.stem.0.weight"],
                           free["network.encoder.stem.0.weight"])  # fmt: skip


def test_only_the_first_levels_stay_when_they_are_frozen(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    once = replace(tiny.stages[0], epochs=1)
    start = run(replace(tiny, ema=0.0, stages=(once,)), composites, tmp_path / "start").last
    frozen = replace(tiny, ema=0.0, pretrained=str(start), stages=(replace(once, freeze_levels=1),))
    before, after = weights(start), weights(run(frozen, composites, tmp_path / "frozen").last)
    early = [key for key in before if "encoder.stem." in key or "encoder.blocks.0." in key]
    assert early
    assert all(torch.equal(before[key], after[key]) for key in early)
    later = "network.encoder.blocks.1.expand.0.weight"
    assert not torch.equal(before[later], after[later])


def test_an_encoder_learns_at_its_own_share_of_the_rate(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    """Adam's first step is the rate itself, whatever the gradient."""
    once = replace(tiny.stages[0], epochs=1, batch_size=8, rate=1e-3)
    start = run(replace(tiny, ema=0.0, stages=(once,)), composites, tmp_path / "start").last
    tiny = replace(tiny, ema=0.0, clip=0.0, pretrained=str(start), stages=(once,))
    slower = replace(tiny, optimiser=replace(tiny.optimiser, encoder=0.1))
    before, after = weights(start), weights(run(slower, composites, tmp_path / "slower").last)
    for name, moved in (("encoder.stem.0.weight", 1e-4), ("mask_head.weight", 1e-3)):
        key = f"network.{name}"
        assert (after[key] - before[key]).abs().max() == pytest.approx(moved, rel=0.02)
    assert float(read_column(tmp_path / "slower", "rate")[-1]) == pytest.approx(1e-3)


def test_an_epoch_is_as_long_as_it_is_told(composites: Path, tiny: Recipe, tmp_path: Path) -> None:
    once = replace(tiny.stages[0], epochs=1, batch_size=2)
    short = replace(tiny, stages=(once,), data=replace(tiny.data, epoch=6))
    run(short, composites, tmp_path)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 3


def test_rates_follow_stages_warmup_and_plateau(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    stage = replace(tiny.stages[0], epochs=1)
    stages = (replace(stage, rate=1e-3), replace(stage, rate=1e-4))
    schedule = ScheduleConfig(kind="constant", warmup=4)
    run(replace(tiny, stages=stages, schedule=schedule), composites, tmp_path / "stages")
    rates = [float(value) for value in read_column(tmp_path / "stages", "rate")]
    assert rates == pytest.approx([0.5e-3, 1e-4])  # two of four steps of warm-up, then all
    run(plateau(tiny), composites, tmp_path / "plateau")
    rates = [float(value) for value in read_column(tmp_path / "plateau", "rate")]
    assert rates[-1] < rates[0]


def test_prior_networks_learn_from_a_teacher_in_bf16(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    stage = replace(tiny.stages[0], epochs=1)
    teacher = run(replace(tiny, stages=(stage,)), composites, tmp_path / "teacher").best
    stage = replace(stage, loss=LossConfig(distillation=1.0, laplacian=0.5, boundary=0.5))
    recipe = replace(
        tiny, prior=True, teacher=str(teacher), precision="bf16-mixed", stages=(stage,)
    )
    result = run(recipe, composites, tmp_path / "student")
    assert load_network(result.best).prior
    assert read_column(tmp_path / "student", "train/distillation")


def test_several_processes_put_up_with_idle_parts(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    config = RunConfig(composites, tmp_path, accelerator="cpu", devices="1", strategy="ddp")
    recipe = replace(tiny, stages=(replace(tiny.stages[0], epochs=1),))
    try:
        assert train(recipe, config).last.is_file()  # its edge head is never scored
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"accelerator": "tpu"}, DeviceError),
        ({"strategy": "foo"}, UsageError),
        ({"output": Path("/dev/null/run")}, OutputError),
    ],
)
def test_runs_that_cannot_start_say_why(
    composites: Path, tiny: Recipe, tmp_path: Path, change: dict[str, Any], error: type[Exception]
) -> None:
    config = replace(RunConfig(composites, tmp_path, accelerator="cpu"), **change)
    with pytest.raises(error):
        train(tiny, config)


def test_sinet_trains_its_encoder_first(composites: Path, tiny: Recipe, tmp_path: Path) -> None:
    stage = replace(tiny.stages[0], epochs=1)
    first = replace(stage, loss=LossConfig(cross_entropy=0.0, coarse=1.0))
    second = replace(stage, loss=LossConfig(boundary=0.5))
    recipe = replace(tiny, network="sinet", options={}, stages=(first, second))
    result = run(recipe, composites, tmp_path)
    assert 0 < result.miou <= 1


def test_portraitnet_with_consistency_and_edges_trains(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    loss = LossConfig(consistency=2.0, edge=0.1)
    stage = replace(tiny.stages[0], epochs=1, batch_size=2, loss=loss)
    recipe = replace(tiny, network="portraitnet", options={}, stages=(stage,))
    run(recipe, composites, tmp_path)
    with (tmp_path / "metrics.csv").open() as stream:
        columns = next(csv.reader(stream))
    assert {"train/consistency", "train/edge", "train/plain_view"} <= set(columns)


def test_a_run_is_not_overwritten_nor_resumed_from_nothing(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(UsageError, match="holds a run already"):
        run(tiny, composites, tmp_path)
    with pytest.raises(UsageError, match="nothing to resume"):
        run(tiny, composites, tmp_path / "new", resume=True)


def test_a_loss_without_its_head_is_refused(composites: Path, tiny: Recipe, tmp_path: Path) -> None:
    stage = replace(tiny.stages[0], loss=LossConfig(cross_entropy=0.0, coarse=1.0))
    with pytest.raises(UsageError, match="no coarse head"):
        run(replace(tiny, stages=(stage,)), composites, tmp_path)
