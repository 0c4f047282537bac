"""How fresh weights are drawn."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["bilinear_kernel", "initialise"]


def initialise(network: nn.Module, rule: Literal["kaiming", "keras"] = "kaiming") -> None:
    """Draw every weight afresh and zero every bias.

    ``kaiming`` (He et al., 2015, for rectifiers, counting what one output truly sums over) suits
    networks with batch norms. ``keras`` is that library's default, Glorot's uniform rule with
    a depthwise kernel's fan-in taken over all channels: it keeps long residual chains without
    norms from growing. Its PReLU slopes start at zero.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            _draw(module, rule)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.PReLU) and rule == "keras":
            nn.init.zeros_(module.weight)


def _draw(module: nn.Conv2d | nn.ConvTranspose2d, rule: Literal["kaiming", "keras"]) -> None:
    window = math.prod(module.kernel_size)
    if rule == "keras":
        depthwise = module.groups > 1
        fan_in = module.in_channels * window
        fan_out = window if depthwise else module.out_channels * window
        limit = math.sqrt(6 / (fan_in + fan_out))
        nn.init.uniform_(module.weight, -limit, limit)
    else:
        # an output of a transposed convolution is reached by only every stride-th tap
        skipped = math.prod(module.stride) if isinstance(module, nn.ConvTranspose2d) else 1
        taps = module.in_channels / module.groups * window / skipped
        nn.init.normal_(module.weight, std=math.sqrt(2 / taps))


def bilinear_kernel(size: int) -> Tensor:
    """``size``×``size`` kernel with which a transposed convolution of stride size/2 interpolates
    bilinearly (Long et al., Fully convolutional networks, 2015)."""
    centre = (size - 1) / 2
    ramp = 1 - (torch.arange(size) - centre).abs() / (size / 2)
    return ramp[:, None] * ramp[None, :]
