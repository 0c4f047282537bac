"""The graph that every export writes: image (and prior) in, alpha out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from livematte.networks.base import Network

__all__ = ["MatteGraph", "example_inputs"]


class MatteGraph(nn.Module):
    """A network with its sigmoid, in evaluation mode.

    Takes N×3×H×W RGB in [0, 1], and N×1×H×W for a network with a prior; gives N×1×H×W alpha in
    [0, 1]. Normalisation is inside the network already.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, image: Tensor, prior: Tensor | None = None) -> Tensor:
        return torch.sigmoid(self.network(image, prior).mask)


def example_inputs(network: Network, size: tuple[int, int], batch: int = 1) -> tuple[Tensor, ...]:
    """Random inputs of the right shapes, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(batch, 3, *size, generator=generator)
    if not network.prior:
        return (image,)
    return image, torch.rand(batch, 1, *size, generator=generator)
