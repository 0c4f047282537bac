"""DeepLabV3 on MobileNetV2 ×0.5 (Chen et al., 2017), and DeepLabV3+ (Chen et al., 2018)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livematte.errors import UsageError
from livematte.networks.base import Network, NetworkOutput, foreground_logit
from livematte.networks.blocks import ConvNormAct
from livematte.networks.initialisation import initialise
from livematte.networks.mobilenet_v2 import MobileNetV2

__all__ = ["DeepLab", "Head", "OutputStride"]

Head = Literal["v3", "v3plus"]
OutputStride = Literal[8, 16]

_WIDTH = 256
_LOW_LEVEL = 48
_EPS = 1e-3


def _resize(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear, corners on corners: on sides of 8k+1 every grid is a subset of the finer one."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)


def _separable(inputs: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        ConvNormAct(inputs, inputs, 3, groups=inputs, dilation=dilation, eps=_EPS),
        ConvNormAct(inputs, _WIDTH, 1, eps=_EPS),
    )


class _Context(nn.Module):
    """Branches side by side, one of them the image's mean, joined by a 1×1 convolution.

    Without ``rates`` it is the small head of the MobileNetV2 models; with them it is atrous
    spatial pyramid pooling.
    """

    def __init__(self, inputs: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.local = ConvNormAct(inputs, _WIDTH, 1, eps=_EPS)
        self.atrous = nn.ModuleList(_separable(inputs, rate) for rate in rates)
        self.image = ConvNormAct(inputs, _WIDTH, 1, eps=_EPS)
        self.join = ConvNormAct(_WIDTH * (2 + len(rates)), _WIDTH, 1, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        branches: list[Tensor] = [self.local(x), *(branch(x) for branch in self.atrous)]
        image: Tensor = self.image(x.mean(dim=(2, 3), keepdim=True))
        # not expand_as, which LiteRT's converter broadcasts along the wrong axes
        image = F.interpolate(image, size=x.shape[-2:], mode="nearest")
        joined: Tensor = self.join(torch.cat([image, *branches], dim=1))
        return joined


class DeepLab(Network):
    """DeepLab at a dense output stride.

    The published portrait model calls itself V3+, but its file has neither atrous branches nor
    the low-level decoder; ``head="v3"`` is what it holds. ``head="v3plus"`` is the paper's.

    Training needs two images per batch: image pooling leaves one number per channel and image,
    which a batch norm cannot normalise alone.

    Args:
        prior: take the last matte as a fourth channel.
        output_stride: 8 (published for inference), or 16 (four times fewer deep pixels).
        head: ``v3`` or ``v3plus``.
    """

    default_size = (513, 513)
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    stride = 1  # any size; 8k+1 aligns exactly

    def __init__(
        self, *, prior: bool = False, output_stride: OutputStride = 8, head: Head = "v3"
    ) -> None:
        super().__init__(prior=prior)
        if output_stride not in (8, 16) or head not in ("v3", "v3plus"):
            raise UsageError("DeepLab has output_stride 8 or 16, and head 'v3' or 'v3plus'")
        self.encoder = MobileNetV2(
            self.in_channels, width=0.5, divisor=1, output_stride=output_stride, eps=_EPS
        )
        _, low, *_, deepest = self.encoder.channels
        plus = head == "v3plus"
        base = 96 // output_stride
        self.context = _Context(deepest, (base, 2 * base, 3 * base) if plus else ())
        self.low_level = ConvNormAct(low, _LOW_LEVEL, 1, eps=_EPS) if plus else None
        self.refine = (
            nn.Sequential(_separable(_WIDTH + _LOW_LEVEL), _separable(_WIDTH)) if plus else None
        )
        self.classifier = nn.Conv2d(_WIDTH, 2, 1)
        initialise(self)

    def predict(self, x: Tensor) -> NetworkOutput:
        _, low, *_, deepest = self.encoder(x)
        y = self.context(deepest)
        if self.low_level is not None and self.refine is not None:
            y = self.refine(torch.cat([_resize(y, low), self.low_level(low)], dim=1))
        return NetworkOutput(_resize(foreground_logit(self.classifier(y)), x))
