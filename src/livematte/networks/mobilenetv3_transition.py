"""MobileNetV3-Small minimalistic with the transition decoder (A. Sathyan, 2020)."""

from __future__ import annotations

from torch import Tensor, nn

from livematte.networks.base import Network, NetworkOutput, foreground_logit
from livematte.networks.blocks import upsample
from livematte.networks.decoders import Transition
from livematte.networks.initialisation import initialise
from livematte.networks.mobilenet_v3 import MobileNetV3SmallMinimalistic

__all__ = ["MobileNetV3Transition"]

_LAST = 16


class MobileNetV3Transition(Network):
    """PortraitNet's decoder idea on a lighter encoder: transitions, bilinear doubling, addition.

    The encoder's last feature is linear: the published file was cut before its ReLU.
    """

    default_size = (256, 256)
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    stride = 32

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__(prior=prior)
        self.encoder = MobileNetV3SmallMinimalistic(self.in_channels, last_activation=False)
        _, *skips, inputs = self.encoder.channels
        self.transitions = nn.ModuleList()
        for outputs in (*skips[::-1], _LAST):
            self.transitions.append(
                Transition(inputs, outputs, bias=True, always_project=True, eps=1e-3)
            )
            inputs = outputs
        self.head = nn.Conv2d(_LAST, 2, 1)
        initialise(self)

    def predict(self, x: Tensor) -> NetworkOutput:
        _, *skips, x = self.encoder(x)
        *deeper, last = self.transitions
        for transition, skip in zip(deeper, reversed(skips), strict=True):
            x = upsample(transition(x)) + skip
        x = upsample(upsample(last(x)))
        return NetworkOutput(foreground_logit(self.head(x)))
