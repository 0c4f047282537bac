"""The Lightning module: draws a batch, scores it, and keeps to the recipe's stages."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric

from livematte.data.priors import PriorConfig, make_priors
from livematte.errors import TrainingError, UsageError
from livematte.networks.base import Network, NetworkOutput
from livematte.networks.inverted_encoder import InvertedEncoder
from livematte.networks.quantised import QuantisedNetwork
from livematte.training import losses
from livematte.training.batches import BatchMaker, seed_step
from livematte.training.objective import compute_losses
from livematte.training.optimisers import make_optimiser, make_plateau, rate_at
from livematte.training.processor import fast_kernels
from livematte.training.recipe import Recipe, Stage
from livematte.training.store import PictureStore

__all__ = ["MattingModule"]

VALIDATION_BATCH = 16
REMEDY = (
    "Try a smaller learning rate (--set stages.0.rate=...), gradient clipping (--set clip=1), or "
    "--set precision=32-true, in a new run from this one's best.ckpt (--set pretrained=...)"
)


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
        self._forward: tuple[Callable[..., NetworkOutput]] = (network,)
        self._plateau = make_plateau(recipe) if recipe.schedule.kind == "plateau" else None
        names = ("loss", "miou", "accuracy", *(f"miou/{name}" for name in validation.names))
        # A mean that leaves NaN out would hide broken weights.
        self._scores = {name: MeanMetric(nan_strategy="disable") for name in names}

    def stage_at(self, epoch: int) -> Stage:
        """The stage that an epoch belongs to."""
        index = bisect.bisect_right(self.epoch_ends, epoch)
        return self.recipe.stages[min(index, len(self.recipe.stages) - 1)]

    def steps_in(self, epoch: int) -> int:
        """Optimiser steps of an epoch, in each process."""
        world = self.trainer.world_size if self._trainer is not None else 1
        batch = self.stage_at(epoch).batch_size * world
        pictures = self.recipe.data.epoch or len(self.training_store)
        return max(1, math.ceil(pictures / batch))

    def work_in(self, epoch: int) -> int:
        """Pixels of an epoch, in each process: how long it takes beside others."""
        stage = self.stage_at(epoch)
        return self.steps_in(epoch) * stage.batch_size * stage.size[0] * stage.size[1]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the recipe, so that a checkpoint alone rebuilds its network."""
        checkpoint["recipe"] = self.recipe.to_yaml()
        if self._plateau is not None:
            checkpoint["plateau"] = self._plateau.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the plateau's count of epochs without gain."""
        if self._plateau is not None:
            self._plateau.load_state_dict(checkpoint["plateau"])
            self._plateau.optimizer.param_groups[0]["lr"] = self._plateau.get_last_lr()[0]

    def setup(self, stage: str) -> None:
        """Move the pictures to the device, once, and compile the network if that is asked for."""
        # Not self.device: Lightning moves the network there only after this.
        device = self.trainer.strategy.root_device
        self.training_store = self.training_store.to(device)
        self.validation_store = self.validation_store.to(device)
        self._batches = BatchMaker(self.training_store, self.recipe)
        for metric in self._scores.values():
            metric.to(device)
        self._validation_priors = self._make_validation_priors()
        if self._teacher[0] is not None:
            self._teacher[0].to(device).eval().requires_grad_(False)
        if self.recipe.compile and device.type == "cuda":
            # In a tuple, so that the network's weights are not registered a second time.
            self._forward = (torch.compile(self.network, dynamic=False),)

    def _make_validation_priors(self) -> list[Tensor | None]:
        """What a prior network is scored with: nothing before, and a distorted last matte."""
        if not self.recipe.prior:
            return [None]
        generator, config = torch.Generator().manual_seed(0), PriorConfig(empty=0.0)
        alpha = self.validation_store.alpha.float() / 255
        made = torch.empty_like(alpha)
        for first in range(0, len(alpha), VALIDATION_BATCH):
            some = slice(first, first + VALIDATION_BATCH)
            made[some] = make_priors(alpha[some], config, generator)
        return [torch.zeros_like(alpha), made]

    def train_dataloader(self) -> DataLoader[int]:
        """Counts the steps of the current epoch."""
        return DataLoader(range(self.steps_in(self.current_epoch)), batch_size=None)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader[int]:
        """First indices of the validation batches."""
        return DataLoader(range(0, len(self.validation_store), VALIDATION_BATCH), batch_size=None)  # type: ignore[arg-type]

    def on_train_epoch_start(self) -> None:
        """Freeze or release the encoder, its first levels, or ranges, as the stage asks."""
        stage = self.stage_at(self.current_epoch)
        if isinstance(self.network, QuantisedNetwork):
            self.network.observe(not stage.freeze_ranges)
        elif stage.freeze_ranges:
            raise UsageError(f"{self.recipe.network}: freeze_ranges needs options.quantised=true")
        encoder = getattr(self.network, "encoder", None)
        if not isinstance(encoder, nn.Module):
            if stage.freezes:
                raise UsageError(f"{self.recipe.network} has no encoder that could be frozen")
            return
        if stage.freeze_levels and not isinstance(encoder, InvertedEncoder):
            raise UsageError(
                f"{self.recipe.network}: freeze_levels needs an encoder of inverted residuals"
            )
        encoder.requires_grad_(not stage.freeze_encoder)
        encoder.train(not stage.freeze_encoder)
        if isinstance(encoder, InvertedEncoder):
            for part in encoder.first_levels(stage.freeze_levels):
                part.requires_grad_(False)
                part.eval()

    def training_step(self, batch: Any, index: int) -> Tensor:
        """Draw, augment, predict, score."""
        stage = self.stage_at(self.current_epoch)
        seed_step(self.recipe.seed, self.global_step, self.global_rank)
        with torch.autocast(self.device.type, enabled=False):
            drawn = self._batches(stage)
        with fast_kernels(self.device, str(self.trainer.precision)):
            parts = compute_losses(self._forward[0], drawn, stage.loss, self._teacher[0])
        loss = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(loss):
            bad = [name for name, value in parts.items() if not torch.isfinite(value)]
            raise TrainingError(
                f"the loss is not a number at step {self.global_step} ({', '.join(bad)}). {REMEDY}"
            )
        shown = {f"train/{name}": value.detach() for name, value in parts.items()}
        shown["train/loss"] = loss.detach()
        self.log_dict(
            shown, on_step=False, on_epoch=True, sync_dist=True, batch_size=stage.batch_size
        )
        return loss

    def on_train_batch_start(self, batch: Any, index: int) -> None:
        """Set the learning rate of this step; a function of the step but for the plateau."""
        rate = self._rate(self.global_step)
        for group in self.optimizers(use_pl_optimizer=False).param_groups:  # type: ignore[union-attr]
            # Checkpoints from before there was a factor have groups without one.
            group["lr"] = rate * group.get("factor", 1.0)

    def validation_step(self, first: int, index: int) -> None:
        """Score sixteen pictures at input size; prior networks with and without a last matte."""
        store, some = self.validation_store, slice(int(first), int(first) + VALIDATION_BATCH)
        image = store.images[some].float() / 255
        alpha, valid = store.alpha[some].float() / 255, (~store.ignore[some]).float()
        for priors in self._validation_priors:
            logit = self.network(image, None if priors is None else priors[some]).mask.float()
            loss = losses.cross_entropy(logit, alpha, valid)
            self._scores["loss"].update(loss, weight=len(image))
            miou, accuracy = _score(logit > 0, alpha > 0.5, valid)
            self._scores["miou"].update(miou)
            self._scores["accuracy"].update(accuracy)
            for number, name in enumerate(store.names):
                chosen = store.sets[some] == number
                if chosen.any():
                    self._scores[f"miou/{name}"].update(miou[chosen])

    def on_validation_epoch_end(self) -> None:
        """Log the mean over pictures, of all sets and of each; stop on broken weights."""
        values = {name: metric.compute() for name, metric in self._scores.items()}
        for name, value in values.items():
            self.log(f"val/{name}", value, prog_bar=name == "miou", sync_dist=True)
            self._scores[name].reset()
        # Before any checkpoint is written, so that the last good one stays.
        if not torch.isfinite(values["loss"]):
            raise TrainingError(
                f"the weights are broken after epoch {self.current_epoch}: the validation loss is "
                f"not a number. {REMEDY}"
            )
        if self._plateau is not None:
            self._plateau.step(float(values["loss"]))

    def _rate(self, step: int) -> float:
        """The learning rate at an optimiser step."""
        schedule, stages = self.recipe.schedule, self.recipe.stages
        ends = self._step_ends
        epoch = min(bisect.bisect_right(ends, step), len(ends) - 1)
        number = bisect.bisect_right(self.epoch_ends, epoch)
        first, last = 0, len(ends)
        if schedule.per_stage:
            last = self.epoch_ends[number]
            first = last - stages[number].epochs
        start = ends[first - 1] if first else 0
        share = rate_at(schedule, step - start, ends[last - 1] - start, epoch - first)
        if self._plateau is not None:
            share *= self._plateau.optimizer.param_groups[0]["lr"]
        return share * stages[number].rate

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The recipe's optimiser; its rate is set at every step."""
        steps = (self.steps_in(epoch) for epoch in range(self.epoch_ends[-1]))
        self._step_ends = list(itertools.accumulate(steps))
        return make_optimiser(self.network, self.recipe)


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
