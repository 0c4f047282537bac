"""Any network, dressed for quantisation-aware training.

The network is traced; its batch norms are folded into the convolutions before them, and what
integer runtimes round is rounded (:mod:`.rounding`): the weights of convolutions and linear layers,
and the operands of these, of additions, products, concatenations and PReLUs. A ReLU is one with
what it follows. Resizing and pooling keep the grid of what they are given. After the last
convolution nothing is rounded, so the matte has its fine shades.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from livematte.errors import ModelError, one_line
from livematte.networks.base import Network, NetworkOutput
from livematte.networks.rounding import FeatureRounding, RoundedLayer

__all__ = ["QuantisedNetwork", "calibrate", "quantise"]

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
_ROUNDED_MODULES = (RoundedLayer, nn.PReLU)
_ROUNDED_FUNCTIONS = {operator.add, operator.iadd, operator.mul, torch.add, torch.mul, torch.cat}
_KEEPING_MODULES = (nn.AvgPool2d, nn.MaxPool2d, nn.ChannelShuffle)
_KEEPING_FUNCTIONS = {F.interpolate, F.max_pool2d, F.avg_pool2d, operator.getitem}


class _Traced(nn.Module):
    """What is traced: every output of the network, whatever mode it is in."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor | None, ...]:
        return tuple(self.network.predict(x))


class QuantisedNetwork(Network):
    """A network whose features and weights are rounded; made by :func:`quantise`."""

    body: fx.GraphModule

    def predict(self, x: Tensor) -> NetworkOutput:
        mask, edge, coarse = self.body(x)
        return NetworkOutput(mask, *((edge, coarse) if self.training else (None, None)))

    def observe(self, observing: bool) -> None:
        """Let the ranges of features follow them in training, or stay."""
        for module in self.modules():
            if isinstance(module, FeatureRounding):
                module.observing = observing

    def freeze(self) -> QuantisedNetwork:
        """A copy that computes with true integers, to be exported with its learnt ranges."""
        twin = copy.deepcopy(self).eval()
        for module in twin.modules():
            if isinstance(module, FeatureRounding | RoundedLayer):
                module.freeze()
        return twin

    def unrounded(self) -> QuantisedNetwork:
        """A copy in floats, for the quantisers of other runtimes: folded, with its own weights."""
        twin = copy.deepcopy(self).eval()
        for name, module in list(twin.body.named_modules()):
            if isinstance(module, RoundedLayer):
                _replace(twin.body, name, module.layer)
            elif isinstance(module, FeatureRounding):
                _replace(twin.body, name, nn.Identity())
        return twin


def quantise(network: Network) -> QuantisedNetwork:
    """A copy of a network that rounds; its ranges are still to be found (:func:`calibrate`).

    Args:
        network: trained, or fresh if the result is given weights of its own.

    Raises:
        ModelError: the network's graph depends on its input.
    """
    kind = type(network)
    facts = {name: getattr(kind, name) for name in ("default_size", "mean", "std", "stride")}
    dressed = type(f"Quantised{kind.__name__}", (QuantisedNetwork,), facts)(prior=network.prior)
    traced = _Traced(copy.deepcopy(network).eval())
    traced.network.training = True  # so that the heads of training are traced as well
    try:
        graph = fx.Tracer().trace(traced)
    except Exception as error:  # whatever the network's own code raises when traced
        raise ModelError(
            f"{kind.__name__} cannot be quantised: it cannot be traced ({one_line(error)})"
        ) from error
    body = fx.GraphModule(traced, graph)
    _fold_norms(body)
    _round(body)
    body.graph.lint()
    body.recompile()
    dressed.body = body
    return cast(QuantisedNetwork, dressed.train(network.training))


def calibrate(network: QuantisedNetwork, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Find the ranges of features.

    Args:
        network: is changed.
        batches: what ``network`` takes: (image,) or (image, prior).
    """
    was = network.training
    network.train().observe(True)
    with torch.no_grad():
        for batch in batches:
            network(*batch)
    network.train(was)


def _module(body: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return body.get_submodule(str(node.target)) if node.op == "call_module" else None


def _replace(body: fx.GraphModule, name: str, module: nn.Module) -> None:
    parent, _, attribute = name.rpartition(".")
    setattr(body.get_submodule(parent), attribute, module)


def _fold_norms(body: fx.GraphModule) -> None:
    """Put each batch norm into its convolution, or make it one; leave dropout out."""
    for node in list(body.graph.nodes):
        layer = _module(body, node)
        if isinstance(layer, nn.Dropout):
            node.replace_all_uses_with(node.args[0])
            body.graph.erase_node(node)
        if not isinstance(layer, nn.BatchNorm2d):
            continue
        before = node.args[0]
        assert isinstance(before, fx.Node)
        convolution = _module(body, before)
        if isinstance(convolution, _CONVOLUTIONS) and len(before.users) == 1:
            _fold(convolution, layer)
            node.replace_all_uses_with(before)
            body.graph.erase_node(node)
        else:
            _replace(body, str(node.target), _as_convolution(layer))
    body.delete_all_unused_submodules()


def _fold(convolution: nn.Conv2d | nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
        transpose=isinstance(convolution, nn.ConvTranspose2d),
    )
    convolution.bias.requires_grad_(norm.bias.requires_grad)


def _as_convolution(norm: nn.BatchNorm2d) -> nn.Conv2d:
    """A norm that no convolution feeds, as a depthwise one of a single pixel."""
    channels = norm.num_features
    layer = nn.Conv2d(channels, channels, 1, groups=channels, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1)
    _fold(layer, norm)
    return layer


def _round(body: fx.GraphModule) -> None:
    for node in list(body.graph.nodes):
        layer = _module(body, node)
        if isinstance(layer, (*_CONVOLUTIONS, nn.Linear)):
            _replace(body, str(node.target), RoundedLayer(layer))
    body.add_submodule("rounding", nn.ModuleList())
    ranges = cast(nn.ModuleList, body.get_submodule("rounding"))
    given: dict[fx.Node, str] = {}
    for node in list(body.graph.nodes):
        if _is_rounded(body, node):
            for operand in node.all_input_nodes:
                source = operand
                while _keeps_grid(body, source):
                    source = source.all_input_nodes[0]
                if source not in given:
                    given[source] = f"rounding.{len(ranges)}"
                    ranges.append(FeatureRounding())
    for node in list(body.graph.nodes):
        source = node
        while _keeps_grid(body, source):
            source = source.all_input_nodes[0]
            if source.op == "call_module" and str(source.target).startswith("rounding."):
                source = source.all_input_nodes[0]
        if source in given:
            with body.graph.inserting_after(node):
                rounded = body.graph.call_module(given[source], (node,))
            node.replace_all_uses_with(rounded, delete_user_cb=_all_but(rounded))


def _all_but(node: fx.Node) -> Callable[[fx.Node], bool]:
    return lambda user: user is not node


def _is_rounded(body: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_function":
        return node.target in _ROUNDED_FUNCTIONS
    return isinstance(_module(body, node), _ROUNDED_MODULES)


def _keeps_grid(body: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_function":
        return node.target in _KEEPING_FUNCTIONS
    return isinstance(_module(body, node), _KEEPING_MODULES)
