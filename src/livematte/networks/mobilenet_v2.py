"""MobileNetV2 as an encoder (Sandler et al., 2018)."""

from __future__ import annotations

from torch import nn

from livematte.networks.blocks import Activation, divisible
from livematte.networks.inverted_encoder import InvertedEncoder, Stage

__all__ = ["MobileNetV2"]

# The paper's table 2.
STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)


class MobileNetV2(InvertedEncoder):
    """The convolutional part without the last 1×1 convolution: seventeen inverted residuals.

    Args:
        in_channels: channels of the input.
        width: multiplier of every channel count.
        divisor: channel counts are multiples of it (1 keeps ``int(width * channels)``).
        activation: ``nn.ReLU6`` as published; PortraitNet uses ``nn.ReLU``.
        always_expand: give the first block its 1×1 expansion too (PortraitNet).
        output_stride: 32, or 16 or 8 with dilated depthwise kernels in the later stages.
        eps: of the norms.
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
        def scaled(channels: int) -> int:
            return divisible(channels * width, divisor) if divisor > 1 else int(channels * width)

        super().__init__(
            in_channels,
            scaled(32),
            [stage._replace(channels=scaled(stage.channels)) for stage in STAGES],
            activation=activation,
            always_expand=always_expand,
            output_stride=output_stride,
            eps=eps,
        )
