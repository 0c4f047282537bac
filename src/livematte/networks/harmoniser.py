"""A small network that looks at a composite and says how the person's colours should change.

It is no :class:`livematte.networks.base.Network`: it gives no matte but one vector per picture,
the *correction*, which :func:`apply_correction` (and :mod:`livematte.effects.harmonise`, without
torch) applies to pictures of any size. Predicting a global colour transform from a thumbnail and
applying it at full size is the idea of Gharbi et al. (SIGGRAPH 2017) and, for harmonisation, of
Ke et al. ("Harmonizer", ECCV 2022); curves and matrix are ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livematte.errors import UsageError

__all__ = ["Harmoniser", "apply_correction", "correction_length", "largest"]

LARGEST_LIFT = 0.25
LARGEST_SLOPE = 1.6
LARGEST_MIX = 0.7

_STRIDE = 8


def correction_length(segments: int) -> int:
    """Numbers of a correction whose curves have so many segments."""
    return 3 * (1 + segments) + 9


def largest(segments: int) -> Tensor:
    """The bound of each number of a correction, in its order."""
    curve = [LARGEST_LIFT] + [LARGEST_SLOPE] * segments
    return torch.tensor(3 * curve + 9 * [LARGEST_MIX])


class Harmoniser(nn.Module):
    """Predicts a correction from a composite's thumbnail and the person's matte.

    Single colours (1×1 convolutions at half size) and their neighbourhoods (three strided
    convolutions) are described, each description is averaged over the person and over the rest,
    and a few layers compare the two averages.

    Attributes:
        size: side of the square thumbnail, a multiple of 8.
        segments: straight pieces of each colour curve.
    """

    def __init__(self, *, size: int = 48, segments: int = 8, width: int = 24) -> None:
        """
        Raises:
            UsageError: a size that is no multiple of 8, or no segments.
        """
        super().__init__()
        if size < _STRIDE or size % _STRIDE or segments < 1 or width < 1:
            raise UsageError(
                f"a harmoniser of size {size}, {segments} segments and width {width} cannot be "
                f"built: the size is a multiple of {_STRIDE}, the others 1 or more"
            )
        self.size, self.segments = size, segments
        wider, widest, hidden = width * 3 // 2, width * 2, width * 5
        self.colours = nn.Sequential(
            nn.Conv2d(4, width, 1), nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU()
        )
        self.places = nn.Sequential(
            *_halving(4, width), *_halving(width, wider), *_halving(wider, widest)
        )
        features = 2 * (width + widest) + 1
        self.head = nn.Sequential(
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, correction_length(segments)),
        )
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)  # so that it begins by leaving colours alone
        nn.init.zeros_(last.bias)
        self.register_buffer("_largest", largest(segments), persistent=False)
        self._largest: Tensor

    def forward(self, image: Tensor, alpha: Tensor) -> Tensor:
        """Predict corrections.

        Args:
            image: N×3×S×S composite, RGB in [0, 1].
            alpha: N×1×S×S the person's matte in [0, 1].

        Returns:
            N×:func:`correction_length`; see :func:`apply_correction`.
        """
        x = torch.cat([image * 4 - 2, alpha * 2 - 1], dim=1)
        half, coarse = F.avg_pool2d(alpha, 2), F.avg_pool2d(alpha, _STRIDE)
        single, wide = self.colours(F.avg_pool2d(x, 2)), self.places(x)
        parts = [
            _mean(single, half),
            _mean(single, 1 - half),
            _mean(wide, coarse),
            _mean(wide, 1 - coarse),
            alpha.mean(dim=(2, 3)),
        ]
        return torch.tanh(self.head(torch.cat(parts, dim=1))) * self._largest


def _halving(inputs: int, outputs: int) -> list[nn.Module]:
    """Convolution that halves the sides, norm and ReLU."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


def _mean(features: Tensor, weight: Tensor) -> Tensor:
    """N×C means over the pixels, counted by N×1×H×W weights."""
    total = weight.sum(dim=(2, 3)).clamp_min(1e-3)
    return (features * weight).sum(dim=(2, 3)) / total


def apply_correction(image: Tensor, correction: Tensor) -> Tensor:
    """Curves per channel, then a colour matrix.

    A correction of K segments holds, per channel, a lift and K numbers r, then nine numbers D row
    by row. A channel's curve starts at ``lift`` and has the slopes ``exp(r)``, so that it rises
    whatever r is; the matrix is ``I + D``. All zeros change nothing.

    Args:
        image: N×3×H×W RGB in [0, 1].
        correction: N×:func:`correction_length`.

    Returns:
        N×3×H×W, not clamped.
    """
    n, numbers = correction.shape
    segments = (numbers - 9) // 3 - 1
    curve = correction[:, :-9].view(n, 3, 1 + segments)
    slopes = curve[..., 1:].exp()
    starts = curve[..., :1] + F.pad(slopes.cumsum(dim=2), (1, 0))[..., :-1] / segments
    x = image.flatten(2) * segments
    piece = x.detach().long().clamp(0, segments - 1)
    inside = (x - piece) / segments
    bent = starts.gather(2, piece) + slopes.gather(2, piece) * inside
    matrix = torch.eye(3, device=image.device) + correction[:, -9:].view(n, 3, 3)
    return (matrix @ bent).view_as(image)
