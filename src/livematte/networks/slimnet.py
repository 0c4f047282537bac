"""SlimNet (A. Sathyan, Portrait-Segmentation, 2020): bottlenecks with PReLU, no batch norm."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livematte.networks.base import Network, NetworkOutput, foreground_logit
from livematte.networks.blocks import upsample
from livematte.networks.decoders import transposed_conv
from livematte.networks.initialisation import initialise

__all__ = ["SlimNet"]


class _Block(NamedTuple):
    """Kind of the spatial convolution, inner and outer channels, stride.

    The kind is ``depthwise`` (separable then depthwise), ``separable5``, or the dilation of
    a dense one.
    """

    kind: str | int
    inner: int
    outer: int
    stride: int = 1


_BLOCKS = (
    _Block("depthwise", 16, 64, 2),
    _Block("depthwise", 16, 64),
    _Block("depthwise", 16, 64),
    _Block("depthwise", 32, 128, 2),
    *(_Block("depthwise", 16, 128),) * 4,
    _Block("depthwise", 16, 128, 2),
    *(_Block(kind, 8, 128) for kind in ("depthwise", 2, "separable5", 4, "depthwise", 8)),
    *(_Block(kind, 8, 128) for kind in ("depthwise", 2, "separable5", 4, "depthwise", 8)),
    _Block(1, 4, 128),
)
_STEM = 32


def _separable(channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1),
    )


class _Encoding(NamedTuple):
    """A bottleneck's output, its activated input, and that input pooled if it halves."""

    out: Tensor
    activated: Tensor
    pooled: Tensor


class _EncoderBottleneck(nn.Module):
    def __init__(self, inputs: int, block: _Block) -> None:
        super().__init__()
        kind, inner, outer, stride = block
        self.stride = stride
        self.activation = nn.PReLU(inputs)
        self.reduce = nn.Sequential(
            nn.Conv2d(inputs, inner, stride, stride=stride), nn.PReLU(inner)
        )
        self.spatial = self._spatial(kind, inner, outer)
        self.expand = nn.Conv2d(outer if isinstance(kind, int) else inner, outer, 1)
        self.project: nn.Module = nn.Conv2d(inputs, outer, 1) if inputs != outer else nn.Identity()

    @staticmethod
    def _spatial(kind: str | int, inner: int, outer: int) -> nn.Sequential:
        if isinstance(kind, int):
            dense = nn.Conv2d(inner, outer, 3, padding=kind, dilation=kind)
            return nn.Sequential(dense, nn.PReLU(outer))
        if kind == "separable5":
            return nn.Sequential(_separable(inner, 5), nn.PReLU(inner))
        return nn.Sequential(
            _separable(inner, 3),
            nn.PReLU(inner),
            nn.Conv2d(inner, inner, 3, padding=1, groups=inner),
            nn.PReLU(inner),
        )

    def forward(self, x: Tensor) -> _Encoding:
        activated: Tensor = self.activation(x)
        y: Tensor = self.expand(self.spatial(self.reduce(activated)))
        pooled = F.max_pool2d(activated, 2) if self.stride == 2 else activated
        return _Encoding(self.project(pooled) + y, activated, pooled)


class _DecoderBottleneck(nn.Module):
    """Double the resolution; add the encoder's pooled feature, concatenate its activated one."""

    def __init__(self, inputs: int, inner: int, outer: int, concatenated: int, last: int) -> None:
        super().__init__()
        self.activation = nn.PReLU(inputs)
        self.up = nn.Sequential(
            nn.Conv2d(inputs, inner, 1),
            nn.PReLU(inner),
            transposed_conv(inner, 8),
            nn.PReLU(8),
            nn.Conv2d(8, outer, 1),
        )
        self.short = nn.Conv2d(inputs, outer, 1)
        self.joined = nn.PReLU(outer)
        total = outer + concatenated
        self.refine = nn.Sequential(
            nn.Conv2d(total, last, 1),
            nn.PReLU(last),
            nn.Conv2d(last, last, 3, padding=1),
            nn.PReLU(last),
            nn.Conv2d(last, outer, 1),
        )
        self.project: nn.Module = nn.Conv2d(total, outer, 1) if concatenated else nn.Identity()

    def forward(self, x: Tensor, added: Tensor, concatenated: Tensor | None) -> Tensor:
        x = self.activation(x)
        short = upsample(self.short(x) + added, align_corners=True)
        z: Tensor = self.joined(short + self.up(x))
        if concatenated is not None:
            z = torch.cat([z, concatenated], dim=1)
        out: Tensor = self.project(z) + self.refine(z)
        return out


class SlimNet(Network):
    """SlimNet, published at 512×512 with images in [0, 1]."""

    default_size = (512, 512)
    stride = 32

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__(prior=prior)
        self.stem = nn.Sequential(
            nn.Conv2d(self.in_channels, 8, 2, stride=2),
            nn.PReLU(8),
            nn.Conv2d(8, _STEM, 2, stride=2),
        )
        self.bottlenecks = nn.ModuleList()
        inputs = _STEM
        for block in _BLOCKS:
            self.bottlenecks.append(_EncoderBottleneck(inputs, block))
            inputs = block.outer
        self.decoder = nn.ModuleList(
            [
                _DecoderBottleneck(128, 8, 128, 128, 8),
                _DecoderBottleneck(128, 8, 64, 64, 4),
                _DecoderBottleneck(64, 4, 32, 0, 4),
            ]
        )
        self.head = nn.Sequential(
            nn.PReLU(32),
            nn.ConvTranspose2d(32, 8, 2, stride=2),
            nn.PReLU(8),
            nn.ConvTranspose2d(8, 2, 2, stride=2),
        )
        initialise(self, "keras")

    def predict(self, x: Tensor) -> NetworkOutput:
        x = self.stem(x)
        pooled: list[Tensor] = []
        activated: list[Tensor | None] = []
        after_halving = False
        for bottleneck in self.bottlenecks:
            assert isinstance(bottleneck, _EncoderBottleneck)
            encoding: _Encoding = bottleneck(x)
            x = encoding.out
            if bottleneck.stride == 2:
                pooled.append(encoding.pooled)
            elif after_halving:
                activated.append(encoding.activated)
            after_halving = bottleneck.stride == 2
        # the block behind the third halving is too deep to be concatenated; the last has none
        concatenated = [activated[1], activated[0], None]
        for level, added, joined in zip(self.decoder, reversed(pooled), concatenated, strict=True):
            x = level(x, added, joined)
        return NetworkOutput(foreground_logit(self.head(x)))
