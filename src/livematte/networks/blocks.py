"""Building bricks that more than one network uses."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ConvNormAct", "InvertedResidual", "divisible", "upsample"]

Activation = Callable[[], nn.Module]


def divisible(channels: float, divisor: int = 8) -> int:
    """Round a channel count to a multiple of ``divisor``, never losing more than a tenth.

    The rule of MobileNetV2 (Sandler et al., 2018).
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def upsample(x: Tensor, factor: int = 2, *, align_corners: bool = False) -> Tensor:
    """Bilinear upsampling by a whole factor; half-pixel centres unless ``align_corners``."""
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=align_corners)


class ConvNormAct(nn.Sequential):
    """Convolution, batch norm, activation (``None`` for a linear output).

    The norm makes a ``bias`` redundant; the publications that keep one are counted with it.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        groups: int = 1,
        dilation: int = 1,
        activation: Activation | None = nn.ReLU,
        bias: bool = False,
        eps: float = 1e-5,
    ) -> None:
        padding = dilation * (kernel - 1) // 2
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups=groups, bias=bias),
            nn.BatchNorm2d(outputs, eps=eps),
        ]
        if activation is not None:
            layers.append(activation())
        super().__init__(*layers)


class InvertedResidual(nn.Module):
    """MobileNetV2 block: expand, depthwise, project (Sandler et al., 2018).

    ``expanded`` equal to ``inputs`` leaves the expanding convolution out unless ``always_expand``.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        expanded: int,
        kernel: int = 3,
        stride: int = 1,
        dilation: int = 1,
        activation: Activation = nn.ReLU6,
        always_expand: bool = False,
        bias: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.residual = stride == 1 and inputs == outputs
        self.expand: nn.Module = (
            ConvNormAct(inputs, expanded, 1, activation=activation, bias=bias, eps=eps)
            if always_expand or expanded != inputs
            else nn.Identity()
        )
        self.depthwise = ConvNormAct(
            expanded,
            expanded,
            kernel,
            stride,
            groups=expanded,
            dilation=dilation,
            activation=activation,
            bias=bias,
            eps=eps,
        )
        self.project = ConvNormAct(expanded, outputs, 1, activation=None, bias=bias, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y
