"""Random changes of colour, such as lamps, cameras and hasty editing make.

What is drawn per picture comes from torch's global generator of the CPU, so a seeded draw is a
repeatable one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from livematte.data.augment import LUMA, send

__all__ = ["Disturbance", "DisturbanceConfig", "draw_disturbance"]

_PIECES = 4
_GAMMA = 2.2


@dataclass(frozen=True)
class DisturbanceConfig:
    """How strong each change is at most, and how often it is drawn.

    A whole disturbance is scaled by an amount in [``least``, 1]; each of its parts takes part with
    a chance of ``part_p``.

    Attributes:
        exposure: stops of light, either way.
        temperature: logarithm of the gain of red, in light, against that of blue.
        tint: logarithm of the gain of green, in light.
        contrast: logarithm of the factor about a middle grey.
        saturation: logarithm of the factor about the luma.
        curve: logarithm of the slope of each piece of a channel's tone curve.
        part_p: chance of each of these.
        least: smallest amount.
        nothing_p: chance of no change at all.
    """

    exposure: float = 1.5
    temperature: float = 0.5
    tint: float = 0.2
    contrast: float = 0.5
    saturation: float = 0.7
    curve: float = 0.5
    part_p: float = 0.8
    least: float = 0.3
    nothing_p: float = 0.1


@dataclass(frozen=True)
class Disturbance:
    """A change of colour for each of N pictures; call it on them.

    Attributes:
        gains: N×3×1, factors of light.
        contrast, pivot: N×1×1.
        starts, slopes: N×3×4, tone curves of four straight pieces.
        matrix: N×3×3, of saturation.
    """

    gains: Tensor
    contrast: Tensor
    pivot: Tensor
    starts: Tensor
    slopes: Tensor
    matrix: Tensor

    def __call__(self, image: Tensor) -> Tensor:
        """Change N×3×H×W pictures, RGB in [0, 1], of any size; what leaves [0, 1] is clipped."""
        parts = (self.gains, self.contrast, self.pivot, self.starts, self.slopes, self.matrix)
        gains, contrast, pivot, starts, slopes, matrix = (
            send(part, image.device) for part in parts
        )
        x = image.flatten(2)
        x = (x.clamp_min(1e-6).pow(_GAMMA) * gains).clamp(0, 1).pow(1 / _GAMMA)
        x = (pivot + contrast * (x - pivot)).clamp(0, 1)
        piece = (x * _PIECES).long().clamp(0, _PIECES - 1)
        x = starts.gather(2, piece) + slopes.gather(2, piece) * (x - piece / _PIECES)
        return (matrix @ x).clamp(0, 1).view_as(image)


def draw_disturbance(n: int, config: DisturbanceConfig, *, amount: float = 1.0) -> Disturbance:
    """Draw a disturbance for each of ``n`` pictures.

    Args:
        config: how strong.
        amount: scales all of it.
    """
    scale = torch.rand(n) * (1 - config.least) + config.least
    scale = scale * (torch.rand(n) >= config.nothing_p) * amount

    def drawn(limit: float, *shape: int) -> Tensor:
        """N×shape in ±limit, zero where the part does not take part."""
        takes_part = (torch.rand(n) < config.part_p) * scale * limit
        return (torch.rand(n, *shape) * 2 - 1) * takes_part.view(n, *(1 for _ in shape))

    warm, green = drawn(config.temperature, 1), drawn(config.tint, 1)
    stops = drawn(config.exposure, 1) * torch.log(torch.tensor(2.0))
    gains = torch.exp(torch.cat([stops + warm, stops + green, stops - warm], dim=1))
    slopes = torch.exp(drawn(config.curve, 1, _PIECES) + drawn(config.curve / 2, 3, _PIECES))
    # Ends at white, as tone curves do, and begins at black.
    slopes = slopes * (_PIECES / slopes.sum(dim=2, keepdim=True))
    starts = F.pad(slopes.cumsum(dim=2), (1, 0))[..., :-1] / _PIECES
    colour = torch.exp(drawn(config.saturation, 1, 1))
    matrix = colour * torch.eye(3) + (1 - colour) * torch.tensor(LUMA).expand(3, 3)
    return Disturbance(
        gains=gains[..., None],
        contrast=torch.exp(drawn(config.contrast, 1, 1)),
        pivot=torch.rand(n, 1, 1) * 0.3 + 0.3,
        starts=starts,
        slopes=slopes,
        matrix=matrix,
    )
