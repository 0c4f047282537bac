"""Equal forms of transposed convolutions, for converters that know only the plainest one."""

from __future__ import annotations

import copy
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CroppedTranspose", "with_plain_transposes"]


class CroppedTranspose(nn.Module):
    """A transposed convolution without padding, cropped to what one with padding gives.

    Padding takes rows and columns away from all sides of the output, and output padding leaves some
    of them at the far ends. A kernel no larger than the stride is grown by zeros, which adds rows
    and columns at the far ends that are cropped as well.
    """

    def __init__(self, conv: nn.ConvTranspose2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        grown = [max(s + 1 - k, 0) for s, k in zip(conv.stride, conv.kernel_size, strict=True)]
        weight = F.pad(conv.weight, (0, grown[1], 0, grown[0])) if any(grown) else conv.weight
        whole = F.conv_transpose2d(x, weight, conv.bias, conv.stride, groups=conv.groups)
        top, left = _padding(conv)
        below, right = conv.output_padding
        height = (x.shape[2] - 1) * conv.stride[0] + conv.kernel_size[0] - 2 * top + below
        width = (x.shape[3] - 1) * conv.stride[1] + conv.kernel_size[1] - 2 * left + right
        return whole[:, :, top : top + height, left : left + width]


def with_plain_transposes(module: nn.Module) -> nn.Module:
    """A copy in which transposed convolutions that LiteRT's converter refuses have equal forms."""
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ConvTranspose2d) and _is_refused(child):
                setattr(parent, name, CroppedTranspose(child))
    return module


def _is_refused(conv: nn.ConvTranspose2d) -> bool:
    if any(step != 1 for step in conv.dilation):
        return False  # refused in either form
    small = any(k <= s for k, s in zip(conv.kernel_size, conv.stride, strict=True))
    # More output padding than padding would be rows that no crop leaves.
    fits = all(o <= p for o, p in zip(conv.output_padding, _padding(conv), strict=True))
    return fits and (small or any(conv.output_padding))


def _padding(conv: nn.ConvTranspose2d) -> tuple[int, int]:
    return cast("tuple[int, int]", conv.padding)  # never a word, for transposed ones
