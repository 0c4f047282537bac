"""Several recipes, one after the other, within a time budget; called again, it goes on.

Made for a GPU that is lent for minutes: every entry gets its share of the time that is left, and
what fails does not hold up the rest.
"""

from __future__ import annotations

import gc
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from livematte.errors import LivematteError, UsageError, one_line
from livematte.training.checkpoint import epochs_done
from livematte.training.recipe import Recipe, load_recipe
from livematte.training.run import RunConfig, train
from livematte.training.store import PictureCache, Progress

__all__ = ["Entry", "Outcome", "QueueConfig", "bundled_queues", "load_queue", "run_queue"]

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEYS = {"recipe", "name", "set", "share"}
# How far past its share an epoch may run before it is given up: nobody knows how long the first
# one takes.
PATIENCE = 1.5


@dataclass(frozen=True)
class Entry:
    """A recipe in a queue.

    Attributes:
        name: of its run folder.
        recipe: what is trained.
        share: of the time, against the other entries'.
    """

    name: str
    recipe: Recipe
    share: float = 1.0

    @property
    def epochs(self) -> int:
        """Epochs of the recipe in all."""
        return sum(stage.epochs for stage in self.recipe.stages)


@dataclass(frozen=True)
class QueueConfig:
    """Where a queue is trained.

    Attributes:
        data: dataset folder, or a folder of sets.
        output: folder of the run folders.
        minutes: for all of it.
        accelerator, devices: as Lightning's Trainer takes them.
    """

    data: Path
    output: Path
    minutes: float = 8.0
    accelerator: str = "auto"
    devices: str = "1"


@dataclass(frozen=True)
class Outcome:
    """What became of an entry.

    Attributes:
        entry: the entry.
        state: ``finished``; ``stopped`` when its time was up; ``waiting`` when there was none left
            for it; ``failed``.
        epochs: done so far, in earlier calls too.
        seconds: that it took in this call.
        error: why it failed.
    """

    entry: Entry
    state: Literal["finished", "stopped", "waiting", "failed"]
    epochs: int
    seconds: float = 0.0
    error: str | None = None


def bundled_queues() -> dict[str, Path]:
    """The queues that come with livematte, by name."""
    folder = Path(str(resources.files("livematte.training") / "queues"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_queue(name_or_path: str, runs: Path) -> tuple[Entry, ...]:
    """Read a bundled queue by name, or any YAML file.

    It is a list of mappings: ``recipe`` (a bundled recipe's name, or a file, from the queue's
    folder or the working one), and, where wanted, ``name``, ``share`` and ``set``, a list of
    ``key=value`` or a mapping. ``{runs}`` in a value of ``set`` stands for the folder of the run
    folders, so that an entry can start from another's ``best.ckpt``.

    Args:
        name_or_path: such as ``zoo`` or ``my/queue.yaml``.
        runs: the folder of the run folders.

    Raises:
        UsageError: no such queue, or it is not what it should be.
    """
    path = bundled_queues().get(name_or_path, Path(name_or_path))
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(
            f"{name_or_path}: not a queue that can be read ({one_line(error)}); give a YAML file "
            f"or one of {', '.join(bundled_queues())}"
        ) from error
    if not isinstance(raw, list) or not raw:
        raise UsageError(f"{path}: expected a list of entries, each with a recipe")
    entries = tuple(_entry(item, path, number, runs) for number, item in enumerate(raw, 1))
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{path}: two entries are called {name}; give them names of their own")
    return entries


def _entry(item: Any, path: Path, number: int, runs: Path) -> Entry:
    place = f"{path}: entry {number}"
    if not isinstance(item, dict) or not isinstance(item.get("recipe"), str):
        raise UsageError(f"{place}: expected a mapping with a recipe")
    unknown = sorted(set(map(str, item)) - _KEYS)
    if unknown:
        raise UsageError(f"{place}: unknown key {unknown[0]}; one of {', '.join(sorted(_KEYS))}")
    share, changes = item.get("share", 1.0), item.get("set", [])
    if isinstance(share, bool) or not isinstance(share, int | float) or share <= 0:
        raise UsageError(f"{place}: share is {share!r}, not a number above 0")
    if isinstance(changes, dict):
        changes = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    if not isinstance(changes, list):
        raise UsageError(f"{place}: set is neither a list of key=value nor a mapping")
    beside = path.parent / item["recipe"]
    recipe = load_recipe(
        str(beside) if beside.is_file() else item["recipe"],
        [str(change).replace("{runs}", str(runs)) for change in changes],
    )
    name = str(item.get("name", recipe.name))
    if not _NAME.fullmatch(name):
        raise UsageError(f"{place}: the name {name!r} is no plain folder name")
    return Entry(name, replace(recipe, name=name), float(share))


def run_queue(
    entries: tuple[Entry, ...],
    config: QueueConfig,
    *,
    notify: Callable[[Outcome], None] | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Outcome, ...]:
    """Train the entries that are not finished, each for its share of the time that is left.

    Args:
        entries: see :func:`load_queue`.
        config: on which data, where to, for how long.
        notify: called with each outcome as it comes.
        progress: called with (pictures read, pictures in all) while data is loaded.
        clock: seconds.
    """
    end = clock() + config.minutes * 60
    pictures = PictureCache()
    outcomes: list[Outcome] = []
    done = {entry.name: _epochs_done(entry, config) for entry in entries}
    shares = {e.name: e.share for e in entries if done[e.name] < e.epochs}
    for entry in entries:
        before, left = done[entry.name], end - clock()
        if before >= entry.epochs:
            outcome = Outcome(entry, "finished", before)
        elif left <= 0:
            outcome = Outcome(entry, "waiting", before)
        else:
            minutes = left / 60 * entry.share / sum(shares.values())
            limits = (minutes, min(PATIENCE * minutes, left / 60))
            outcome = _train(entry, config, limits, clock, pictures, progress)
            gc.collect()  # trainer and network hold each other, and the device's memory
        shares.pop(entry.name, None)
        outcomes.append(outcome)
        if notify is not None:
            notify(outcome)
    return tuple(outcomes)


def _epochs_done(entry: Entry, config: QueueConfig) -> int:
    last = config.output / entry.name / "last.ckpt"
    try:
        return epochs_done(last, entry.recipe) if last.is_file() else 0
    except LivematteError:
        return 0  # what is wrong with it is told when the run is resumed


def _train(
    entry: Entry,
    config: QueueConfig,
    limits: tuple[float, float],
    clock: Callable[[], float],
    pictures: PictureCache,
    progress: Progress | None,
) -> Outcome:
    folder = config.output / entry.name
    run = RunConfig(
        data=config.data,
        output=folder,
        resume=(folder / "last.ckpt").is_file(),
        accelerator=config.accelerator,
        devices=config.devices,
        max_minutes=limits[0],
        hard_minutes=limits[1],
    )
    start = clock()
    try:
        result = train(entry.recipe, run, progress=progress, clock=clock, pictures=pictures)
    except Exception as error:
        # Whatever it was (the device's memory, say), the other entries may do better.
        _log.info("%s failed", entry.name, exc_info=True)
        known = isinstance(error, LivematteError)
        message = one_line(error) if known else f"{type(error).__name__}: {one_line(error)}"
        done = _epochs_done(entry, config)
        return Outcome(entry, "failed", done, clock() - start, message)
    state: Literal["finished", "stopped"] = "finished" if result.finished else "stopped"
    return Outcome(entry, state, result.epochs, clock() - start)
