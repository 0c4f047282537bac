"""Queues: time is divided, failures do not spread, and what is left behind fits into a bag."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from livematte import networks, weights
from livematte.cli.queue import _unpacked
from livematte.data.shards import pack
from livematte.errors import UsageError
from livematte.training import queue
from livematte.training.carry import carry
from livematte.training.checkpoint import epochs_done, load_network, save_for_release
from livematte.training.queue import Entry, QueueConfig, bundled_queues, load_queue, run_queue
from livematte.training.recipe import Recipe
from livematte.training.run import RunConfig, RunResult

Run = Callable[..., tuple[int, str, str]]


class Clock:
    """Time that only passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def write_queue(tiny: Recipe, tmp_path: Path) -> Callable[[str], Path]:
    """Write a queue beside a recipe file ``tiny.yaml``."""

    def write(text: str) -> Path:
        (tmp_path / "tiny.yaml").write_text(tiny.to_yaml())
        (tmp_path / "queue.yaml").write_text(text)
        return tmp_path / "queue.yaml"

    return write


def test_bundled_queues_can_be_read() -> None:
    for name in bundled_queues():
        entries = load_queue(name, Path("runs"))
        assert len({entry.name for entry in entries}) == len(entries) > 1


def test_what_is_bundled_can_be_trained_further() -> None:
    entries = load_queue("further", Path("runs"))
    for entry in entries:
        recipe, start = entry.recipe, str(entry.recipe.pretrained)
        if start.startswith("runs"):
            start = entry.name
        networks.create(
            recipe.network, prior=recipe.prior, pretrained=start, **recipe.options
        )  # refuses another network's weights
    named = {entry.name for entry in entries}
    assert named == {model.name for model in weights.bundled()}


