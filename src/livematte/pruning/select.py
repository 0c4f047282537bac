"""Which channels go.

Channels that hang together through additions, concatenations and depthwise convolutions go
together; torch-pruning finds these groups (Fang et al., DepGraph: Towards Any Structural Pruning,
CVPR 2023). What a channel is worth is how much the loss would change without its weights, to first
order: the sum of |weight × gradient| (Molchanov et al., Importance Estimation for Neural Network
Pruning, CVPR 2019), which can be compared between layers. Without pictures it is the squared norm
of the weights over the group's mean: blind to what the network is for, but it needs nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch_pruning
from torch import Tensor, nn

from livematte.errors import ModelError, UsageError, one_line
from livematte.networks.base import Network, NetworkOutput
from livematte.networks.channels import ChannelCounts, channel_counts
from livematte.networks.counting import macs_by_layer

__all__ = ["BLOCK", "prune_network"]

BLOCK = 8
"""Channels are kept in multiples of it, which is what kernels are fastest at."""

_KEPT = 0.25  # of a group's channels, at least: a layer of eight is a bottleneck nothing heals
_SIDE = 64  # of the picture that the layers are traced with


@dataclass(frozen=True)
class _Block:
    """Channels of one group that go together.

    Attributes:
        layer: name of the layer whose outputs they are.
        channels: these outputs.
        score: what is lost with them.
    """

    layer: str
    channels: tuple[int, ...]
    score: float


def prune_network(
    network: Network,
    ratio: float,
    *,
    size: tuple[int, int],
    losses: Callable[[Network], Iterable[Tensor]] | None = None,
) -> Network:
    """A smaller copy of a network, without its least important channels.

    Args:
        network: trained; left as it is.
        ratio: share of the multiply-accumulates that go at least, in (0, 1).
        size: (height, width) of the input, for these.
        losses: gives the losses of a network on some batches, which tell what its channels are
            worth; None goes by the size of the weights.

    Raises:
        UsageError: ``ratio`` out of range, or more than can go.
        ModelError: a layer whose channels cannot be taken out.
    """
    if not 0 < ratio < 1:
        raise UsageError(f"--ratio {ratio:g}: give a share between 0 and 1, such as 0.3")
    _check(network)
    blocks = _rank(network, losses)
    macs = macs_by_layer(network, size)
    before = sum(macs.values())

    def left(number: int) -> float:
        return _scale(network, macs, channel_counts(_without(network, blocks[:number]))) / before

    if left(len(blocks)) > 1 - ratio:
        raise UsageError(
            f"--ratio {ratio:g}: only {1 - left(len(blocks)):.2f} can go from this network, which "
            f"keeps {BLOCK} channels and a quarter of each layer; take less"
        )
    few, enough = 0, len(blocks)
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if left(middle) <= 1 - ratio else (middle, enough)
    return _without(network, blocks[:enough])


def _scale(network: Network, macs: dict[str, int], counts: ChannelCounts) -> float:
    """Multiply-accumulates with other channel counts, by those of the network."""
    full, total = channel_counts(network), 0.0
    depthwise = {name for name, layer in network.named_modules() if getattr(layer, "groups", 1) > 1}
    for name, value in macs.items():
        (inputs, outputs), (fewer_inputs, fewer_outputs) = full[name], counts[name]
        share = fewer_outputs / outputs
        total += value * (share if name in depthwise else share * fewer_inputs / inputs)
    return total


def _check(network: Network) -> None:
    """Refuse what torch-pruning would take apart wrongly."""
    for name, layer in network.named_modules():
        grouped = isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.groups > 1
        if isinstance(layer, nn.ChannelShuffle) or (
            grouped and not layer.groups == layer.in_channels == layer.out_channels
        ):
            raise ModelError(
                f"{type(network).__name__} cannot be pruned: layer {name} "
                f"({type(layer).__name__}) mixes its channels in groups; train a narrower one"
            )


def _trace(network: Network) -> Any:
    """The groups of channels that hang together."""
    side = -(-_SIDE // network.stride) * network.stride
    image = torch.rand(1, 3, side, side)
    inputs = (image, image[:, :1]) if network.prior else (image,)

    def run(model: Network, images: tuple[Tensor, ...]) -> NetworkOutput:
        model.training = True  # of itself alone: the heads of training answer, no norm moves
        return model(*images)  # type: ignore[no-any-return]

    try:
        return torch_pruning.DependencyGraph().build_dependency(
            network,
            example_inputs=inputs,
            forward_fn=run,
            output_transform=lambda output: [part for part in output if part is not None],
        )
    except Exception as error:  # of many kinds, from the library's tracing
        raise ModelError(
            f"{type(network).__name__} cannot be pruned: its layers cannot be traced "
            f"({one_line(error)})"
        ) from error
    finally:
        network.eval()


def _groups(graph: Any) -> Iterator[Any]:
    convolutions = (nn.modules.conv._ConvNd, nn.Linear)
    yield from graph.get_all_groups(root_module_types=convolutions)


def _rank(network: Network, losses: Callable[[Network], Iterable[Tensor]] | None) -> list[_Block]:
    """All blocks that may go, in the order in which they do."""
    twin = copy.deepcopy(network).eval()
    groups = list(_groups(_trace(twin)))
    if losses is None:
        importance = torch_pruning.importance.GroupMagnitudeImportance(p=2)
    else:
        for loss in losses(twin):
            loss.backward()  # type: ignore[no-untyped-call]
        for weight in twin.parameters():
            if weight.grad is None:  # of a head that training alone uses
                weight.grad = torch.zeros_like(weight)
        importance = torch_pruning.importance.GroupTaylorImportance(
            group_reduction="sum", normalizer=None
        )
    names = {module: name for name, module in twin.named_modules()}
    found: list[_Block] = []
    for group in groups:
        scores: Tensor | None = importance(group)
        if scores is not None:
            found += _blocks(names[group[0].dep.target.module], scores)
    return sorted(found, key=lambda block: block.score)


def _blocks(layer: str, scores: Tensor) -> list[_Block]:
    """A layer's channels from the least worth on, so many at once that a multiple is left."""
    count = len(scores)
    least = max(BLOCK, int(count * _KEPT))
    order = scores.argsort().tolist()
    found, first = [], 0
    for kept in range((count - 1) // BLOCK * BLOCK, least - 1, -BLOCK):
        channels = order[first : count - kept]
        first = count - kept
        found.append(_Block(layer, tuple(channels), float(scores[channels].mean())))
    return found


def _without(network: Network, blocks: list[_Block]) -> Network:
    """A copy without these channels."""
    smaller = copy.deepcopy(network)
    graph = _trace(smaller)
    modules = dict(smaller.named_modules())
    channels: dict[str, list[int]] = {}
    for block in blocks:
        channels.setdefault(block.layer, []).extend(block.channels)
    for name, indices in channels.items():
        layer = modules[name]
        kind = (
            torch_pruning.prune_linear_out_channels
            if isinstance(layer, nn.Linear)
            else torch_pruning.prune_conv_out_channels
        )
        graph.get_pruning_group(layer, kind, idxs=sorted(indices)).prune()
    return smaller.eval()
