"""One training run, from a recipe and a data folder to checkpoints, curves and a CSV."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor

from livematte import networks
from livematte.errors import UsageError
from livematte.networks.base import Network
from livematte.networks.pretrained import keep_function_with_batch_statistics
from livematte.training.checkpoint import load_network
from livematte.training.curves import draw_curves
from livematte.training.module import MattingModule
from livematte.training.recipe import Recipe
from livematte.training.store import PictureStore, Progress, load_training, load_validation

__all__ = ["RunConfig", "RunResult", "train"]

CALIBRATION_PICTURES = 128


@dataclass(frozen=True)
class RunConfig:
    """Where a run happens.

    Attributes:
        data: dataset folder, or a folder of sets.
        output: folder for ``best.ckpt``, ``last.ckpt``, ``metrics.csv``, curves, ``recipe.yaml``
            and ``log/``.
        resume: go on from ``output/last.ckpt``.
        accelerator, devices, nodes, strategy: as Lightning's Trainer takes them.
        max_time: stop after ``DD:HH:MM:SS``; the run can be resumed.
    """

    data: Path
    output: Path
    resume: bool = False
    accelerator: str = "auto"
    devices: str = "auto"
    nodes: int = 1
    strategy: str = "auto"
    max_time: str | None = None


@dataclass(frozen=True)
class RunResult:
    """What a run left behind.

    Attributes:
        best: checkpoint with the best validation mean IoU.
        last: checkpoint at the end.
        miou: best validation mean IoU.
        curves: pictures of the run.
    """

    best: Path
    last: Path
    miou: float
    curves: tuple[Path, ...]


class _Rate(Callback):
    """Logs the learning rate with the epoch's other numbers."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.log("rate", trainer.optimizers[0].param_groups[0]["lr"], sync_dist=True)


def _averaging(decay: float) -> WeightAveraging:
    """Exponential moving average whose decay rises from 0.1, so that the start is forgotten."""

    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        now = min(decay, (1 + int(count)) / (10 + int(count)))
        if not averaged.is_floating_point():
            return current
        return averaged.lerp(current.to(averaged.dtype), 1 - now)

    return WeightAveraging(avg_fn=average)


def _create_network(recipe: Recipe, store: PictureStore) -> Network:
    network = networks.create(
        recipe.network, prior=recipe.prior, pretrained=recipe.pretrained, **recipe.options
    )
    some = store.images[:: max(1, len(store) // CALIBRATION_PICTURES)].float() / 255
    image = torch.nn.functional.interpolate(
        some, recipe.stages[-1].size, mode="bilinear", antialias=True
    )
    network.eval()
    encoder_input: list[Tensor] = []
    encoder = getattr(network, "encoder", None)
    if isinstance(encoder, torch.nn.Module):
        hook = encoder.register_forward_pre_hook(lambda _, inputs: encoder_input.append(inputs[0]))
        with torch.no_grad():
            network(image, torch.zeros_like(image[:, :1]) if recipe.prior else None)
        hook.remove()
        for given in encoder_input:
            keep_function_with_batch_statistics(network, given)
    return network.train()


def _trainer(recipe: Recipe, config: RunConfig, log: CSVLogger) -> Trainer:
    def keep(name: str, monitor: str | None) -> ModelCheckpoint:
        return ModelCheckpoint(
            dirpath=config.output,
            filename=name,
            monitor=monitor,
            mode="max",
            enable_version_counter=False,
        )

    callbacks: list[Callback] = [keep("best", "val/miou"), keep("last", None), _Rate()]
    if recipe.ema:
        callbacks.append(_averaging(recipe.ema))
    options: dict[str, Any] = {}
    if recipe.clip:
        options["gradient_clip_val"] = recipe.clip
    return Trainer(
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.nodes,
        strategy=config.strategy,
        precision=recipe.precision,
        max_epochs=sum(stage.epochs for stage in recipe.stages),
        max_time=config.max_time,
        callbacks=callbacks,
        logger=log,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        log_every_n_steps=1,
        **options,
    )


@contextlib.contextmanager
def _without_known_notes() -> Iterator[None]:
    """Keep away notes that do not apply (loaders only count, the folder is ours) and adverts."""

    def wanted(record: logging.LogRecord) -> bool:
        return "Tip:" not in record.getMessage()

    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    logger.addFilter(wanted)
    try:
        with warnings.catch_warnings():
            for note in (
                "Checkpoint directory .* exists and is not empty",
                ".*does not have many workers",
                r".*isinstance\(treespec, LeafSpec\)",
                "The number of training batches",
            ):
                warnings.filterwarnings("ignore", message=note)
            yield
    finally:
        logger.removeFilter(wanted)


def train(recipe: Recipe, config: RunConfig, *, progress: Progress | None = None) -> RunResult:
    """Train a network.

    Args:
        recipe: what to train and how.
        config: on which data, where to, on which devices.
        progress: called with (pictures read, pictures in all) while the data is loaded.

    Raises:
        UsageError: ``resume`` without a checkpoint, or a folder that already holds a run.
        InputError: the data or the starting weights cannot be used.
        TrainingError: the loss is no longer a number.
    """
    last = config.output / "last.ckpt"
    if config.resume and not last.is_file():
        raise UsageError(f"{last}: nothing to resume from; leave --resume out to start a new run")
    if not config.resume and last.is_file():
        raise UsageError(f"{config.output}: holds a run already; use --resume or another folder")
    seed_everything(recipe.seed, verbose=False)
    training = load_training(config.data, recipe.data, progress=progress)
    validation = load_validation(config.data, recipe.data, recipe.stages[-1].size)
    network = _create_network(recipe, training).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    teacher = load_network(Path(recipe.teacher)) if recipe.teacher else None
    module = MattingModule(network, recipe, training, validation, teacher)
    config.output.mkdir(parents=True, exist_ok=True)
    (config.output / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    log = CSVLogger(config.output, name="log", flush_logs_every_n_steps=1)
    with _without_known_notes():
        trainer = _trainer(recipe, config, log)
        trainer.fit(module, ckpt_path=last if config.resume else None, weights_only=True)
    checkpoint = trainer.checkpoint_callbacks[0]
    assert isinstance(checkpoint, ModelCheckpoint)
    curves = draw_curves(config.output) if trainer.is_global_zero else []
    score = checkpoint.best_model_score
    return RunResult(
        best=Path(checkpoint.best_model_path),
        last=last,
        miou=float(score) if score is not None else 0.0,
        curves=tuple(curves),
    )
