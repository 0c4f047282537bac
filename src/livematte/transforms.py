"""The one place where a frame is fitted to a model's input and a matte back to the frame.

Pixel centres lie at half-integers on both sides (the half-pixel convention), so nothing shifts.
Shrinking is antialiased by a triangle filter as wide as the reduction (Pillow's ``BILINEAR``).
Shrinking 2.5 to 15.6 times, it keeps an edge within 0.004 target pixels of its place, and of a
grating finer than the target can hold it leaves 11 of 255 grey levels. OpenCV's ``INTER_AREA``
keeps the edge too but leaves 51 levels; ``INTER_LINEAR``, which reads four pixels whatever the
reduction, is 0.43 off and leaves 247; a Gaussian before it takes several times as long, but for
what was halved before (:func:`shrink`). All this is what ``benchmarks/resizing.py`` prints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livematte.spec import ModelSpec

__all__ = [
    "Placement",
    "crop_matte",
    "fit_image",
    "fit_matte",
    "lift_matte",
    "place",
    "resize",
    "shaped",
    "shrink",
]

Pixels = TypeVar("Pixels", np.uint8, np.float32)

_GREY = 0.5
_MAX_SIDE_CV2 = 32766  # OpenCV's remapping counts in 16 bits
_FEWEST_STEPS = 3  # of a side
_MORE = 1.05  # times the pixels that were asked for, at most


@dataclass(frozen=True)
class Placement:
    """Where a frame lies in a model's input, in whole pixels of that input."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """The rows that the frame covers."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """The columns that the frame covers."""
        return slice(self.left, self.left + self.width)


