"""Mobile-UNet on MobileNetV3-Small minimalistic (A. Sathyan, Portrait-Segmentation, 2020)."""

from __future__ import annotations

from torch import Tensor

from livematte.networks.base import Network, NetworkOutput
from livematte.networks.decoders import UNetDecoder
from livematte.networks.initialisation import initialise
from livematte.networks.mobilenet_v3 import MobileNetV3SmallMinimalistic

__all__ = ["MobileUNetV3"]


class MobileUNetV3(Network):
    """munet_mnv3: transposed-convolution decoder, skips from inside the encoder's blocks.

    Args:
        prior: take the last matte as a fourth channel.
        width: multiplier of the encoder blocks' outputs and of the decoder; published are 1 and
            0.5. The encoder's stem, expansions and last convolution keep their width.
    """

    default_size = (224, 224)
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    stride = 32

    def __init__(self, *, prior: bool = False, width: float = 1.0) -> None:
        super().__init__(prior=prior)
        self.encoder = MobileNetV3SmallMinimalistic(self.in_channels, width=width, bias=True)
        *shallower, deepest = self.encoder.channels
        self.decoder = UNetDecoder(
            deepest, shallower[::-1], [int(n * width) for n in (256, 128, 64, 32, 16)]
        )
        initialise(self)

    def predict(self, x: Tensor) -> NetworkOutput:
        *skips, deepest = self.encoder(x)
        return NetworkOutput(self.decoder(deepest, skips[::-1]))
