"""Keep a matte still where the picture is still, and let it go where the picture moves.

Each pixel's matte is a running mean, ``steady += weight · (matte - steady)``, whose weight is
small where the picture shows what it showed, and 1 where it changed: the motion-adaptive filter of
video denoising, led by the picture instead of by the matte. What a pixel "showed" is the same
running mean of the picture, taken with the same weights. So an edge that creeps leaves the held
matte and the held picture behind by the same way, and as soon as that way can be seen above the
noise, the weight rises: a lag that could be seen cannot build up.

Slow changes of the light move every pixel by one factor; the held picture is brought to the new
picture's light first. With ``flow``, what is held is carried along by dense optical flow, so that a
matte is steadied on what moves, too.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.refinement.flow import Flow, Matrix, carried, shifted

__all__ = ["Steadiness"]

Floats = NDArray[np.float32]

_HOLD = 0.12  # weight of the new matte where nothing moves: a memory of eight frames
_SEEN = (2.0, 5.0)  # changes of the picture, in its noise, that begin to count and that count full
_NOISE = (0.004, 0.02)  # standard deviation of a pixel's noise: what is believed of its estimate
_REACH = 7  # pixels, odd: a network answers by what is around a pixel
_GAIN = (0.8, 1.25)  # of the light, from the held picture to the new one
_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_TO_SIGMA = 1 / (6 * 0.6745)  # of the Laplacian's median to the noise's standard deviation


class Steadiness:
    """A filter for the ``steady`` hook of :class:`livematte.stream.SegmenterStream`.

    Args:
        flow: carry what is held along the picture's motion before it is compared.
    """

    def __init__(self, *, flow: bool = False) -> None:
        self._flow = Flow() if flow else None
        self._matte: Floats | None = None
        self._picture: Floats | None = None

    def __call__(self, matte: Floats, image: Floats, fresh: bool) -> Floats:
        """The steadied matte of the next frame.

        Args:
            matte: h×w float32 in [0, 1].
            image: what it was computed from, h×w×3 float32 RGB in [0, 1].
            fresh: nothing before counts.

        Returns:
            h×w float32 in [0, 1].
        """
        if fresh:
            self._matte = self._picture = None
            if self._flow is not None:
                self._flow.forget()
        way = None if self._flow is None else self._flow.back(image)
        held, shown = self._matte, self._picture
        if held is None or shown is None:
            self._matte, self._picture = matte, image
            return matte
        if way is not None:
            held, shown = carried(held, way), carried(shown, way)
        shown = _in_the_light_of(image, shown)
        weight = _weight(image, shown)
        self._picture = shown + weight[..., None] * (image - shown)
        self._matte = held + weight * (matte - held)
        return self._matte

    def follow(self, matrix: Matrix) -> None:
        """Tell that the next frame shows another part of the scene (see :data:`Matrix`)."""
        if self._matte is not None and self._picture is not None:
            self._matte = shifted(self._matte, matrix, outside=0.0)
            self._picture = shifted(self._picture, matrix)
        if self._flow is not None:
            self._flow.follow(matrix)


def _weight(image: Floats, shown: Floats) -> Floats:
    """How much of the new matte to take, h×w in [_HOLD, 1]."""
    change = cv2.blur(image - shown, (3, 3), borderType=cv2.BORDER_REPLICATE)
    size = np.sqrt(cv2.transform(change * change, np.full((1, 3), 1 / 3, np.float32)))
    low, high = (times * _noise(image) for times in _SEEN)
    seen = np.clip((size - low) / (high - low), 0, 1)
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_REACH, _REACH))
    around = cv2.dilate(seen, reach, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(_HOLD + (1 - _HOLD) * around, dtype=np.float32)


def _noise(image: Floats) -> float:
    """The standard deviation of a pixel's noise, told from one picture.

    Immerkær, "Fast Noise Variance Estimation", 1996, with the median for the mean: more than half
    of a picture is smooth.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    rough = np.abs(cv2.filter2D(grey, -1, _LAPLACIAN))
    return float(np.clip(np.median(rough) * _TO_SIGMA, *_NOISE))


def _in_the_light_of(image: Floats, shown: Floats) -> Floats:
    """The held picture, each colour by the factor that brings most of it to the new one."""
    new, old = image[::4, ::4], shown[::4, ::4]
    gains = np.ones(3, np.float32)
    for channel in range(3):
        lit = old[..., channel] > 0.05
        if lit.any():
            gains[channel] = np.median(new[..., channel][lit] / old[..., channel][lit])
    return np.asarray(shown * np.clip(gains, *_GAIN), dtype=np.float32)
