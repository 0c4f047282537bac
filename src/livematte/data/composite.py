"""Composites made in the batch: cut-out people in front of other pictures' backgrounds.

The heavier offline tool is ``livematte data synthesize``; this one costs a few milliseconds a
picture and gives a different composite at every step.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from livematte.data.augment import Batch, send

__all__ = ["composite"]


def composite(people: Batch, backgrounds: Tensor, *, match: float = 0.6) -> Batch:
    """Put people in front of backgrounds.

    The matte loses its outermost pixel, where a cut-out still shows its old background, and is
    softened; what the network learns is that same matte. Colours are drawn part of the way
    towards the background's mean, so that a person is not given away by the studio's light.

    Args:
        people: cut-outs after geometry, their own background still in the picture.
        backgrounds: N×3×H×W RGB in [0, 1].
        match: largest share of the way towards the background's mean colour.
    """
    eroded = -F.max_pool2d(-people.alpha, 3, stride=1, padding=1)
    alpha = F.avg_pool2d(F.pad(eroded, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    weight = alpha.sum(dim=(2, 3), keepdim=True).clamp_min(1.0)
    mean = (people.image * alpha).sum(dim=(2, 3), keepdim=True) / weight
    target = backgrounds.mean(dim=(2, 3), keepdim=True)
    share = send(torch.rand(len(alpha), 1, 1, 1) * match, alpha.device)
    person = (people.image + share * (target - mean) * 0.5).clamp(0, 1)
    image = person * alpha + backgrounds * (1 - alpha)
    return Batch(image, alpha, people.ignore)
