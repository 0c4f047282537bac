"""One training example: a picture and the matte that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoolMask", "FloatMatte", "Matte", "RgbImage", "Sample"]

RgbImage: TypeAlias = NDArray[np.uint8]
FloatMatte: TypeAlias = NDArray[np.float32]
BoolMask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Matte:
    """What a mask file says.

    Attributes:
        alpha: H×W float32 in [0, 1]; 0 where ``ignore`` is set.
        ignore: H×W bool, true where the annotator left the answer open; None when nowhere.
        soft: true when there are grey levels (a real matte, or a mask with smoothed edges), which
            bilinear resizing keeps; false for a hard mask, which wants nearest.
    """

    alpha: FloatMatte
    ignore: BoolMask | None
    soft: bool


@dataclass(frozen=True)
class Sample:
    """A picture with its matte.

    Attributes:
        image: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
        ignore: H×W bool, true where the loss must not look; None when nowhere.
        name: the picture's name within its dataset.
        soft: true when the alpha has grey levels, false for a hard mask; see :class:`Matte`.
    """

    image: RgbImage
    alpha: FloatMatte
    ignore: BoolMask | None
    name: str
    soft: bool
