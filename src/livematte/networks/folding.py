"""Batch norms that came folded into the kernels before them, and only add a bias.

Files for runtimes hold such. Read back into a network that is to be trained, each norm starts with
mean 0 and variance 1; as training mode would divide by the batch's own deviation, which undoes the
weights, they are refitted first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from livematte.networks.base import Network

__all__ = ["has_folded_norms", "keep_function_with_batch_statistics", "mark_folded"]

_MARK = "folded"


def mark_folded(norm: nn.BatchNorm2d) -> None:
    """Note that a norm only adds its bias."""
    setattr(norm, _MARK, True)


def has_folded_norms(network: nn.Module) -> bool:
    """Whether :func:`keep_function_with_batch_statistics` has something to do."""
    return bool(_folded(network))


def keep_function_with_batch_statistics(network: nn.Module, images: Tensor) -> None:
    """Refit folded batch norms so that training mode computes what the file computed.

    Each takes the mean and variance that ``images`` show it, and the scale and shift that undo
    them. Norms that came with their statistics are left alone.

    Args:
        network: a network, or an encoder alone.
        images: N×C×H×W, what a network's ``prepare`` gives, or the encoder's input.
    """
    folded = _folded(network)
    hooks = [norm.register_forward_pre_hook(_refit) for norm in folded]
    was_training = network.training
    network.eval()
    with torch.no_grad():
        network.predict(images) if isinstance(network, Network) else network(images)
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    for norm in folded:
        delattr(norm, _MARK)


def _folded(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and hasattr(m, _MARK)]


def _refit(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    assert isinstance(module, nn.BatchNorm2d)
    assert module.running_mean is not None
    assert module.running_var is not None
    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
    gain = module.weight / torch.sqrt(module.running_var + module.eps)
    module.bias.add_((mean - module.running_mean) * gain)
    module.weight.copy_(gain * torch.sqrt(variance + module.eps))
    module.running_mean.copy_(mean)
    module.running_var.copy_(variance)
