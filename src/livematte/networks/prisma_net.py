"""Prisma-Net (A. Sathyan, Portrait-Segmentation, 2020)."""

from __future__ import annotations

from torch import Tensor, nn

from livematte.networks.base import Network, NetworkOutput
from livematte.networks.decoders import transposed_conv
from livematte.networks.initialisation import initialise

__all__ = ["PrismaNet"]

# channels and residual blocks at 1/1, 1/2, 1/4, 1/8 and 1/16
_DOWN = ((8, 1), (32, 1), (64, 1), (128, 2), (128, 6))
# and back, at 1/8, 1/4, 1/2 and 1/1
_UP = ((128, 3), (64, 3), (32, 3), (8, 3))


class _Separable(nn.Sequential):
    """ReLU, depthwise 3×3 without bias, 1×1."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1),
        )


class _Residual(nn.Module):
    """x + separable(separable(x)), activations first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_Separable(channels), _Separable(channels))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y


def _residuals(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Residual(channels) for _ in range(count)))


class PrismaNet(Network):
    """Separable residual blocks in an hourglass with additive skips; no batch norm."""

    default_size = (256, 256)
    stride = 16

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__(prior=prior)
        self.downs = nn.ModuleList()
        inputs = self.in_channels
        for level, (channels, count) in enumerate(_DOWN):
            conv = nn.Conv2d(inputs, channels, 3, stride=1 if level == 0 else 2, padding=1)
            self.downs.append(nn.Sequential(conv, _residuals(channels, count)))
            inputs = channels
        self.ups = nn.ModuleList()
        self.residuals = nn.ModuleList()
        for channels, count in _UP:
            self.ups.append(transposed_conv(inputs, channels))
            self.residuals.append(_residuals(channels, count))
            inputs = channels
        self.head = nn.Conv2d(inputs, 1, 1)
        initialise(self, "keras")

    def predict(self, x: Tensor) -> NetworkOutput:
        skips: list[Tensor] = []
        for level in self.downs:
            x = level(x)
            skips.append(x)
        *shallower, x = skips
        for up, residuals, skip in zip(self.ups, self.residuals, reversed(shallower), strict=True):
            x = residuals(up(x) + skip)
        return NetworkOutput(self.head(x))
