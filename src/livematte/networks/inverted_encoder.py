"""Encoders of inverted residuals: what MobileNetV2 and EfficientNet-Lite have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from livematte.networks.blocks import Activation, ConvNormAct, InvertedResidual

__all__ = ["InvertedEncoder", "Stage"]


class Stage(NamedTuple):
    """Blocks of one width: expansion factor, channels, repeats, first stride, kernel's side."""

    expansion: int
    channels: int
    repeats: int
    stride: int
    kernel: int = 3


class InvertedEncoder(nn.Module):
    """A stem that halves, then inverted residuals.

    Args:
        in_channels: channels of the input.
        stem: channels of the first convolution.
        stages: the blocks.
        activation: of every convolution but the projections.
        always_expand: give the first block its 1×1 expansion too (PortraitNet).
        output_stride: 32, or 16 or 8 with dilated depthwise kernels in the later stages.
        eps: of the norms.

    Attributes:
        channels: channels of the five feature maps that :meth:`forward` returns.
        blocks: the inverted residuals.
    """

    def __init__(
        self,
        in_channels: int,
        stem: int,
        stages: Sequence[Stage],
        *,
        activation: Activation = nn.ReLU6,
        always_expand: bool = False,
        output_stride: int = 32,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        inputs = stem
        self.stem = ConvNormAct(in_channels, inputs, 3, 2, activation=activation, eps=eps)
        self.blocks = nn.ModuleList()
        reached, dilation = 2, 1
        ends = {reached: -1}
        channels = {reached: inputs}
        level = reached
        for stage in stages:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                block_dilation = dilation
                if stride == 2:
                    level *= 2
                    if reached == output_stride:
                        stride, dilation = 1, dilation * 2
                    else:
                        reached *= 2
                self.blocks.append(
                    InvertedResidual(
                        inputs,
                        stage.channels,
                        expanded=inputs * stage.expansion,
                        kernel=stage.kernel,
                        stride=stride,
                        dilation=block_dilation,
                        activation=activation,
                        always_expand=always_expand,
                        eps=eps,
                    )
                )
                inputs = stage.channels
                ends[level] = len(self.blocks) - 1
                channels[level] = inputs
        self._ends = tuple(ends.values())
        self.channels = tuple(channels.values())

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features after the last block of each level: 1/2, 1/4, 1/8, 1/16 and 1/32.

        The first is the end of the stage at 1/2 (``blocks[0]``). With an ``output_stride`` below
        32 the later ones keep that stride.
        """
        features = []
        x = self.stem(x)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self._ends:
                features.append(x)
        return features

    def first_levels(self, count: int) -> list[nn.Module]:
        """The layers that the first ``count`` of :meth:`forward`'s feature maps come from."""
        return [self.stem, *self.blocks[: self._ends[count - 1] + 1]] if count else []

    def named_convolutions(self) -> dict[str, ConvNormAct]:
        """Every convolution by its published place: ``stem``, ``0.depthwise``, ``3.expand`` …"""
        found = {"stem": self.stem}
        for index, block in enumerate(self.blocks):
            assert isinstance(block, InvertedResidual)
            for part in ("expand", "depthwise", "project"):
                layer = getattr(block, part)
                if isinstance(layer, ConvNormAct):
                    found[f"{index}.{part}"] = layer
        return found
