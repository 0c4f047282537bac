"""Mobile-UNet: MobileNetV2 ×0.5 and a U-Net decoder (A. Sathyan, Portrait-Segmentation, 2019)."""

from __future__ import annotations

from torch import Tensor

from livematte.networks.base import Network, NetworkOutput
from livematte.networks.decoders import UNetDecoder, UNetUpsampling, expansion_skips
from livematte.networks.initialisation import initialise
from livematte.networks.mobilenet_v2 import MobileNetV2

__all__ = ["MobileUNet"]


class MobileUNet(Network):
    """Mobile-UNet with its transposed-convolution or its bilinear decoder.

    The reference trained on ``((x - 0.507) / 0.289) / 255`` with x in 0..255 and tested on
    ``x / 255``. Here images are brought to [-1, 1] always, which is also what the ImageNet
    weights of Keras expect.
    """

    default_size = (128, 128)
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    stride = 32

    def __init__(
        self, *, prior: bool = False, width: float = 0.5, upsampling: UNetUpsampling = "transposed"
    ) -> None:
        super().__init__(prior=prior)
        self.encoder = MobileNetV2(self.in_channels, width=width, eps=1e-3)
        *shallower, deepest = self.encoder.channels
        self.decoder = UNetDecoder(
            deepest,
            [6 * channels for channels in reversed(shallower)],
            (512, 256, 128, 64, 32),
            upsampling=upsampling,
        )
        initialise(self)

    def predict(self, x: Tensor) -> NetworkOutput:
        x, skips = expansion_skips(self.encoder.blocks, self.encoder.stem(x))
        return NetworkOutput(self.decoder(x, skips[::-1]))
