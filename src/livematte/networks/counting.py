"""How large a network is: parameters and multiply-accumulates."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from livematte.networks.base import Network

__all__ = ["count_folded_parameters", "count_macs", "count_parameters", "folded_norms"]


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def folded_norms(network: nn.Module) -> list[tuple[nn.Module, nn.BatchNorm2d]]:
    """Each batch norm that stands right behind a convolution, with that convolution."""
    return [
        (first, second)
        for first, second in pairwise(network.modules())
        if isinstance(first, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(second, nn.BatchNorm2d)
    ]


def count_folded_parameters(network: nn.Module, *, transposed: bool = True) -> int:
    """Parameters of the exported network, whose batch norms are folded into its convolutions.

    Args:
        network: the network.
        transposed: fold behind transposed convolutions too. Converters that do not keep such
            a norm with its four numbers per channel.
    """
    count = count_parameters(network)
    for convolution, norm in folded_norms(network):
        channels = norm.num_features
        if isinstance(convolution, nn.ConvTranspose2d) and not transposed:
            count += 2 * channels
        else:
            count += -2 * channels if convolution.bias is not None else -channels
    return count


def count_macs(network: Network, size: tuple[int, int]) -> int:
    """Multiply-accumulates of one image in convolutions and linear layers, in inference.

    A transposed convolution is counted by its input: each pixel there touches the whole kernel.
    Norms, activations and resizing are not counted. Nothing is computed: the network runs on
    PyTorch's meta device.

    Args:
        network: the network; left as it is.
        size: (height, width) of the input.
    """
    total = 0

    def add(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Linear):
            total += output.numel() * module.in_features
        elif isinstance(module, nn.ConvTranspose2d):
            window = math.prod(module.kernel_size)
            total += inputs[0].numel() * window * module.out_channels // module.groups
        elif isinstance(module, nn.Conv2d):
            window = math.prod(module.kernel_size)
            total += output.numel() * window * module.in_channels // module.groups

    twin = copy.deepcopy(network).to("meta").eval()
    for module in twin.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            module.register_forward_hook(add)
    image = torch.empty(1, 3, *size, device="meta")
    prior = torch.empty(1, 1, *size, device="meta") if network.prior else None
    with torch.no_grad():
        twin(image, prior)
    return total
