"""One training run, from a recipe and a data folder to checkpoints, curves and a CSV."""

from __future__ import annotations

import contextlib
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from livematte import networks
from livematte.errors import DeviceError, TrainingError, UsageError
from livematte.files import write_atomically
from livematte.networks.base import Network
from livematte.networks.folding import has_folded_norms, keep_function_with_batch_statistics
from livematte.training.averaging import RisingAverage
from livematte.training.checkpoint import load_network, load_recipe_of
from livematte.training.curves import draw_curves
from livematte.training.module import MattingModule
from livematte.training.processor import precision_on
from livematte.training.recipe import Recipe
from livematte.training.store import PictureCache, PictureStore, Progress

__all__ = ["RunConfig", "RunResult", "train"]

CALIBRATION_PICTURES = 64
DRAW_SECONDS = 60  # between two drawings of the curves, which cost about one


@dataclass(frozen=True)
class RunConfig:
    """Where a run happens.

    Attributes:
        data: dataset folder, or a folder of sets.
        output: folder for ``best.ckpt``, ``last.ckpt``, ``metrics.csv``, curves, ``recipe.yaml``
            and ``log/``.
        resume: go on from ``output/last.ckpt``.
        accelerator, devices, nodes, strategy: as Lightning's Trainer takes them.
        max_minutes: stop before the epoch that would pass this, by the time of the last one; at
            least one epoch is trained. The run can be resumed.
        hard_minutes: give up the epoch that is under way when this passes: it is trained anew when
            the run is resumed. For one process.
    """

    data: Path
    output: Path
    resume: bool = False
    accelerator: str = "auto"
    devices: str = "auto"
    nodes: int = 1
    strategy: str = "auto"
    max_minutes: float | None = None
    hard_minutes: float | None = None


@dataclass(frozen=True)
class RunResult:
    """What a run left behind.

    Attributes:
        best: checkpoint with the best validation mean IoU.
        last: checkpoint at the end.
        miou: best validation mean IoU.
        curves: pictures of the run.
        epochs: how many of the recipe's epochs are done.
        finished: whether these are all.
    """

    best: Path
    last: Path
    miou: float
    curves: tuple[Path, ...]
    epochs: int
    finished: bool


class _GivenUp(Exception):
    """The time was up within an epoch."""


class _Timekeeper(Callback):
    """Logs the rate, draws the curves now and then, and stops in time."""

    def __init__(self, config: RunConfig, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self._start = self._epoch_start = self._drawn = clock()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epoch_start = self._clock()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int
    ) -> None:
        limit = self._config.hard_minutes
        if limit is not None and self._clock() - self._start >= limit * 60:
            raise _GivenUp

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, MattingModule)
        pl_module.log("rate", trainer.optimizers[0].param_groups[0]["lr"], sync_dist=True)
        now, limit, epoch = self._clock(), self._config.max_minutes, trainer.current_epoch
        if trainer.is_global_zero and epoch and now - self._drawn >= DRAW_SECONDS:
            draw_curves(self._config.output)
            self._drawn = now
        ahead = pl_module.work_in(epoch + 1) / pl_module.work_in(epoch)
        end = now + (now - self._epoch_start) * ahead
        late = limit is not None and end - self._start > limit * 60
        # Processes agree, or one would wait for the others for ever.
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(late, all=False)
        self._epoch_start = now


