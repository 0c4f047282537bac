"""Work on the few parts of a picture that need it.

Most of a matte is all person or all background; only along the outline is there anything to
compute. The picture is cut into small squares, and those with an edge in them are gathered into
one array, worked on together, and put back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Tiles", "tiles_with"]

_SIDE = 16
_MOST = 128  # in a lot: what is computed on the way stays in the cache


@dataclass(frozen=True, eq=False)
class Tiles:
    """Squares of an H×W picture.

    Attributes:
        tops, lefts: of each square, N integers.
        height, width: of a square, in pixels; smaller than usual in tiny pictures alone.
        size: H and W.
    """

    tops: NDArray[np.intp]
    lefts: NDArray[np.intp]
    height: int
    width: int
    size: tuple[int, int]

    def __len__(self) -> int:
        return self.tops.size

    def parts(self) -> list[Tiles]:
        """The same squares in lots of a bounded number, to bound the memory."""
        return [
            Tiles(
                self.tops[first : first + _MOST],
                self.lefts[first : first + _MOST],
                self.height,
                self.width,
                self.size,
            )
            for first in range(0, len(self), _MOST)
        ]

    def gather(self, picture: NDArray[Any]) -> NDArray[Any]:
        """N × height × width (× channels) copies out of an H×W (× channels) picture."""
        return np.asarray(self._windows(picture)[self.tops, self.lefts])

    def scatter(self, content: NDArray[Any], picture: NDArray[Any]) -> None:
        """Write what :meth:`gather` gives back into a picture."""
        self._windows(picture, writeable=True)[self.tops, self.lefts] = content

    def sample(self, small: NDArray[Any]) -> NDArray[Any]:
        """What the squares would hold if ``small`` were enlarged to the picture's size.

        Bilinearly, with half-pixel centres.

        Args:
            small: h×w (× up to 4 channels), float32 or uint8.

        Returns:
            N × height × width (× channels), same type.
        """
        rows = np.arange(self.height) + self.tops[:, None]
        columns = np.arange(self.width) + self.lefts[:, None]
        y = ((rows + 0.5) * (small.shape[0] / self.size[0]) - 0.5).astype(np.float32)
        x = ((columns + 0.5) * (small.shape[1] / self.size[1]) - 0.5).astype(np.float32)
        shape = (len(self), self.height, self.width)
        flat = (len(self) * self.height, self.width)
        y = np.broadcast_to(y[:, :, None], shape).reshape(flat)
        x = np.broadcast_to(x[:, None, :], shape).reshape(flat)
        colours = small.ndim == 3 and small.shape[2] == 3
        if colours:  # OpenCV takes half the time for four channels
            small = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2RGBA))
        taken = cv2.remap(small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if colours:
            taken = cv2.cvtColor(taken, cv2.COLOR_RGBA2RGB)
        return np.asarray(taken).reshape(*shape, *taken.shape[2:])

    def _windows(self, picture: NDArray[Any], *, writeable: bool = False) -> NDArray[Any]:
        """A view: [top, left] is the square that begins there."""
        rows, columns, *channels = picture.shape
        shape = (rows - self.height + 1, columns - self.width + 1, self.height, self.width)
        strides = picture.strides[:2] * 2
        return np.lib.stride_tricks.as_strided(
            picture, (*shape, *channels), (*strides, *picture.strides[2:]), writeable=writeable
        )


def tiles_with(mask: NDArray[np.uint8], height: int, width: int) -> Tiles:
    """The squares of an H×W picture in which anything of a mask lies.

    Args:
        mask: h×w uint8, 0 or 1, of the picture's size or smaller: then squares are taken that it
            touches within a pixel of its own.
    """
    side_y, side_x = min(_SIDE, height), min(_SIDE, width)
    tops = np.minimum(np.arange(0, height, side_y), height - side_y)
    lefts = np.minimum(np.arange(0, width, side_x), width - side_x)
    if mask.shape == (height, width):
        inside = _any_of(_any_of(mask, 0, side_y), 1, side_x)
    else:
        counts = np.asarray(cv2.integral(mask), dtype=np.int32)
        rows = _spans(tops, side_y, height, mask.shape[0])
        columns = _spans(lefts, side_x, width, mask.shape[1])
        below, above = counts[rows[1]], counts[rows[0]]
        within = below - above
        inside = (within[:, columns[1]] > within[:, columns[0]]).astype(np.uint8)
    down, right = np.nonzero(inside)
    return Tiles(tops[down], lefts[right], side_y, side_x, (height, width))


def _any_of(mask: NDArray[np.uint8], axis: int, side: int) -> NDArray[np.uint8]:
    """Whether anything is set in each run of ``side`` rows or columns."""
    starts = np.arange(0, mask.shape[axis], side)
    if axis == 0 and mask.shape[1] % 8 == 0 and mask.flags.c_contiguous:
        eights = np.bitwise_or.reduceat(mask.view(np.uint64), starts, axis=0)
        return np.ascontiguousarray(eights).view(np.uint8)
    return np.asarray(np.bitwise_or.reduceat(mask, starts, axis=axis), dtype=np.uint8)


def _spans(
    starts: NDArray[np.intp], side: int, length: int, small: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """From where to where (exclusive) the squares reach in the mask."""
    first = starts * small // length - 1
    last = -(-(starts + side) * small // length) + 1
    return np.clip(first, 0, small), np.clip(last, 0, small)