def test_entries_change_their_recipes(write_queue: Callable[[str], Path]) -> None:
    path = write_queue(
        "- {recipe: tiny.yaml, name: a, set: [seed=7, 'pretrained={runs}/b/best.ckpt']}\n"
        "- {recipe: tiny.yaml, name: b, share: 2, set: {stages.0.rate: 1.0e-5, ema: 0}}\n"
        "- recipe: sinet\n"
    )
    first, second, third = load_queue(str(path), Path("runs"))
    assert (first.recipe.name, first.recipe.seed, first.share) == ("a", 7, 1.0)
    assert first.recipe.pretrained == "runs/b/best.ckpt"
    assert (second.recipe.stages[0].rate, second.recipe.ema, second.share) == (1e-5, 0.0, 2.0)
    assert third.name == "sinet"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipe: sinet", "expected a list"),
        ("- {recipe: sinet, naem: a}", "entry 1: unknown key naem"),
        ("- {recipe: sinet, share: 0}", "share is 0"),
        ("- {recipe: sinet, name: ../x}", "no plain folder name"),
        ("- {recipe: sinet}\n- {recipe: sinet}", "two entries are called sinet"),
        ("- {recipe: sinet, set: [nothing=1]}", "unknown key nothing"),
        ("- {recipe: none.yaml}", "no such recipe"),
        ("- {recipe: [", "not a queue that can be read"),
    ],
)
def test_queues_that_cannot_be(write_queue: Callable[[str], Path], text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_queue(str(write_queue(text)), Path("runs"))


class Trainings:
    """Stands in for training: takes its time from the clock, and notes what it was allowed."""

    def __init__(self, clock: Clock, seconds: dict[str, float]) -> None:
        self.clock = clock
        self.seconds = seconds
        self.calls: list[tuple[str, bool, float]] = []

    def __call__(self, recipe: Recipe, run: RunConfig, **others: Any) -> RunResult:
        assert run.max_minutes is not None
        self.calls.append((recipe.name, run.resume, round(run.max_minutes * 60)))
        needed = self.seconds[recipe.name]
        if needed < 0:
            raise RuntimeError("out of\nmemory")
        self.clock.now += min(needed, run.max_minutes * 60)
        finished = needed <= run.max_minutes * 60
        run.output.mkdir(parents=True, exist_ok=True)
        epochs = sum(stage.epochs for stage in recipe.stages) if finished else 1
        content = {"epoch": epochs - 1, "recipe": recipe.to_yaml(), "state_dict": {}}
        torch.save(content, run.output / "last.ckpt")
        last = run.output / "last.ckpt"
        return RunResult(last, last, 0.5, (), epochs, finished)


def test_time_is_divided_by_shares_and_what_is_left_over_goes_on(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    made = Trainings(clock, {"a": 1000, "b": 30, "c": -1, "d": 1000})
    monkeypatch.setattr(queue, "train", made)
    entries = tuple(
        Entry(name, replace(tiny, name=name), share)
        for name, share in zip("abcd", (1, 2, 1, 1), strict=True)
    )
    config = QueueConfig(tmp_path / "data", tmp_path / "runs", minutes=5)
    outcomes = run_queue(entries, config, clock=clock)
    # 300 s: a fifth; then half of 240 s, of which 30 s are used; 105 s for nothing; the rest.
    assert made.calls == [("a", False, 60), ("b", False, 120), ("c", False, 105), ("d", False, 210)]
    assert [o.state for o in outcomes] == ["stopped", "finished", "failed", "stopped"]
    assert outcomes[2].error == "RuntimeError: out of memory"
    made.calls.clear()
    made.seconds["c"] = 1000
    outcomes = run_queue(entries, replace(config, minutes=1), clock=clock)
    assert made.calls == [("a", True, 20), ("c", False, 20), ("d", True, 20)]
    assert [o.state for o in outcomes] == ["stopped", "finished", "stopped", "stopped"]
    outcomes = run_queue(entries, replace(config, minutes=0), clock=clock)
    assert [o.state for o in outcomes] == ["waiting", "finished", "waiting", "waiting"]


def test_what_another_recipe_left_is_not_taken_for_finished(
    tiny: Recipe, composites: Path, tmp_path: Path
) -> None:
    entry = Entry("a", replace(tiny, name="a"))
    run = tmp_path / "runs" / "a"
    run.mkdir(parents=True)
    content = {"epoch": entry.epochs - 1, "recipe": entry.recipe.to_yaml(), "state_dict": {}}
    torch.save(content, run / "last.ckpt")
    config = QueueConfig(composites, tmp_path / "runs", accelerator="cpu")
    other = replace(entry, recipe=replace(entry.recipe, seed=9))
    (outcome,) = run_queue((other,), config)
    assert (outcome.state, outcome.epochs) == ("failed", 0)
    assert "trained by another recipe (it differs in seed)" in str(outcome.error)
    (outcome,) = run_queue((entry,), config)
    assert (outcome.state, outcome.epochs) == ("finished", entry.epochs)


def test_a_run_whose_start_has_moved_goes_on(tiny: Recipe) -> None:
    here = replace(tiny, pretrained="runs/a/best.ckpt")
    assert here.differences(replace(here, pretrained="/tmp/runs/a/best.ckpt")) == []
    assert here.differences(replace(here, pretrained="livematte")) == ["pretrained"]
    assert here.differences(replace(here, pretrained="runs/b/best.ckpt")) == ["pretrained"]


def test_the_command_trains_from_shards_and_leaves_a_bag(
    run: Run, composites: Path, write_queue: Callable[[str], Path], tmp_path: Path
) -> None:
    path = write_queue(
        "- {recipe: tiny.yaml, name: good, set: [stages.0.epochs=1]}\n"
        "- {recipe: tiny.yaml, name: bad, set: ['data.weights={nowhere: 1.0}']}\n"
    )
    pack(composites, tmp_path / "shards")
    runs = tmp_path / "runs"
    code, out, err = run(
        "queue", path, "--data", tmp_path / "shards", "-o", runs, "--accelerator", "cpu"
    )
    assert code == 1
    assert "good: finished, 1 of 1 epochs" in out
    assert "bad: " in err
    assert "no set nowhere with a train split there" in err
    assert {path.name for path in (runs / "carry").iterdir()} == {
        "good.ckpt", "good.csv", "good-loss.png", "good-accuracy.png", "good-rate.png",
        "scores.json", "report.md",
    }  # fmt: skip
    good, bad = json.loads((runs / "carry" / "scores.json").read_text())["entries"]
    assert 0 < good["scores"]["val/miou/composites"] <= 1
    assert (good["floats"], bad["state"]) == (32, "failed")
    assert "| good | livematte | finished | 1/1 |" in (runs / "carry" / "report.md").read_text()
    assert epochs_done(runs / "good" / "last.ckpt") == 1
    assert load_network(runs / "carry" / "good.ckpt").training is False
    _check_other_shards_are_unpacked(tmp_path)
    _check_large_checkpoints(load_queue(str(path), runs)[0], runs, tmp_path / "small")


def _check_other_shards_are_unpacked(folder: Path) -> None:
    (unpacked,) = (folder / "runs").glob("data-*")
    assert _unpacked(folder / "shards", folder / "runs") == unpacked
    (folder / "more").mkdir()
    (folder / "more" / "note.txt").write_text("other")
    pack(folder / "more", folder / "others")
    other = _unpacked(folder / "others", folder / "runs")
    assert other != unpacked
    assert [path.name for path in other.iterdir()] == ["note.txt"]


def _check_large_checkpoints(entry: Entry, runs: Path, target: Path) -> None:
    """What is too large is stored in half, and what still is too large is named."""
    best, outcome = runs / "good" / "best.ckpt", queue.Outcome(entry, "finished", 1)
    save_for_release(best, target / "full.ckpt")
    full = (target / "full.ckpt").stat().st_size / 1e6
    assert carry([outcome], runs, target, megabytes=0.9 * full) == []
    assert "kernels as 16-bit floats" in (target / "report.md").read_text()
    image = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(
        load_network(target / "good.ckpt")(image).mask,
        load_network(target / "full.ckpt")(image).mask,
        atol=0.05,
        rtol=0.05,
    )
    (problem,) = carry([outcome], runs, target, megabytes=0.2 * full)
    assert str(best) in problem
    assert "allow more" in problem
    assert not (target / "good.ckpt").exists()
