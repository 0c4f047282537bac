"""EfficientNet-Lite 0 to 2 as an encoder (Tan and Le, 2019; the Lite form by Google, 2020).

EfficientNet without squeeze-and-excitation and with ReLU6 in place of swish, so that every mobile
delegate and 8-bit runtime takes it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from livematte.errors import UsageError
from livematte.networks.blocks import divisible
from livematte.networks.inverted_encoder import InvertedEncoder, Stage

__all__ = ["EfficientNetLite"]

STAGES = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 40, 2, 2, 5),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5),
)


class _Scale(NamedTuple):
    width: float
    depth: float


SCALES = (_Scale(1.0, 1.0), _Scale(1.0, 1.1), _Scale(1.1, 1.2))


class EfficientNetLite(InvertedEncoder):
    """The convolutional part up to the last block at 1/32.

    The classifier's last stage (320 channels) and 1×1 convolution are left out: a decoder that
    takes a few dozen channels from them does not earn their price.

    Args:
        in_channels: channels of the input.
        variant: 0, 1 or 2. As published, the stem keeps its width and the first stage its depth.

    Raises:
        UsageError: there is no such variant here.
    """

    def __init__(self, in_channels: int = 3, *, variant: int = 0) -> None:
        if not 0 <= variant < len(SCALES):
            raise UsageError(f"EfficientNet-Lite {variant}: one of 0 to {len(SCALES) - 1}")
        width, depth = SCALES[variant]
        stages = [
            stage._replace(
                channels=divisible(stage.channels * width),
                repeats=stage.repeats if index == 0 else math.ceil(stage.repeats * depth),
            )
            for index, stage in enumerate(STAGES)
        ]
        super().__init__(in_channels, 32, stages, eps=1e-3)
