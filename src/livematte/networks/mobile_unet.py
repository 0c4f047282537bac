"""Mobile-UNet: MobileNetV2 ×0.5 and a U-Net decoder (A. Sathyan, Portrait-Segmentation, 2019)."""

from __future__ import annotations

from torch import Tensor

from livematte.networks.base import Network, NetworkOutput
from livematte.networks.decoders import UNetDecoder, UNetUpsampling, expansion_skips
from livematte.networks.initialisation import initialise
from livematte.networks.mobilenet_v2 import MobileNetV2

__all__ = ["MobileUNet"]


class _ExpansionEncoder(MobileNetV2):
    """MobileNetV2 that answers with what its halving blocks expand their input to."""

    def forward(self, x: Tensor) -> list[Tensor]:
        """The expansions at 1/2, 1/4, 1/8 and 1/16, and the last block's output at 1/32."""
        deepest, skips = expansion_skips(self.blocks, self.stem(x))
        return [*skips, deepest]


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
        self.encoder = _ExpansionEncoder(self.in_channels, width=width, eps=1e-3)
        *shallower, deepest = self.encoder.channels
        self.decoder = UNetDecoder(
            deepest,
            [6 * channels for channels in reversed(shallower)],
            (512, 256, 128, 64, 32),
            upsampling=upsampling,
        )
        initialise(self)

    def predict(self, x: Tensor) -> NetworkOutput:
        *skips, deepest = self.encoder(x)
        return NetworkOutput(self.decoder(deepest, skips[::-1]))
