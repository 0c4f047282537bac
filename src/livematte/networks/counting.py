"""How large a network is: parameters and multiply-accumulates."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from livematte.networks.base import Network

__all__ = [
    "count_folded_parameters",
    "count_macs",
    "count_parameters",
    "folded_norms",
    "macs_by_layer",
]

Convolution = nn.Conv2d | nn.ConvTranspose2d


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def folded_norms(network: Network) -> list[tuple[Convolution, nn.BatchNorm2d]]:
    """Each batch norm that a convolution feeds directly, with that convolution."""
    fed_by: dict[int, tuple[Tensor, str]] = {}
    pairs: list[tuple[str, str]] = []

    def note(name: str, module: nn.Module, value: Tensor, output: Tensor) -> None:
        if isinstance(module, Convolution):
            fed_by[id(output)] = (output, name)  # the tensor is kept, or its id would be reused
        elif isinstance(module, nn.BatchNorm2d) and id(value) in fed_by:
            pairs.append((fed_by[id(value)][1], name))

    _dry_run(network, network.default_size, note)
    modules = dict(network.named_modules())
    found: list[tuple[Convolution, nn.BatchNorm2d]] = []
    for first, second in pairs:
        convolution, norm = modules[first], modules[second]
        assert isinstance(convolution, Convolution)
        assert isinstance(norm, nn.BatchNorm2d)
        found.append((convolution, norm))
    return found


def count_folded_parameters(network: Network, *, transposed: bool = True) -> int:
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
    Norms, activations and resizing are not counted.

    Args:
        network: the network; left as it is.
        size: (height, width) of the input.
    """
    return sum(macs_by_layer(network, size).values())


def macs_by_layer(network: Network, size: tuple[int, int]) -> dict[str, int]:
    """What :func:`count_macs` adds up, by the name of the layer."""
    found: dict[str, int] = {}

    def add(name: str, module: nn.Module, value: Tensor, output: Tensor) -> None:
        macs = 0
        if isinstance(module, nn.Linear):
            macs = output.numel() * module.in_features
        elif isinstance(module, nn.ConvTranspose2d):
            window = math.prod(module.kernel_size)
            macs = value.numel() * window * module.out_channels // module.groups
        elif isinstance(module, nn.Conv2d):
            window = math.prod(module.kernel_size)
            macs = output.numel() * window * module.in_channels // module.groups
        found[name] = found.get(name, 0) + macs

    _dry_run(network, size, add)
    return found


def _dry_run(
    network: Network, size: tuple[int, int], see: Callable[[str, nn.Module, Tensor, Tensor], None]
) -> None:
    """Show each layer with its name, input and output, of one image in inference.

    Nothing is computed but shapes: a copy of the network runs on PyTorch's meta device.
    """
    twin = copy.deepcopy(network).to("meta").eval()

    def hook(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        see(name, module, inputs[0], output)

    for name, module in twin.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)):
            module.register_forward_hook(partial(hook, name))
    image = torch.empty(1, 3, *size, device="meta")
    prior = torch.empty(1, 1, *size, device="meta") if network.prior else None
    with torch.no_grad():
        twin(image, prior)
