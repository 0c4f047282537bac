"""Averaged weights: what is validated and shipped."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn

__all__ = ["RisingAverage"]


def _tensors(module: nn.Module) -> list[Tensor]:
    return [part.detach() for part in itertools.chain(module.parameters(), module.buffers())]


class RisingAverage(WeightAveraging):
    """Exponential moving average whose decay rises from 0.1, so that the start is forgotten.

    Lightning's callback does the rest, but its way of averaging waits for the device: once for
    every tensor of every step, to ask how many weights were averaged so far. Steps are counted
    here, and one operation moves all tensors. It also keeps the average where training happens
    (when Lightning sets callbacks up, the network still lies on the CPU).

    Args:
        decay: of the average, after the rise.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self._decay = decay
        self._floats: tuple[list[Tensor], list[Tensor]] = ([], [])
        self._others: tuple[list[Tensor], list[Tensor]] = ([], [])

    @property
    def state_key(self) -> str:
        """Lightning's own, so that either reads the other's checkpoints."""
        return WeightAveraging.__qualname__

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Copy the network to where it will be trained."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the tensors of both sides; from here on they stay where they are."""
        assert self._average_model is not None
        pairs = list(zip(_tensors(self._average_model.module), _tensors(pl_module), strict=True))
        moving = [pair for pair in pairs if pair[0].is_floating_point()]
        counts = [pair for pair in pairs if not pair[0].is_floating_point()]
        self._floats = [a for a, _ in moving], [b for _, b in moving]
        self._others = [a for a, _ in counts], [b for _, b in counts]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the average a little towards the weights."""
        if trainer.global_step <= self._latest_update_step:
            return
        self._latest_update_step = trainer.global_step
        before = trainer.global_step - 1
        kept = min(self._decay, (1 + before) / (10 + before)) if before else 0.0
        with torch.no_grad():
            torch._foreach_lerp_(*self._floats, 1 - kept)
            if self._others[0]:
                torch._foreach_copy_(*self._others)
            assert self._average_model is not None
            self._average_model.n_averaged += 1
