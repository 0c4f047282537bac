"""Layers that compute as 8-bit integers would, in floats that gradients pass through.

The grid is that of integer runtimes: weights are symmetric with one scale for each output channel,
features have a scale and a zero point (Jacob et al., Quantization and Training of Neural Networks
for Efficient Integer-Arithmetic-Only Inference, CVPR 2018). Weights take half of their range: x86
processors without VNNI add pairs of products up in 16 bits, which overflow from the whole of it.
The gradient passes straight through wherever a value is within the range.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# registers the operations that a file's QuantizeLinear and DequantizeLinear are made of
from torch.ao.quantization.fx import _decomposed  # noqa: F401
from torch.func import functional_call

__all__ = ["FeatureRounding", "RoundedLayer"]

_LEVELS = 255
_MOST = 63
_MOMENTUM = 0.05
_SMALLEST = 1e-8


class FeatureRounding(nn.Module):
    """Round features to 256 levels between the running means of their extremes.

    Attributes:
        observing: follow the extremes, in training mode; else the range stays.
        frozen: compute in true integers, as exported files do; see :meth:`freeze`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor([torch.inf]))
        self.register_buffer("high", torch.tensor([-torch.inf]))
        self.low: Tensor
        self.high: Tensor
        self.observing = True
        self.frozen: tuple[float, int] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.frozen is not None:
            scale, zero = self.frozen
            grid = (scale, zero, 0, _LEVELS, torch.uint8)
            integers = torch.ops.quantized_decomposed.quantize_per_tensor(x, *grid)
            y: Tensor = torch.ops.quantized_decomposed.dequantize_per_tensor(integers, *grid)
            return y
        if self.training and self.observing:
            self._observe(x.detach())
        scales, zeros = self._grid()
        return torch.fake_quantize_per_tensor_affine(x, scales, zeros, 0, _LEVELS)

    def freeze(self) -> None:
        """Fix scale and zero point as numbers."""
        scale, zero = self._grid()
        self.frozen = float(scale), int(zero)

    def _observe(self, x: Tensor) -> None:
        least, most = torch.aminmax(x.float())
        for kept, now in ((self.low, least), (self.high, most)):
            kept.copy_(torch.where(kept.isfinite(), kept.lerp(now, _MOMENTUM), now))

    def _grid(self) -> tuple[Tensor, Tensor]:
        """Scale and zero point; zero itself is always on the grid, for it is what pads."""
        low, high = self.low.clamp(max=0), self.high.clamp(min=0)
        scale = ((high - low) / _LEVELS).clamp_min(_SMALLEST)
        return scale, (-low / scale).round().clamp(0, _LEVELS).to(torch.int32)


class RoundedLayer(nn.Module):
    """A convolution, transposed convolution or linear layer with rounded weights.

    Args:
        layer: keeps the weights that are trained.
    """

    def __init__(self, layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        self.axis = int(isinstance(layer, nn.ConvTranspose2d) and layer.groups == 1)
        self.frozen = False
        self.integers: Tensor
        self.scale: Tensor
        self.zero: Tensor

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = functional_call(self.layer, {"weight": self._weight()}, (x,))
        return y

    def freeze(self) -> None:
        """Fix the weights as integers."""
        weight = self.layer.weight.detach().float()
        scale, zero = self._grid(weight)
        shape = [1] * weight.ndim
        shape[self.axis] = -1
        integers = (weight / scale.view(shape)).round().clamp(-_MOST, _MOST).to(torch.int8)
        for name, value in (("integers", integers), ("scale", scale), ("zero", zero.long())):
            self.register_buffer(name, value, persistent=False)
        self.frozen = True

    def _weight(self) -> Tensor:
        if self.frozen:
            weight: Tensor = torch.ops.quantized_decomposed.dequantize_per_channel(
                self.integers, self.scale, self.zero, self.axis, -_MOST, _MOST, torch.int8
            )
            return weight
        weight = self.layer.weight
        scale, zero = self._grid(weight.detach())
        return torch.fake_quantize_per_channel_affine(weight, scale, zero, self.axis, -_MOST, _MOST)

    def _grid(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        others = [axis for axis in range(weight.ndim) if axis != self.axis]
        scale = (weight.abs().amax(others) / _MOST).clamp_min(_SMALLEST)
        return scale, torch.zeros_like(scale, dtype=torch.int32)
