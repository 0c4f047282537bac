"""The weighted sum of losses that a stage minimises."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from livematte.errors import UsageError
from livematte.networks.base import Network, NetworkOutput
from livematte.training import losses
from livematte.training.batches import TrainingBatch
from livematte.training.recipe import LossConfig

__all__ = ["compute_losses"]


def compute_losses(
    network: Network, batch: TrainingBatch, config: LossConfig, teacher: Network | None
) -> dict[str, Tensor]:
    """Run the network on a batch and score it.

    Returns:
        Each loss with its weight applied, by its name in :class:`LossConfig`; their sum is what
        is minimised.
    """
    output = _in_float(network(batch.image, batch.prior))
    mask, alpha, valid = output.mask, batch.alpha, batch.valid
    found: dict[str, Tensor] = {}

    def add(name: str, value: Tensor) -> None:
        found[name] = found.get(name, 0) + getattr(config, name) * value

    if config.cross_entropy:
        add("cross_entropy", losses.cross_entropy(mask, alpha, valid))
    if config.boundary:
        kernel = config.boundary_kernel
        add("boundary", losses.boundary_cross_entropy(mask, alpha, valid, kernel))
    for name, loss in (("dice", losses.dice), ("l1", losses.l1), ("laplacian", losses.laplacian)):
        if getattr(config, name):
            add(name, loss(mask, alpha, valid))
    if config.edge and output.edge is not None:
        add("edge", losses.focal(output.edge, losses.edges(alpha), valid))
    if config.coarse and output.coarse is not None:
        for value in _coarse(output.coarse, alpha, valid, config):
            add("coarse", value)
    if config.consistency and batch.plain is not None:
        plain = _in_float(network(batch.plain, batch.prior)).mask
        found["plain_view"] = losses.cross_entropy(plain, alpha, valid)
        add("consistency", losses.consistency(mask, plain, valid))
    if config.distillation and teacher is not None:
        goal = _in_float(teacher(batch.image, batch.prior if teacher.prior else None)).mask
        add("distillation", losses.distillation(mask, goal, valid))
    if not found:
        raise UsageError(
            "the stage's losses have nothing to score on this network; an edge or coarse loss "
            "needs a network that has that head"
        )
    return found


def _in_float(output: NetworkOutput) -> NetworkOutput:
    """Losses are computed in float32 whatever the network ran in."""
    return NetworkOutput(*(None if part is None else part.float() for part in output))  # type: ignore[arg-type]


def _coarse(
    logit: Tensor, alpha: Tensor, valid: Tensor, config: LossConfig
) -> tuple[Tensor, Tensor]:
    """Cross-entropy at the encoder's size, and half of it again over the band (SINet)."""
    size = (logit.shape[-2], logit.shape[-1])
    small = (F.adaptive_avg_pool2d(alpha, size) > 0.5).to(alpha.dtype)
    known = (F.adaptive_avg_pool2d(valid, size) > 0.999).to(valid.dtype)
    band = losses.boundary_cross_entropy(logit, small, known, config.coarse_kernel)
    return losses.cross_entropy(logit, small, known), 0.5 * band
