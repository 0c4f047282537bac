"""MobileNetV2 as an encoder (Sandler et al., 2018)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from livematte.networks.blocks import Activation, ConvNormAct, InvertedResidual, divisible

__all__ = ["MobileNetV2", "Stage"]


class Stage(NamedTuple):
    """One row of the paper's table 2: expansion factor, channels, repeats, first stride."""

    expansion: int
    channels: int
    repeats: int
    stride: int


STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)


class MobileNetV2(nn.Module):
    """The convolutional part without the last 1×1 convolution.

    Args:
        in_channels: channels of the input.
        width: multiplier of every channel count.
        divisor: channel counts are multiples of it (1 keeps ``int(width * channels)``).
        activation: ``nn.ReLU6`` as published; PortraitNet uses ``nn.ReLU``.
        always_expand: give the first block its 1×1 expansion too (PortraitNet).
        output_stride: 32, or 16 or 8 with dilated depthwise kernels in the later stages.

    Attributes:
        channels: channels of the five feature maps that :meth:`forward` returns.
        blocks: the seventeen inverted residuals, ``blocks[0]`` to ``blocks[16]``.
        norms_folded: whether the batch norms came folded into the kernels, and only add a bias;
            see :func:`livematte.networks.pretrained.keep_function_with_batch_statistics`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        width: float = 1.0,
        divisor: int = 8,
        activation: Activation = nn.ReLU6,
        always_expand: bool = False,
        output_stride: int = 32,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return divisible(channels * width, divisor) if divisor > 1 else int(channels * width)

        inputs = scaled(32)
        self.stem = ConvNormAct(in_channels, inputs, 3, 2, activation=activation, eps=eps)
        self.blocks = nn.ModuleList()
        reached, dilation = 2, 1
        ends = {reached: -1}
        channels = {reached: inputs}
        level = reached
        for stage in STAGES:
            outputs = scaled(stage.channels)
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
                        outputs,
                        expanded=inputs * stage.expansion,
                        stride=stride,
                        dilation=block_dilation,
                        activation=activation,
                        always_expand=always_expand,
                        eps=eps,
                    )
                )
                inputs = outputs
                ends[level] = len(self.blocks) - 1
                channels[level] = outputs
        self._ends = tuple(ends.values())
        self.channels = tuple(channels.values())
        self.norms_folded = False

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
