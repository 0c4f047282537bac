"""From a checkpoint to a smaller one, fine-tuned by the recipe that trained it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from livematte import networks
from livematte.errors import UsageError
from livematte.networks.base import Network
from livematte.networks.channels import channel_counts
from livematte.networks.counting import count_macs, count_parameters
from livematte.networks.quantised import QuantisedNetwork
from livematte.pruning.select import prune_network
from livematte.training.checkpoint import load_trained, save_network
from livematte.training.losses import cross_entropy
from livematte.training.recipe import Recipe, parse_recipe
from livematte.training.run import RunConfig, RunResult, train
from livematte.training.store import PictureCache, PictureStore, Progress
from livematte.training.tuning import shorten, some_pictures

__all__ = ["PruneConfig", "PruneResult", "Size", "prune"]

START = "pruned.ckpt"

_SCORED = 128  # pictures that tell what channels are worth
_RATE = 0.5


@dataclass(frozen=True)
class PruneConfig:
    """How a network is pruned.

    Attributes:
        ratio: share of the multiply-accumulates that go at least, in (0, 1).
        output: folder for ``pruned.ckpt`` and the run that fine-tunes it.
        data: dataset folder; None prunes by the weights alone, and does not fine-tune.
        epochs: of fine-tuning; 0 leaves it out.
        overrides: ``key=value`` into the recipe of the fine-tuning.
        accelerator, max_minutes: see :class:`livematte.training.run.RunConfig`.
    """

    ratio: float
    output: Path
    data: Path | None = None
    epochs: int = 10
    overrides: Sequence[str] = ()
    accelerator: str = "auto"
    max_minutes: float | None = None


@dataclass(frozen=True)
class Size:
    """How large a network is: parameters, and multiply-accumulates of one image."""

    parameters: int
    macs: int


@dataclass(frozen=True)
class PruneResult:
    """What was pruned.

    Attributes:
        start: the pruned network before fine-tuning.
        before, after: sizes.
        run: the fine-tuning; None where there was none.
    """

    start: Path
    before: Size
    after: Size
    run: RunResult | None


def prune(
    checkpoint: Path, config: PruneConfig, *, progress: Progress | None = None
) -> PruneResult:
    """Take channels out of a trained network and fine-tune what is left.

    The result is a checkpoint like any other: its recipe holds the channel counts. An interrupted
    fine-tuning goes on with ``livematte train OUTPUT/recipe.yaml --resume``.

    Args:
        checkpoint: one that training wrote.
        config: how much goes, on which data, where to.
        progress: called with (pictures read, pictures in all).

    Raises:
        UsageError: a ratio or an option that cannot be, or a folder that holds a run already.
        ModelError: not a checkpoint of livematte, or a network that cannot be pruned.
        InputError: the data cannot be used.
        OutputError: the folder cannot be written.
        TrainingError: as :func:`livematte.training.run.train`.
    """
    if (config.output / "last.ckpt").is_file():
        raise UsageError(f"{config.output}: holds a run already; take another folder")
    recipe, network = load_trained(checkpoint)
    if isinstance(network, QuantisedNetwork):
        raise UsageError(f"{checkpoint}: rounds to integers already; prune first, quantise then")
    start = config.output / START
    tuning = parse_recipe(
        shorten(recipe, config.epochs, name=f"{recipe.name}-pruned", rate=_RATE).to_yaml(),
        str(checkpoint),
        config.overrides,
    )
    size = tuning.stages[-1].size
    pictures = PictureCache()
    losses = None
    if config.data is not None:
        store = pictures.training(config.data, tuning.data, progress)
        losses = partial(_losses, store, size)
    smaller = prune_network(network, config.ratio, size=size, losses=losses)
    tuning = replace(tuning, options=_options(recipe, smaller), pretrained=str(start))
    save_network(start, replace(tuning, pretrained=None), smaller)
    run = None
    if config.data is not None and config.epochs:
        where = RunConfig(
            config.data,
            config.output,
            accelerator=config.accelerator,
            max_minutes=config.max_minutes,
        )
        run = train(tuning, where, progress=progress, pictures=pictures)
    return PruneResult(start, _measure(network, size), _measure(smaller, size), run)


def _measure(network: Network, size: tuple[int, int]) -> Size:
    return Size(count_parameters(network), count_macs(network, size))


def _options(recipe: Recipe, network: Network) -> Mapping[str, Any]:
    """What :func:`livematte.networks.create` needs to build the smaller network."""
    options = {key: value for key, value in recipe.options.items() if key != "channels"}
    full = channel_counts(networks.create(recipe.network, prior=recipe.prior, **options))
    changed = {
        name: count for name, count in channel_counts(network).items() if count != full[name]
    }
    return {**options, "channels": changed}


def _losses(store: PictureStore, size: tuple[int, int], network: Network) -> Iterator[Tensor]:
    """The cross-entropy of a network, batch by batch."""
    for image, alpha, known in some_pictures(store, size, _SCORED):
        prior = torch.zeros_like(alpha) if network.prior else None
        yield cross_entropy(network(image, prior).mask, alpha, known)
