"""The weighted sum of losses that a stage minimises."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from livematte.errors import UsageError
from livematte.networks.base import Network, NetworkOutput
from livematte.training import losses
from livematte.training.batches import TrainingBatch
from livematte.training.recipe import LossConfig

__all__ = ["compute_losses"]

EDGE_REACH = 5  # pixels: an edge target is 4 wide


def compute_losses(
    network: Callable[..., NetworkOutput],
    batch: TrainingBatch,
    config: LossConfig,
    teacher: Network | None,
) -> dict[str, Tensor]:
    """Run the network on a batch and score it.

    Returns:
        Each loss with its weight applied, by its name in :class:`LossConfig`; their sum is what
        is minimised.
    """
    last, prior = _remember(network, batch)
    output = network(batch.image, prior)
    plain = network(batch.plain, prior).mask if batch.plain is not None else None
    goal = None
    if teacher is not None and config.distillation:
        goal = teacher(batch.image, prior if teacher.prior else None).mask
    with torch.autocast(batch.image.device.type, enabled=False):
        found = _score(_in_float(output), batch, config)
        if plain is not None:
            mask, valid = output.mask.float(), batch.valid
            found["plain_view"] = losses.cross_entropy(plain.float(), batch.alpha, valid)
            agreement = losses.consistency(mask, plain.float(), valid)
            found["consistency"] = config.consistency * agreement
        if goal is not None:
            distance = losses.distillation(output.mask.float(), goal.float(), batch.valid)
            found["distillation"] = config.distillation * distance
        if config.steady and last is not None:
            found["steady"] = config.steady * _steadiness(output.mask.float(), last, batch)
    if not found:
        raise UsageError("a stage's losses all have weight 0; there is nothing to learn from")
    return found


def _remember(
    network: Callable[..., NetworkOutput], batch: TrainingBatch
) -> tuple[Tensor | None, Tensor | None]:
    """The network's matte of the moment before, and the prior that it is to see now.

    Nothing is learnt through the mattes of the moments before. After a cut it is one of another
    picture.
    """
    if not batch.before or batch.prior is None:
        return None, batch.prior
    last: Tensor | None = None
    with torch.no_grad():
        for moment in batch.before:
            prior = moment.prior if last is None else torch.where(moment.own, last, moment.prior)
            last = torch.sigmoid(network(moment.image, prior).mask.float())
    assert last is not None
    newest = batch.before[-1]
    seen = torch.where(newest.cut, last.roll(1, dims=0), last)
    return last, torch.where(newest.own, seen, batch.prior)


def _steadiness(mask: Tensor, last: Tensor, batch: TrainingBatch) -> Tensor:
    """The steadiness loss over the pictures that follow their own last matte."""
    before = batch.before[-1]
    known = batch.valid * before.valid * (before.own & ~before.cut)
    return losses.steadiness(mask, batch.alpha, known, last, before.alpha)


def _score(output: NetworkOutput, batch: TrainingBatch, config: LossConfig) -> dict[str, Tensor]:
    """The losses that need one view of the network alone."""
    mask, alpha, valid = output.mask, batch.alpha, batch.valid
    found: dict[str, Tensor] = {}
    if config.cross_entropy:
        found["cross_entropy"] = losses.cross_entropy(mask, alpha, valid)
    if config.boundary:
        kernel = config.boundary_kernel
        found["boundary"] = losses.boundary_cross_entropy(mask, alpha, valid, kernel)
    for name, loss in (("dice", losses.dice), ("l1", losses.l1), ("laplacian", losses.laplacian)):
        if getattr(config, name):
            found[name] = loss(mask, alpha, valid)
    if config.edge:
        known = losses.away_from_void(valid, EDGE_REACH)
        found["edge"] = losses.focal(_needed(output.edge, "edge"), losses.edges(alpha), known)
    if config.coarse:
        found["coarse"] = _coarse(_needed(output.coarse, "coarse"), alpha, valid, config)
    return {name: getattr(config, name) * value for name, value in found.items()}


def _needed(logit: Tensor | None, name: str) -> Tensor:
    if logit is None:
        raise UsageError(
            f"the recipe weighs the {name} loss, but the network has no {name} head; "
            f"set stages.N.loss.{name}=0 or take a network that has one"
        )
    return logit


def _in_float(output: NetworkOutput) -> NetworkOutput:
    """Losses are computed in float32 whatever the network ran in."""
    return NetworkOutput(*(None if part is None else part.float() for part in output))  # type: ignore[arg-type]


def _coarse(logit: Tensor, alpha: Tensor, valid: Tensor, config: LossConfig) -> Tensor:
    """Cross-entropy at the encoder's size, and half of it again over the band (SINet)."""
    size = (logit.shape[-2], logit.shape[-1])
    small = (F.adaptive_avg_pool2d(alpha, size) > 0.5).to(alpha.dtype)
    known = (F.adaptive_avg_pool2d(valid, size) > 0.999).to(valid.dtype)
    band = losses.boundary_cross_entropy(logit, small, known, config.coarse_kernel)
    return losses.cross_entropy(logit, small, known) + 0.5 * band
