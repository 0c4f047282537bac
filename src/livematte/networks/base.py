"""What every network is: normalised RGB (and a prior) in, mask logits out."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from livematte.errors import UsageError

__all__ = ["Network", "NetworkOutput", "foreground_logit"]


class NetworkOutput(NamedTuple):
    """Logits, before any sigmoid.

    Attributes:
        mask: N×1×H×W foreground logit at the input's size.
        edge: N×1×H×W logit of the boundary head, in training mode of networks that have one.
        coarse: N×1×h×w foreground logit of the encoder alone, in training mode of networks that
            are trained in two stages.
    """

    mask: Tensor
    edge: Tensor | None = None
    coarse: Tensor | None = None


def foreground_logit(logits: Tensor) -> Tensor:
    """N×2×H×W class logits to the N×1×H×W logit with the same foreground probability.

    softmax over two classes equals the sigmoid of their difference.
    """
    return logits[:, 1:2] - logits[:, 0:1]


class Network(nn.Module):
    """Base of all networks.

    A subclass takes ``prior`` as a keyword, calls ``super().__init__(prior=prior)``, builds its
    first convolution on ``self.in_channels`` and implements :meth:`predict`.

    Attributes:
        default_size: (height, width) the publication used.
        mean, std: per-channel RGB normalisation of images in [0, 1], inside the graph.
        stride: input sides must be multiples of it.
    """

    default_size: ClassVar[tuple[int, int]]
    mean: ClassVar[tuple[float, float, float]] = (0.0, 0.0, 0.0)
    std: ClassVar[tuple[float, float, float]] = (1.0, 1.0, 1.0)
    stride: ClassVar[int] = 32

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__()
        self.prior = prior
        self.in_channels = 4 if prior else 3
        self.register_buffer("_mean", torch.tensor(self.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("_std", torch.tensor(self.std).view(1, 3, 1, 1), persistent=False)
        self._mean: Tensor
        self._std: Tensor

    def forward(self, image: Tensor, prior: Tensor | None = None) -> NetworkOutput:
        """Predict mask logits.

        Args:
            image: N×3×H×W RGB in [0, 1].
            prior: N×1×H×W last matte in [0, 1]; required by networks built with ``prior=True``.

        Raises:
            UsageError: a prior is missing, or was given to a network without that channel; or the
                sides are no multiples of ``stride``.
        """
        return self.predict(self.prepare(image, prior))

    def prepare(self, image: Tensor, prior: Tensor | None = None) -> Tensor:
        """What :meth:`predict` takes: normalised channels, N×``in_channels``×H×W.

        Takes and raises what :meth:`forward` does.
        """
        height, width = image.shape[-2:]
        if height % self.stride or width % self.stride:
            raise UsageError(
                f"{type(self).__name__} takes sides that are multiples of {self.stride}, "
                f"not {height}×{width}"
            )
        if self.prior != (prior is not None):
            state = "needs" if self.prior else "takes no"
            raise UsageError(f"{type(self).__name__} {state} prior (built with prior={self.prior})")
        x = (image - self._mean) / self._std
        return x if prior is None else torch.cat([x, prior], dim=1)

    def predict(self, x: Tensor) -> NetworkOutput:
        """N×``in_channels``×H×W normalised input to logits."""
        raise NotImplementedError
