"""SINet (Park et al., WACV 2020; layers as in clovaai/ext_portrait_segmentation)."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from livematte.networks.base import Network, NetworkOutput, foreground_logit
from livematte.networks.blocks import ConvNormAct, upsample
from livematte.networks.initialisation import initialise

__all__ = ["SINet", "SINetEncoder"]

_EPS = 1e-3
_CLASSES = 2

Branch = tuple[int, int]  # kernel, pooling
_LEVEL2: tuple[tuple[Branch, Branch], ...] = (((3, 1), (5, 1)), ((3, 1), (3, 1)))
_LEVEL3: tuple[tuple[Branch, Branch], ...] = (
    ((3, 1), (5, 1)),
    ((3, 1), (3, 1)),
    ((5, 1), (3, 2)),
    ((5, 2), (3, 4)),
    ((3, 1), (3, 1)),
    ((5, 1), (5, 1)),
    ((3, 2), (3, 4)),
    ((3, 1), (5, 2)),
)


def _double(x: Tensor) -> Tensor:
    return upsample(x, align_corners=True)


def _norm_act(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels, eps=_EPS), nn.PReLU(channels))


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> ConvNormAct:
    """Convolution, batch norm, PReLU."""
    activation = partial(nn.PReLU, outputs)
    return ConvNormAct(
        inputs, outputs, kernel, stride, groups=groups, activation=activation, eps=_EPS
    )


class _Squeeze(nn.Module):
    """Scale each channel by a small network of all channels' means; no sigmoid."""

    def __init__(self, channels: int, divide: int) -> None:
        super().__init__()
        inner = channels // divide
        layers: list[nn.Module] = [nn.Linear(channels, inner), nn.PReLU(inner)]
        if divide > 1:
            layers += [nn.Linear(inner, channels), nn.PReLU(channels)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        scale: Tensor = self.layers(x.mean(dim=(2, 3)))
        return x * scale[:, :, None, None]


class _SqueezeSeparable(nn.Sequential):
    """Halving: depthwise, squeeze, 1×1, batch norm, PReLU."""

    def __init__(self, inputs: int, outputs: int, divide: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, stride=2, padding=1, groups=inputs, bias=False),
            _Squeeze(inputs, divide),
            _conv(inputs, outputs, 1),
        )


class _S2Block(nn.Module):
    """Depthwise separable convolution on a pooled grid: spatial squeeze."""

    def __init__(self, channels: int, kernel: int, pooling: int) -> None:
        super().__init__()
        self.pooling = pooling
        self.pool = nn.AvgPool2d(pooling)
        self.depthwise = _conv(channels, channels, kernel, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        if self.pooling > 1:
            x = self.pool(x)
        x = self.pointwise(self.depthwise(x))
        if self.pooling > 1:
            x = upsample(x, self.pooling, align_corners=True)
        y: Tensor = self.norm(x)
        return y


class _S2Module(nn.Module):
    """Two S2 blocks over the same halved and shuffled channels, concatenated."""

    def __init__(
        self, inputs: int, outputs: int, branches: tuple[Branch, Branch], *, residual: bool
    ) -> None:
        super().__init__()
        self.residual = residual
        self.reduce = nn.Conv2d(inputs, outputs // 2, 1, groups=2, bias=False)
        self.shuffle = nn.ChannelShuffle(2)
        self.branches = nn.ModuleList(_S2Block(outputs // 2, *branch) for branch in branches)
        self.finish = _norm_act(outputs)

    def forward(self, x: Tensor) -> Tensor:
        shared = self.shuffle(self.reduce(x))
        y = torch.cat([branch(shared) for branch in self.branches], dim=1)
        out: Tensor = self.finish(x + y if self.residual else y)
        return out


class _Level(nn.Module):
    """A halving, S2 modules behind it, and the concatenation of both."""

    def __init__(
        self,
        inputs: int,
        halved: int,
        outputs: int,
        divide: int,
        modules: tuple[tuple[Branch, Branch], ...],
    ) -> None:
        super().__init__()
        self.halve = _SqueezeSeparable(inputs, halved, divide)
        self.body = nn.Sequential(
            *(
                _S2Module(outputs if index else halved, outputs, branches, residual=index > 0)
                for index, branches in enumerate(modules)
            )
        )
        self.finish = _norm_act(halved + outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The modules' own output, and the level's."""
        halved = self.halve(x)
        y: Tensor = self.body(halved)
        return y, self.finish(torch.cat([halved, y], dim=1))


class SINetEncoder(nn.Module):
    """The encoder with its classifier, which the first training stage trains alone."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.level1 = _conv(in_channels, 12, 3, 2)
        self.level2 = _Level(12, 16, 48, 1, _LEVEL2)
        self.level3 = _Level(64, 48, 96, 2, _LEVEL3)
        self.classifier = nn.Conv2d(144, _CLASSES, 1, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits N×2×h×w at 1/8, and 48 channels at 1/4."""
        quarter, x = self.level2(self.level1(x))
        _, x = self.level3(x)
        return self.classifier(x), quarter


class SINet(Network):
    """Spatial squeeze encoder and information blocking decoder.

    The decoder lets the finer feature in only where the coarse answer is unsure. The published
    configuration trained one class, whose softmax is always sure, so nothing ever passed; the
    paper's design, two classes and cross-entropy, is what is built here. For two classes
    ``1 - max(softmax)`` is ``sigmoid(-|difference of the logits|)``.

    ``coarse`` is the encoder's answer at 1/8, in training mode, for the first stage.
    """

    default_size = (224, 224)
    # published as BGR in 0..255; its further division by 255 is a scale that batch norm undoes
    mean = (126.91212 / 255, 111.25247 / 255, 102.890434 / 255)
    std = (66.355705 / 255, 62.82138 / 255, 62.93292 / 255)
    stride = 32

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__(prior=prior)
        self.encoder = SINetEncoder(self.in_channels)
        self.coarse_norm = nn.BatchNorm2d(_CLASSES, eps=_EPS)
        self.fine = _conv(48, _CLASSES, 1)
        self.fine_norm = nn.BatchNorm2d(_CLASSES, eps=_EPS)
        self.head = nn.Conv2d(_CLASSES, _CLASSES, 3, padding=1, bias=False)
        initialise(self)

    def predict(self, x: Tensor) -> NetworkOutput:
        encoded, quarter = self.encoder(x)
        coarse = self.coarse_norm(_double(encoded))
        unsure = torch.sigmoid(-foreground_logit(coarse).abs())
        joined = self.fine_norm(_double(self.fine(quarter) * unsure + coarse))
        logits = self.head(_double(joined))
        return NetworkOutput(
            foreground_logit(logits), coarse=foreground_logit(encoded) if self.training else None
        )
