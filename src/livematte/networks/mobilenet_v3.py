"""MobileNetV3-Small "minimalistic" as an encoder (Howard et al., 2019; Keras' variant).

Minimalistic means ReLU instead of hard-swish, 3×3 kernels only, and no squeeze-and-excitation.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from livematte.networks.blocks import ConvNormAct, InvertedResidual
from livematte.networks.decoders import expansion_skips

__all__ = ["MobileNetV3SmallMinimalistic", "V3Features"]

# output channels, expanded channels, stride
_BLOCKS = (
    (16, 16, 2),
    (24, 72, 2),
    (24, 88, 1),
    (40, 96, 2),
    (40, 240, 1),
    (40, 240, 1),
    (48, 120, 1),
    (48, 144, 1),
    (96, 288, 2),
    (96, 576, 1),
    (96, 576, 1),
)
_STEM = 16
_LAST = 576


class V3Features(NamedTuple):
    """What the decoders read: 1/2 (16 channels), 1/4 (72), 1/8 (96), 1/16 (288), 1/32 (576)."""

    half: Tensor
    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor
    last: Tensor


class MobileNetV3SmallMinimalistic(nn.Module):
    """The convolutional part, up to the 1×1 convolution to 576 channels.

    The features at 1/4, 1/8 and 1/16 are the expansions inside the blocks that then halve them.

    Args:
        in_channels: channels of the input.
        width: multiplier of the blocks' outputs alone; expansions, stem and end keep theirs.
        bias: whether the convolutions have one besides their batch norm.
        last_activation: whether the last convolution ends in a ReLU.
    """

    channels = (_STEM, 72, 96, 288, _LAST)

    def __init__(
        self,
        in_channels: int = 3,
        *,
        width: float = 1.0,
        bias: bool = False,
        last_activation: bool = True,
        eps: float = 1e-3,
    ) -> None:
        super().__init__()
        self.stem = ConvNormAct(in_channels, _STEM, 3, 2, bias=bias, eps=eps)
        self.blocks = nn.ModuleList()
        inputs = _STEM
        for channels, expanded, stride in _BLOCKS:
            outputs = int(channels * width)
            self.blocks.append(
                InvertedResidual(
                    inputs,
                    outputs,
                    expanded=expanded,
                    stride=stride,
                    activation=nn.ReLU,
                    bias=bias,
                    eps=eps,
                )
            )
            inputs = outputs
        activation = nn.ReLU if last_activation else None
        self.last = ConvNormAct(inputs, _LAST, 1, activation=activation, bias=bias, eps=eps)

    def forward(self, x: Tensor) -> V3Features:
        half: Tensor = self.stem(x)
        x, (quarter, eighth, sixteenth) = expansion_skips(self.blocks[1:], self.blocks[0](half))
        return V3Features(half, quarter, eighth, sixteenth, self.last(x))
