"""The Lightning module: draws a batch, scores it, and keeps to the recipe's stages."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import LRSchedulerConfigType, OptimizerLRScheduler
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric

from livematte.errors import TrainingError, UsageError
from livematte.networks.base import Network
from livematte.training import losses
from livematte.training.batches import BatchMaker, seed_step
from livematte.training.objective import compute_losses
from livematte.training.optimisers import make_optimiser, rate_at
from livematte.training.recipe import Recipe, Stage
from livematte.training.store import PictureStore

__all__ = ["MattingModule"]

VALIDATION_BATCH = 16


class MattingModule(lightning.LightningModule):
    """Trains ``network`` on pictures in memory as ``recipe`` says.

    The loaders only count steps: what a step sees follows from the seed and the global step, so a
    resumed run continues exactly.
    """

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        training: PictureStore,
        validation: PictureStore,
        teacher: Network | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.training_store = training
        self.validation_store = validation
        # Kept out of the module tree: a teacher is neither trained, averaged nor saved.
        self._teacher = [teacher]
        self.epoch_ends = list(itertools.accumulate(stage.epochs for stage in recipe.stages))
        self._scores = {name: MeanMetric() for name in ("loss", "miou", "accuracy")}
        self._scores |= {f"miou/{name}": MeanMetric() for name in validation.names}

    def stage_at(self, epoch: int) -> Stage:
        """The stage that an epoch belongs to."""
        index = bisect.bisect_right(self.epoch_ends, epoch)
        return self.recipe.stages[min(index, len(self.recipe.stages) - 1)]

    def steps_in(self, epoch: int) -> int:
        """Optimiser steps of an epoch, in each process."""
        world = self.trainer.world_size if self._trainer is not None else 1
        batch = self.stage_at(epoch).batch_size * world
        return max(1, math.ceil(len(self.training_store) / batch))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the recipe, so that a checkpoint alone rebuilds its network."""
        checkpoint["recipe"] = self.recipe.to_yaml()

    def setup(self, stage: str) -> None:
        """Move the pictures to the device, once."""
        self.training_store = self.training_store.to(self.device)
        self.validation_store = self.validation_store.to(self.device)
        self._batches = BatchMaker(self.training_store, self.recipe)
        for metric in self._scores.values():
            metric.to(self.device)
        if self._teacher[0] is not None:
            self._teacher[0].to(self.device).eval().requires_grad_(False)

    def train_dataloader(self) -> DataLoader[int]:
        """Counts the steps of the current epoch."""
        return DataLoader(range(self.steps_in(self.current_epoch)), batch_size=None)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader[int]:
        """First indices of the validation batches."""
        return DataLoader(range(0, len(self.validation_store), VALIDATION_BATCH), batch_size=None)  # type: ignore[arg-type]

    def on_train_epoch_start(self) -> None:
        """Freeze or release the encoder, as the stage asks."""
        self._set_frozen(self.stage_at(self.current_epoch).freeze_encoder)

    def _set_frozen(self, frozen: bool) -> None:
        encoder = getattr(self.network, "encoder", None)
        if not isinstance(encoder, nn.Module):
            if frozen:
                raise UsageError(f"{self.recipe.network} has no encoder that could be frozen")
            return
        encoder.requires_grad_(not frozen)
        encoder.train(not frozen)

    def training_step(self, batch: Any, index: int) -> Tensor:
        """Draw, augment, predict, score."""
        stage = self.stage_at(self.current_epoch)
        seed_step(self.recipe.seed, self.global_step, self.global_rank)
        with torch.autocast(self.device.type, enabled=False):
            drawn = self._batches(stage)
        parts = compute_losses(self.network, drawn, stage.loss, self._teacher[0])
        loss = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(loss):
            bad = [name for name, value in parts.items() if not torch.isfinite(value)]
            raise TrainingError(
                f"the loss is not a number at step {self.global_step} ({', '.join(bad)}). Try a "
                "smaller learning rate (--set stages.0.rate=...), gradient clipping (--set "
                "clip=1), or --set precision=32-true; then resume from the last checkpoint"
            )
        shown = {f"train/{name}": value.detach() for name, value in parts.items()}
        shown["train/loss"] = loss.detach()
        self.log_dict(
            shown, on_step=False, on_epoch=True, sync_dist=True, batch_size=stage.batch_size
        )
        return loss

    def validation_step(self, first: int, index: int) -> None:
        """Score sixteen pictures at input size, each with an empty prior if one is taken."""
        store, some = self.validation_store, slice(int(first), int(first) + VALIDATION_BATCH)
        image = store.images[some].float() / 255
        alpha, valid = store.alpha[some].float() / 255, (~store.ignore[some]).float()
        prior = torch.zeros_like(alpha) if self.recipe.prior else None
        logit = self.network(image, prior).mask.float()
        self._scores["loss"].update(losses.cross_entropy(logit, alpha, valid))
        miou, accuracy = _score(logit > 0, alpha > 0.5, valid)
        self._scores["miou"].update(miou)
        self._scores["accuracy"].update(accuracy)
        for number, name in enumerate(store.names):
            chosen = store.sets[some] == number
            if chosen.any():
                self._scores[f"miou/{name}"].update(miou[chosen])

    def on_validation_epoch_end(self) -> None:
        """Log the mean over pictures, of all sets and of each."""
        for name, metric in self._scores.items():
            self.log(f"val/{name}", metric.compute(), prog_bar=name == "miou", sync_dist=True)
            metric.reset()

    def _rate_factor(self) -> Callable[[int], float]:
        """The rate of each step relative to the first stage's."""
        schedule, stages = self.recipe.schedule, self.recipe.stages
        ends = list(itertools.accumulate(self.steps_in(e) for e in range(self.epoch_ends[-1])))

        def factor(step: int) -> float:
            epoch = min(bisect.bisect_right(ends, step), len(ends) - 1)
            number = bisect.bisect_right(self.epoch_ends, epoch)
            first, last = 0, len(ends)
            if schedule.per_stage:
                last = self.epoch_ends[number]
                first = last - stages[number].epochs
            start = ends[first - 1] if first else 0
            share = rate_at(schedule, step - start, ends[last - 1] - start, epoch - first)
            return share * stages[number].rate / stages[0].rate

        return factor

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Optimiser and schedule of the recipe."""
        optimiser = make_optimiser(self.network, self.recipe)
        schedule = self.recipe.schedule
        if schedule.kind == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimiser,
                factor=schedule.factor,
                patience=schedule.patience,
                min_lr=schedule.minimum,
            )
            config: LRSchedulerConfigType = {"scheduler": plateau, "monitor": "val/loss"}
            return {"optimizer": optimiser, "lr_scheduler": config}
        by_step = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate_factor())
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": by_step, "interval": "step"},
        }


def _score(predicted: Tensor, truth: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Mean IoU of person and background, and accuracy, per picture (N)."""
    known = valid.bool()

    def count(mask: Tensor) -> Tensor:
        return (mask & known).flatten(1).sum(dim=1).float()

    def iou(a: Tensor, b: Tensor) -> Tensor:
        union = count(a | b)
        return torch.where(union > 0, count(a & b) / union.clamp_min(1), 1.0)

    miou = (iou(predicted, truth) + iou(~predicted, ~truth)) / 2
    return miou, count(predicted == truth) / count(known).clamp_min(1)
