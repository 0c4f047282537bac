"""Quantisation-aware training: from a checkpoint to one whose weights bear rounding.

Batch norms are folded before the first step, and so frozen from the start: a trained network's
statistics hold, and tuning is short. The ranges of features are measured first, follow the features
during most of the tuning, and stay for the rest of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from livematte.errors import UsageError
from livematte.networks.quantised import QuantisedNetwork, calibrate, quantise
from livematte.training.checkpoint import load_recipe_of, load_trained, save_network
from livematte.training.recipe import Recipe, parse_recipe
from livematte.training.run import RunConfig, RunResult, train
from livematte.training.store import PictureCache, PictureStore, Progress
from livematte.training.tuning import shorten, some_pictures

__all__ = ["QatConfig", "train_aware"]

START = "rounded.ckpt"

_MEASURED = 64  # pictures
_RATE = 0.1
_MOVING = 0.7  # of the epochs ranges follow the features


@dataclass(frozen=True)
class QatConfig:
    """How a network is tuned.

    Attributes:
        data: dataset folder, or a folder of sets.
        output: folder for ``rounded.ckpt`` (the start) and the run.
        epochs: of tuning.
        overrides: ``key=value`` into the recipe of the tuning.
        resume: go on with the run in ``output``.
        accelerator, max_minutes: see :class:`livematte.training.run.RunConfig`.
    """

    data: Path
    output: Path
    epochs: int = 5
    overrides: Sequence[str] = ()
    resume: bool = False
    accelerator: str = "auto"
    max_minutes: float | None = None


def train_aware(
    checkpoint: Path, config: QatConfig, *, progress: Progress | None = None
) -> RunResult:
    """Tune a network under the rounding of 8-bit integers.

    The checkpoints are like any other; their recipe says ``quantised: true``, and they score as the
    integers will. An interrupted run goes on with ``resume``.

    Args:
        checkpoint: in floats.
        config: on which data, where to.
        progress: called with (pictures read, pictures in all).

    Raises:
        UsageError: epochs or an option that cannot be, a folder that holds a run already, or one
            to resume that does not.
        ModelError: not a checkpoint in floats, or a network that cannot be traced.
        InputError: the data cannot be used.
        OutputError: the folder cannot be written.
        TrainingError: as :func:`livematte.training.run.train`.
    """
    where = RunConfig(
        config.data,
        config.output,
        resume=config.resume,
        accelerator=config.accelerator,
        max_minutes=config.max_minutes,
    )
    last = config.output / "last.ckpt"
    if config.resume:
        if not last.is_file():
            raise UsageError(f"{last}: nothing to resume from; leave --resume out to start anew")
        return train(load_recipe_of(last), where, progress=progress)
    if last.is_file():
        raise UsageError(f"{config.output}: holds a run already; use --resume or another folder")
    if config.epochs < 1:
        raise UsageError(f"--epochs {config.epochs}: quantisation-aware training takes 1 or more")
    recipe, network = load_trained(checkpoint)
    if isinstance(network, QuantisedNetwork):
        raise UsageError(f"{checkpoint}: rounds already; give the checkpoint in floats")
    tuning = parse_recipe(
        _shorten(recipe, config.epochs).to_yaml(), str(checkpoint), config.overrides
    )
    start = config.output / START
    tuning = replace(tuning, pretrained=str(start))
    rounding, pictures = quantise(network), PictureCache()
    store = pictures.training(config.data, tuning.data, progress)
    calibrate(rounding, _inputs(store, tuning))
    save_network(start, replace(tuning, pretrained=None), rounding)
    return train(tuning, where, progress=progress, pictures=pictures)


def _shorten(recipe: Recipe, epochs: int) -> Recipe:
    """A stage whose ranges move, and one whose ranges stay; in 32-bit floats."""
    short = shorten(recipe, epochs, name=recipe.name, rate=_RATE)
    moving = max(1, round(epochs * _MOVING))
    stage = short.stages[0]
    return replace(
        short,
        options={**recipe.options, "quantised": True},
        precision="32-true",
        compile=False,
        stages=(
            replace(stage, epochs=moving),
            replace(stage, epochs=epochs - moving, freeze_ranges=True),
        ),
    )


def _inputs(store: PictureStore, recipe: Recipe) -> Iterator[tuple[Tensor, ...]]:
    """What ranges are measured on; every other batch of a video network has a last matte."""
    size = recipe.stages[-1].size
    for number, (image, alpha, _) in enumerate(some_pictures(store, size, _MEASURED)):
        prior = alpha if number % 2 else torch.zeros_like(alpha)
        yield (image, prior) if recipe.prior else (image,)
