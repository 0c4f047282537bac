"""LiveMatte, our own network.

An encoder of inverted residuals that can start from ImageNet weights (MobileNetV2, or a larger
EfficientNet-Lite); a global context vector at the deepest level (DeepLabV3's image pooling); a
decoder of additive skips and depthwise residual blocks (PortraitNet); a learned overlapping
upsampling to full size, so that edges are placed between the pixels of the last feature map; a
boundary head that exists in training only.
Only operators that mobile GPU delegates run: convolutions, additions, ReLU, bilinear resizing,
mean and transposed convolution.
"""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from livematte.errors import UsageError
from livematte.networks.base import Network, NetworkOutput
from livematte.networks.blocks import ConvNormAct, upsample
from livematte.networks.efficientnet_lite import EfficientNetLite
from livematte.networks.inverted_encoder import InvertedEncoder
from livematte.networks.mobilenet_v2 import MobileNetV2

__all__ = ["DecoderLevel", "LiveMatte", "SeparableResidual"]

EncoderName = Literal[
    "mobilenet_v2", "efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"
]
_ENCODERS = get_args(EncoderName)


class SeparableResidual(nn.Module):
    """x + pointwise(depthwise(x)), then ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = ConvNormAct(channels, channels, 3, groups=channels)
        self.pointwise = ConvNormAct(channels, channels, 1, activation=None)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.pointwise(self.depthwise(x)))


class DecoderLevel(nn.Module):
    """Bring the deeper features up by two, add the encoder's, refine."""

    def __init__(self, deeper: int, skip: int, channels: int, repeats: int) -> None:
        super().__init__()
        self.project = ConvNormAct(deeper, channels, 1, activation=None)
        self.lateral = ConvNormAct(skip, channels, 1, activation=None)
        self.refine = nn.Sequential(*(SeparableResidual(channels) for _ in range(repeats)))

    def forward(self, deeper: Tensor, skip: Tensor) -> Tensor:
        fused = upsample(self.project(deeper)) + self.lateral(skip)
        refined: Tensor = self.refine(F.relu(fused))
        return refined


class LiveMatte(Network):
    """Mask logits at input size; edge logits in training mode.

    Args:
        prior: take the last matte as a fourth channel.
        encoder: what sees the picture; ``mobilenet_v2`` comes in any ``width``.
        width: multiplier of MobileNetV2's channels.
        decoder: channels at 1/16, 1/8, 1/4 and 1/2.
        repeats: residual blocks per decoder level.
        edge: have the boundary head; without it a boundary loss cannot be asked for.

    Raises:
        UsageError: an encoder of another name.
    """

    default_size: ClassVar[tuple[int, int]] = (256, 256)
    mean: ClassVar[tuple[float, float, float]] = (0.5, 0.5, 0.5)
    std: ClassVar[tuple[float, float, float]] = (0.5, 0.5, 0.5)

    def __init__(
        self,
        *,
        prior: bool = False,
        encoder: EncoderName = "mobilenet_v2",
        width: float = 0.5,
        decoder: tuple[int, int, int, int] = (64, 40, 32, 16),
        repeats: int = 2,
        edge: bool = True,
    ) -> None:
        super().__init__(prior=prior)
        self.encoder = _encoder(encoder, self.in_channels, width)
        *skips, deepest = self.encoder.channels
        self.context = nn.Conv2d(deepest, deepest, 1)
        self.levels = nn.ModuleList()
        channels = deepest
        for skip, outputs in zip(reversed(skips), decoder, strict=True):
            self.levels.append(DecoderLevel(channels, skip, outputs, repeats))
            channels = outputs
        self.mask_head = nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1)
        self.edge_head = nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1) if edge else None
        nn.init.zeros_(self.context.weight)
        nn.init.zeros_(self.context.bias)  # type: ignore[arg-type]

    def predict(self, x: Tensor) -> NetworkOutput:
        *skips, x = self.encoder(x)
        x = x + self.context(x.mean(dim=(2, 3), keepdim=True))
        for level, skip in zip(self.levels, reversed(skips), strict=True):
            x = level(x, skip)
        edge = self.edge_head(x) if self.training and self.edge_head is not None else None
        return NetworkOutput(mask=self.mask_head(x), edge=edge)


def _encoder(name: EncoderName, in_channels: int, width: float) -> InvertedEncoder:
    if name not in _ENCODERS:
        raise UsageError(f"no encoder is called {name!r}; there are {', '.join(_ENCODERS)}")
    if name == "mobilenet_v2":
        return MobileNetV2(in_channels, width=width)
    return EfficientNetLite(in_channels, variant=int(name[-1]))
