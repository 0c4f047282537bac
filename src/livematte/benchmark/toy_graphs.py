"""Seven graphs of one 3×3 convolution, which differ in what goes in and what comes out.

After the reference project's experiment on what it costs to carry a mask back from a GPU: the same
sizes, with our channels first (N×C×H×W) where its files have them last.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from livematte.benchmark.packing import PIXELS, packing_weights

__all__ = ["GRAPHS", "SIDE", "ToyGraph", "build_graph", "example_input"]

SIDE = 256


@dataclass(frozen=True)
class _Shape:
    """What one graph does.

    Attributes:
        channels: of the input.
        flat: it comes as one row of numbers.
        sliced: only three of its channels go on.
        outputs: channels that the convolution gives.
        packed: sixteen pixels become one number, by a threshold and a strided convolution.
        reshaped: the packed mask loses its channel axis.
        padded: the output gets channels of zeros, up to four.
    """

    channels: int = 1
    flat: bool = False
    sliced: bool = False
    outputs: int = 1
    packed: bool = False
    reshaped: bool = False
    padded: bool = False


GRAPHS = {
    "convolution": _Shape(),
    "packed": _Shape(packed=True),
    "4 channels": _Shape(channels=4, outputs=4),
    "4 channels, packed": _Shape(channels=4, packed=True, reshaped=True),
    "flat input, packed": _Shape(channels=3, flat=True, packed=True, reshaped=True),
    "sliced input, packed": _Shape(channels=4, sliced=True, packed=True, reshaped=True),
    "sliced input, padded output": _Shape(channels=4, sliced=True, padded=True),
}
"""By name, in the reference's order."""


class ToyGraph(nn.Module):
    """One of them. A packed one thresholds the convolution at 0 first: a mask is binary."""

    def __init__(self, shape: _Shape) -> None:
        super().__init__()
        self.shape = shape
        inputs = 3 if shape.sliced else shape.channels
        self.convolution = nn.Conv2d(inputs, shape.outputs, 3, padding=1)
        weights = torch.from_numpy(packing_weights())
        self.weights = nn.Buffer(weights.reshape(1, 1, 1, PIXELS))

    def forward(self, image: Tensor) -> Tensor:
        shape = self.shape
        x = image.reshape(-1, shape.channels, SIDE, SIDE) if shape.flat else image
        x = x[:, :3] if shape.sliced else x
        x = self.convolution(x)
        if shape.packed:
            x = functional.conv2d((x > 0).to(x.dtype), self.weights, stride=(1, PIXELS))
        if shape.reshaped:
            x = x.reshape(-1, SIDE, SIDE // PIXELS)
        if shape.padded:
            x = functional.pad(x, (0, 0, 0, 0, 0, 3))
        return x


def build_graph(name: str) -> ToyGraph:
    """One of :data:`GRAPHS`, the same at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ToyGraph(GRAPHS[name]).eval()


def example_input(name: str) -> Tensor:
    """float32 around 0: 1×C×256×256, or 1×(C·256·256) for a flat one."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(1, GRAPHS[name].channels, SIDE, SIDE, generator=generator)
    return image.flatten(1) if GRAPHS[name].flat else image
