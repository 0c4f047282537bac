"""Optimiser groups and learning-rate curves."""

from __future__ import annotations

import math

import torch
from torch import nn

from livematte.training.recipe import Recipe, ScheduleConfig

__all__ = ["make_optimiser", "make_plateau", "rate_at"]


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Adam or AdamW over groups: dense kernels, depthwise kernels, and the rest.

    They differ in weight decay, as SINet's publication has it; a group without a decay of its own
    takes ``decay``. Where the encoder has another rate its weights are groups of their own, with
    its share of the rate as their ``factor``.
    """
    config = recipe.optimiser
    groups: dict[tuple[float, int], list[nn.Parameter]] = {}
    for path, module in network.named_modules():
        encoder = path == "encoder" or path.startswith("encoder.")
        factor = config.encoder if encoder else 1.0
        for name, parameter in module.named_parameters(recurse=False):
            if name != "weight" or parameter.ndim != 4:
                kind = 2
            elif getattr(module, "groups", 1) == getattr(module, "in_channels", 0) > 1:
                kind = 1
            else:
                kind = 0
            groups.setdefault((factor, kind), []).append(parameter)
    decays = (
        config.decay,
        config.decay if config.decay_depthwise is None else config.decay_depthwise,
        config.decay if config.decay_rest is None else config.decay_rest,
    )
    listed = [
        {"params": groups[factor, kind], "weight_decay": decays[kind], "factor": factor}
        for factor, kind in sorted(groups, key=lambda key: (-key[0], key[1]))
    ]
    optimiser = torch.optim.AdamW if config.kind == "adamw" else torch.optim.Adam
    return optimiser(listed, lr=recipe.stages[0].rate, betas=config.betas, eps=config.eps)


def make_plateau(recipe: Recipe) -> torch.optim.lr_scheduler.ReduceLROnPlateau:
    """Torch's plateau rule on a rate of 1: what it makes of it is the factor on every stage's."""
    schedule = recipe.schedule
    stand_in = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    return torch.optim.lr_scheduler.ReduceLROnPlateau(
        stand_in,
        factor=schedule.factor,
        patience=schedule.patience,
        min_lr=schedule.minimum / recipe.stages[0].rate,
    )


def rate_at(schedule: ScheduleConfig, step: int, total: int, epoch: int) -> float:
    """Factor on a stage's learning rate at a step, in [0, 1].

    Args:
        schedule: the recipe's schedule; of ``plateau`` only the warm-up is a function of the step.
        step: steps done.
        total: steps in all.
        epoch: epochs done.
    """
    rise = min(1.0, (step + 1) / schedule.warmup) if schedule.warmup else 1.0
    if schedule.kind == "cosine":
        share = min(1.0, step / max(1, total))
        fall = schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * share)) / 2
    elif schedule.kind == "steps":
        passed = sum(epoch >= milestone for milestone in schedule.milestones)
        passed += epoch // schedule.every if schedule.every else 0
        fall = schedule.factor**passed
    else:
        fall = 1.0
    return rise * fall
