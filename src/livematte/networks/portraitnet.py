"""PortraitNet (Zhang et al., Computers & Graphics, 2019; layers as in dong-x16/PortraitNet)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from livematte.networks.base import Network, NetworkOutput, foreground_logit
from livematte.networks.blocks import upsample
from livematte.networks.decoders import Transition
from livematte.networks.initialisation import bilinear_kernel, initialise
from livematte.networks.mobilenet_v2 import MobileNetV2

__all__ = ["PortraitNet", "PortraitUpsampling"]

PortraitUpsampling = Literal["transposed", "depthwise", "bilinear"]


class _Doubling(nn.Module):
    """Bilinear doubling: learned from there on, frozen as a depthwise kernel, or plain."""

    def __init__(self, channels: int, kind: PortraitUpsampling) -> None:
        super().__init__()
        self.conv: nn.ConvTranspose2d | None = None
        if kind != "bilinear":
            groups = channels if kind == "depthwise" else 1
            self.conv = nn.ConvTranspose2d(
                channels, channels, 4, stride=2, padding=1, groups=groups, bias=False
            )
            self.conv.weight.requires_grad = kind == "transposed"

    def reset(self) -> None:
        """Start the kernel as bilinear interpolation of each channel."""
        if self.conv is not None:
            diagonal = torch.arange(self.conv.in_channels)
            with torch.no_grad():
                self.conv.weight.zero_()
                self.conv.weight[diagonal, diagonal % self.conv.weight.shape[1]] = bilinear_kernel(
                    4
                )

    def forward(self, x: Tensor) -> Tensor:
        if self.conv is None:
            return upsample(x)
        y: Tensor = self.conv(x)
        return y


class PortraitNet(Network):
    """MobileNetV2 with a decoder of transitions, doublings and additive skips.

    There is no skip at 1/2, in the published code as here.

    Args:
        prior: take the last matte as a fourth channel, not normalised (the "video" variant).
        edge: have the boundary head, which answers in training mode only.
        upsampling: ``transposed`` (dense, starts as bilinear), ``depthwise`` (frozen bilinear
            kernels) or ``bilinear``.
    """

    default_size = (224, 224)
    # published as BGR in 0..255, minus (103.94, 116.78, 123.68), times 0.017
    mean = (123.68 / 255, 116.78 / 255, 103.94 / 255)
    std = (1 / (0.017 * 255), 1 / (0.017 * 255), 1 / (0.017 * 255))
    stride = 32

    def __init__(
        self,
        *,
        prior: bool = False,
        edge: bool = True,
        upsampling: PortraitUpsampling = "transposed",
    ) -> None:
        super().__init__(prior=prior)
        self.encoder = MobileNetV2(self.in_channels, activation=nn.ReLU, always_expand=True)
        inputs = self.encoder.channels[-1]
        self.transitions = nn.ModuleList()
        self.doublings = nn.ModuleList()
        for outputs in (96, 32, 24, 16, 8):
            self.transitions.append(Transition(inputs, outputs))
            self.doublings.append(_Doubling(outputs, upsampling))
            inputs = outputs
        self.mask_head = nn.Conv2d(inputs, 2, 3, padding=1, bias=False)
        self.edge_head = nn.Conv2d(inputs, 2, 3, padding=1, bias=False) if edge else None
        initialise(self)
        for doubling in self.doublings:
            assert isinstance(doubling, _Doubling)
            doubling.reset()

    def predict(self, x: Tensor) -> NetworkOutput:
        _, quarter, eighth, sixteenth, x = self.encoder(x)
        skips = (sixteenth, eighth, quarter, None, None)
        for transition, double, skip in zip(self.transitions, self.doublings, skips, strict=True):
            x = double(transition(x))
            if skip is not None:
                x = x + skip
        edge = None
        if self.training and self.edge_head is not None:
            edge = foreground_logit(self.edge_head(x))
        return NetworkOutput(foreground_logit(self.mask_head(x)), edge=edge)