def _create_network(recipe: Recipe, store: PictureStore, *, resume: bool) -> Network:
    """A network with its starting weights; a resumed one gets its own from the checkpoint."""
    pretrained = None if resume else recipe.pretrained
    network = networks.create(
        recipe.network, prior=recipe.prior, pretrained=pretrained, **recipe.options
    )
    if has_folded_norms(network):
        some = store.images[:: max(1, len(store) // CALIBRATION_PICTURES)].float() / 255
        size = recipe.stages[-1].size
        image = torch.nn.functional.interpolate(some, size, mode="bilinear", antialias=True)
        prior = torch.zeros_like(image[:, :1]) if recipe.prior else None
        keep_function_with_batch_statistics(network, network.prepare(image, prior))
    return network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _trainer(recipe: Recipe, config: RunConfig, clock: Callable[[], float]) -> Trainer:
    def keep(name: str, monitor: str | None) -> ModelCheckpoint:
        return ModelCheckpoint(
            dirpath=config.output,
            filename=name,
            monitor=monitor,
            mode="max",
            enable_version_counter=False,
        )

    callbacks = [keep("best", "val/miou"), keep("last", None), _Timekeeper(config, clock)]
    if recipe.ema:
        callbacks.append(RisingAverage(recipe.ema))
    try:
        return Trainer(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.nodes,
            strategy=_strategy(config),
            precision=precision_on(config.accelerator, recipe.precision),
            max_epochs=sum(stage.epochs for stage in recipe.stages),
            callbacks=callbacks,
            logger=CSVLogger(config.output, name="log", flush_logs_every_n_steps=1),
            gradient_clip_val=recipe.clip or None,
            reload_dataloaders_every_n_epochs=1,
            use_distributed_sampler=False,
            benchmark=True,
            num_sanity_val_steps=0,
            enable_model_summary=False,
            log_every_n_steps=1,
        )
    except (MisconfigurationException, RuntimeError, ImportError) as error:
        raise DeviceError(f"{error} Take another --accelerator, or cpu") from error
    except ValueError as error:
        raise UsageError(f"Lightning refuses the run: {error}") from error


def _strategy(config: RunConfig) -> str:
    """Lightning's choice, but several processes put up with parts that a stage leaves idle."""
    several = config.nodes > 1 or config.devices not in ("auto", "1")
    if config.devices == "auto" and config.accelerator in ("auto", "gpu", "cuda"):
        several = several or torch.cuda.device_count() > 1
    if config.strategy == "ddp" or (config.strategy == "auto" and several):
        return "ddp_find_unused_parameters_true"
    return config.strategy


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


def train(
    recipe: Recipe,
    config: RunConfig,
    *,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
    pictures: PictureCache | None = None,
) -> RunResult:
    """Train a network.

    Args:
        recipe: what to train and how.
        config: on which data, where to, on which devices.
        progress: called with (pictures read, pictures in all) while the data is loaded.
        clock: seconds, for ``max_minutes`` and ``hard_minutes``.
        pictures: what earlier runs have read, if this one may use it.

    Raises:
        UsageError: ``resume`` without a checkpoint or with another recipe, or a folder that
            already holds a run.
        InputError: the data or the starting weights cannot be used.
        DeviceError: the accelerator cannot be had.
        OutputError: the run's folder cannot be written.
        TrainingError: the loss is no longer a number, or no epoch ended in time.
    """
    last = config.output / "last.ckpt"
    _prepare_folder(recipe, config, last)
    seed_everything(recipe.seed, verbose=False)
    with _without_known_notes():
        trainer = _trainer(recipe, config, clock)
        pictures = pictures or PictureCache()
        # The fewer pictures first: a name that is no set is told before the long reading.
        validation = pictures.validation(config.data, recipe.data, recipe.stages[-1].size)
        training = pictures.training(config.data, recipe.data, progress)
        network = _create_network(recipe, training, resume=config.resume)
        teacher = load_network(Path(recipe.teacher)) if recipe.teacher else None
        module = MattingModule(network, recipe, training, validation, teacher)
        try:
            trainer.fit(module, ckpt_path=last if config.resume else None, weights_only=True)
        except _GivenUp as error:
            if not last.is_file():
                raise TrainingError(
                    f"{config.output}: the time was up before the first epoch had ended; give more "
                    "minutes, or shorter epochs (--set data.epoch=...)"
                ) from error
        except SystemExit as error:
            # Lightning turns Ctrl-C into an exit of its own.
            if trainer.interrupted:
                raise KeyboardInterrupt from error
            raise
        finally:
            curves = draw_curves(config.output) if trainer.is_global_zero else []
    best = trainer.checkpoint_callbacks[0]
    assert isinstance(best, ModelCheckpoint)
    score = best.best_model_score
    return RunResult(
        best=Path(best.best_model_path or last),
        last=last,
        miou=float(score) if score is not None else 0.0,
        curves=tuple(curves),
        epochs=trainer.current_epoch,
        finished=trainer.current_epoch >= module.epoch_ends[-1],
    )


def _prepare_folder(recipe: Recipe, config: RunConfig, last: Path) -> None:
    """Refuse what would mix two runs, before any long work; keep the recipe that is used."""
    kept = config.output / "recipe.yaml"
    if config.resume:
        if not last.is_file():
            raise UsageError(f"{last}: nothing to resume from; leave --resume out to start anew")
        other = load_recipe_of(last).differences(recipe)
        if other:
            raise UsageError(
                f"{last}: trained by another recipe (it differs in {', '.join(other)}); give "
                f"{kept} as the recipe to go on with it"
            )
    elif last.is_file():
        raise UsageError(f"{config.output}: holds a run already; use --resume or another folder")
    write_atomically(kept, recipe.to_yaml().encode())
