"""Decoder bricks that more than one network uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from livematte.networks.blocks import ConvNormAct, InvertedResidual, upsample

__all__ = ["Transition", "UNetDecoder", "UNetUpsampling", "expansion_skips", "transposed_conv"]

UNetUpsampling = Literal["transposed", "bilinear"]


def transposed_conv(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """3×3 transposed convolution with bias that doubles each side.

    TensorFlow's "same" places the odd row at the other end, with the stride-2 convolutions: the
    mirror image of what is computed here, hence the same family of functions.
    """
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)


def expansion_skips(blocks: Iterable[nn.Module], x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Run inverted residuals and keep what each halving one expands its input to.

    Returns:
        The last block's output, and the expansions, shallowest first.
    """
    skips: list[Tensor] = []
    for block in blocks:
        assert isinstance(block, InvertedResidual)
        if block.stride == 2:
            skips.append(block.expand(x))
            x = block.project(block.depthwise(skips[-1]))
        else:
            x = block(x)
    return x, skips


class Transition(nn.Module):
    """Residual block of two depthwise separable convolutions (PortraitNet's D-block).

    Args:
        inputs, outputs: channels.
        bias: whether the convolutions have one.
        always_project: a 1×1 convolution on the short branch even where the channels agree.
        eps: of the norms.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bias: bool = False,
        always_project: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.long = nn.Sequential(
            ConvNormAct(inputs, inputs, 3, groups=inputs, bias=bias, eps=eps),
            ConvNormAct(inputs, outputs, 1, bias=bias, eps=eps),
            ConvNormAct(outputs, outputs, 3, groups=outputs, bias=bias, eps=eps),
            ConvNormAct(outputs, outputs, 1, activation=None, bias=bias, eps=eps),
        )
        self.short: nn.Module = (
            ConvNormAct(inputs, outputs, 1, activation=None, bias=bias, eps=eps)
            if always_project or inputs != outputs
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.long(x) + self.short(x))


class _Up(nn.Module):
    """Doubling, batch norm, dropout, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, upsampling: UNetUpsampling, dropout: float, eps: float
    ) -> None:
        super().__init__()
        self.bilinear = upsampling == "bilinear"
        self.conv: nn.Module = (
            nn.Conv2d(inputs, outputs, 3, padding=1)
            if self.bilinear
            else transposed_conv(inputs, outputs)
        )
        self.norm = nn.BatchNorm2d(outputs, eps=eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(upsample(x) if self.bilinear else x)
        return torch.relu(self.dropout(self.norm(x)))


class UNetDecoder(nn.Module):
    """The Mobile-UNet decoder: double, concatenate the encoder's feature, and again.

    Args:
        inputs: channels of the deepest feature.
        skips: channels of the features to concatenate, deepest first.
        filters: channels of each doubling: one per skip, and one for the last, which has neither
            skip nor dropout.
        upsampling: ``transposed`` convolutions, or ``bilinear`` and a convolution.
        dropout: probability.
        eps: of the norms.
    """

    def __init__(
        self,
        inputs: int,
        skips: Sequence[int],
        filters: Sequence[int],
        *,
        upsampling: UNetUpsampling = "transposed",
        dropout: float = 0.5,
        eps: float = 1e-3,
    ) -> None:
        super().__init__()
        self.ups = nn.ModuleList()
        for skip, outputs in zip(skips, filters[:-1], strict=True):
            self.ups.append(_Up(inputs, outputs, upsampling, dropout, eps))
            inputs = outputs + skip
        self.last = _Up(inputs, filters[-1], upsampling, 0.0, eps)
        self.head = nn.Conv2d(filters[-1], 1, 1)

    def forward(self, x: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """Deepest feature and the skips, deepest first, to N×1×H×W logits."""
        for up, skip in zip(self.ups, skips, strict=True):
            x = torch.cat([up(x), skip], dim=1)
        logits: Tensor = self.head(self.last(x))
        return logits
