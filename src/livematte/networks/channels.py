"""Networks with other channel counts than their class gives them: how pruned ones are rebuilt.

A pruned network is its class's, layer for layer, with fewer channels in some layers. Those counts
are plain data, an option of :func:`livematte.networks.create`, so recipe and checkpoint carry them
as they carry every other option.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from livematte.errors import UsageError

__all__ = ["ChannelCounts", "channel_counts", "set_channels"]

ChannelCounts = Mapping[str, Sequence[int]]
"""Layer name to [inputs, outputs]."""

_LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d, nn.PReLU)


def channel_counts(network: nn.Module) -> dict[str, list[int]]:
    """[inputs, outputs] of every layer whose size depends on its channels, by name."""
    return {
        name: list(_count(module))
        for name, module in network.named_modules()
        if isinstance(module, _LAYERS)
    }


def set_channels(network: nn.Module, counts: ChannelCounts) -> None:
    """Give layers other channel counts; their weights are fresh then.

    Args:
        network: is changed.
        counts: of some of its layers, see :func:`channel_counts`.

    Raises:
        UsageError: no such layer, or counts that it cannot have.
    """
    modules = dict(network.named_modules())
    for name, count in counts.items():
        layer = modules.get(name)
        if not isinstance(layer, _LAYERS):
            raise UsageError(f"channels: {type(network).__name__} has no layer {name!r}")
        try:
            inputs, outputs = (int(number) for number in count)
            if min(inputs, outputs) < 1:
                raise ValueError("they must be 1 or more")
            resized = _BUILDERS[type(layer)](layer, inputs, outputs)
        except (TypeError, ValueError) as error:
            raise UsageError(f"channels: layer {name} cannot have {count} ({error})") from error
        for kept, fresh in zip(layer.parameters(), resized.parameters(), strict=True):
            fresh.requires_grad_(kept.requires_grad)
        parent, _, attribute = name.rpartition(".")
        setattr(modules[parent], attribute, resized.train(layer.training))
        modules[name] = resized


def _count(layer: nn.Module) -> tuple[int, int]:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return layer.in_channels, layer.out_channels
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    if isinstance(layer, nn.BatchNorm2d):
        return layer.num_features, layer.num_features
    assert isinstance(layer, nn.PReLU)
    return layer.num_parameters, layer.num_parameters


def _convolution(layer: nn.Module, inputs: int, outputs: int) -> nn.Module:
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    depthwise = layer.groups == layer.in_channels > 1
    groups, bias = inputs if depthwise else layer.groups, layer.bias is not None
    shape = (layer.kernel_size, layer.stride)
    if isinstance(layer, nn.ConvTranspose2d):
        kind, further = nn.ConvTranspose2d, (layer.padding, layer.output_padding)
        return kind(inputs, outputs, *shape, *further, groups, bias, layer.dilation)  # type: ignore[arg-type]
    return nn.Conv2d(inputs, outputs, *shape, layer.padding, layer.dilation, groups, bias)  # type: ignore[arg-type]


def _linear(layer: nn.Module, inputs: int, outputs: int) -> nn.Module:
    assert isinstance(layer, nn.Linear)
    return nn.Linear(inputs, outputs, bias=layer.bias is not None)


def _norm(layer: nn.Module, inputs: int, outputs: int) -> nn.Module:
    assert isinstance(layer, nn.BatchNorm2d)
    _same(inputs, outputs)
    return nn.BatchNorm2d(outputs, eps=layer.eps, momentum=layer.momentum)


def _slope(layer: nn.Module, inputs: int, outputs: int) -> nn.Module:
    assert isinstance(layer, nn.PReLU)
    _same(inputs, outputs)
    return nn.PReLU(outputs)


def _same(inputs: int, outputs: int) -> None:
    if inputs != outputs:
        raise ValueError("its inputs are its outputs")


_BUILDERS: dict[type[nn.Module], Callable[[nn.Module, int, int], nn.Module]] = {
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _convolution,
    nn.Linear: _linear,
    nn.BatchNorm2d: _norm,
    nn.PReLU: _slope,
}