def shaped(height: int, width: int, spec: ModelSpec, *, share: float = 1.0) -> ModelSpec:
    """The spec at the input size that shows a frame as the model learnt to see.

    A square that a wide film is squeezed into makes people half as wide as they are. Where the
    file leaves its sides free, the frame gets sides of its own proportions, wider by
    ``spec.stretch``, with about as many pixels as the model's own size.

    Args:
        height, width: the frame's.
        share: of the pixels of the model's own size; fewer are faster.

    Returns:
        The spec itself, where the sides are fixed.
    """
    if spec.step == 0:
        return spec
    wanted = width / height * spec.stretch
    squares = share * spec.height * spec.width / spec.step**2
    fewest = max(min(_FEWEST_STEPS, int(math.sqrt(squares))), 1)
    most = max(int(_MORE * squares) // fewest, fewest)

    def worth(side: tuple[int, int]) -> float:
        rows, columns = side
        return min(rows * columns / squares, 1.0) - abs(math.log(columns / rows / wanted))

    sides = [
        (rows, max(min(round(rows * wanted), int(_MORE * squares) // rows), fewest))
        for rows in range(fewest, most + 1)
    ]
    rows, columns = max(sides, key=worth)
    return replace(spec, height=rows * spec.step, width=columns * spec.step)


def place(height: int, width: int, spec: ModelSpec) -> Placement:
    """Where a ``height`` × ``width`` frame lies in the input of ``spec``.

    ``stretch`` fills the input; ``letterbox`` keeps the proportions (to the nearest whole pixel),
    centred.
    """
    if spec.fit == "stretch":
        return Placement(0, 0, spec.height, spec.width)
    scale = min(spec.height / height, spec.width / width)
    rows = min(max(round(height * scale), 1), spec.height)
    columns = min(max(round(width * scale), 1), spec.width)
    return Placement((spec.height - rows) // 2, (spec.width - columns) // 2, rows, columns)


def resize(picture: NDArray[Pixels], height: int, width: int) -> NDArray[Pixels]:
    """Resize with half-pixel centres: antialiased where it shrinks, bilinear where it grows.

    Args:
        picture: H×W×3 uint8 or H×W float32.

    Returns:
        ``height`` × ``width`` (× 3), same type; the picture itself where the size is the same.
    """
    if picture.shape[:2] == (height, width):
        return picture
    grows = height >= picture.shape[0] and width >= picture.shape[1]
    if grows and max(height, width) <= _MAX_SIDE_CV2:
        # The same numbers as Pillow's (a test compares them), and much faster.
        grown = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(grown, dtype=picture.dtype)
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), picture.dtype)


def shrink(picture: NDArray[Pixels], height: int, width: int) -> NDArray[Pixels]:
    """As :func:`resize`, several times as fast where it shrinks.

    Means of 2×2 pixels come first, as often as the target stays smaller, then a narrow Gaussian
    and bilinear reading. Edges keep their places, but finer gratings come through. For what a
    filter smooths anyway, not for the input of a model.
    """
    return _smoothed(_halved(picture, height, width, least=2.0), height, width)


def _halved(picture: NDArray[Pixels], height: int, width: int, *, least: float) -> NDArray[Pixels]:
    """Means of 2×2 pixels, while each side is at least ``least`` times the target's."""
    while picture.shape[0] >= least * height and picture.shape[1] >= least * width:
        rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
        if picture.shape[0] % 2 or picture.shape[1] % 2:
            break  # means of 2×2 would leave a row or column out, and shift the rest
        half = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
        picture = np.asarray(half, dtype=picture.dtype)
    return picture


def _smoothed(picture: NDArray[Pixels], height: int, width: int) -> NDArray[Pixels]:
    """Bilinear reading, after a Gaussian where it shrinks: quick for up to three times.

    A triangle as wide as the reduction s has the variance s²/6; bilinear reading has 1/6 by itself,
    and the Gaussian has the rest.
    """
    reductions = (picture.shape[1] / width, picture.shape[0] / height)
    if max(reductions) <= 1 or max(picture.shape[:2]) > _MAX_SIDE_CV2:
        return resize(picture, height, width)
    sigmas = [math.sqrt(max(s * s - 1, 0) / 6) for s in reductions]
    taps = [2 * math.ceil(2 * sigma) + 1 for sigma in sigmas]
    soft = cv2.GaussianBlur(picture, taps, sigmas[0], None, sigmas[1], cv2.BORDER_REPLICATE)
    small = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(small, dtype=picture.dtype)


def fit_image(
    image: NDArray[np.uint8], spec: ModelSpec, *, quick: bool = False
) -> NDArray[np.float32]:
    """Bring a frame to a model's input size.

    Args:
        image: H×W×3 uint8 RGB.
        quick: for video: take means of 2×2 pixels first where much is shrunk, then a Gaussian.
            That is six times as fast for 1280×720 to 256×256, and differs by a third of a grey
            level on average.

    Returns:
        spec.height × spec.width × 3 float32 RGB in [0, 1]; letterbox bars are mid grey.
    """
    where = place(image.shape[0], image.shape[1], spec)
    if quick:
        halved = _halved(image, where.height, where.width, least=2.5)
        small = _smoothed(halved, where.height, where.width)
    else:
        small = resize(image, where.height, where.width)
    content = small.astype(np.float32) / np.float32(255)
    return _pad(content, where, spec, _GREY)


def fit_matte(matte: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Bring a frame's matte (H×W float32 in [0, 1]) to a model's input size, as its prior.

    Letterbox bars are background.
    """
    where = place(matte.shape[0], matte.shape[1], spec)
    content = resize(matte, where.height, where.width)
    return _pad(content, where, spec, 0.0)


def crop_matte(
    matte: NDArray[np.float32], height: int, width: int, spec: ModelSpec
) -> NDArray[np.float32]:
    """The part of a model's matte that the ``height`` × ``width`` frame covers, at model size."""
    where = place(height, width, spec)
    return matte[where.rows, where.columns]


def lift_matte(
    matte: NDArray[np.float32], height: int, width: int, spec: ModelSpec
) -> NDArray[np.float32]:
    """Bring a model's matte back to its frame.

    Args:
        matte: spec.height × spec.width float32 in [0, 1].

    Returns:
        ``height`` × ``width`` float32 in [0, 1].
    """
    return resize(crop_matte(matte, height, width, spec), height, width)


def _pad(
    content: NDArray[np.float32], where: Placement, spec: ModelSpec, value: float
) -> NDArray[np.float32]:
    """``content`` at its place in an input that is ``value`` elsewhere."""
    if content.shape[:2] == (spec.height, spec.width):
        return content
    canvas = np.full((spec.height, spec.width, *content.shape[2:]), value, dtype=np.float32)
    canvas[where.rows, where.columns] = content
    return canvas
