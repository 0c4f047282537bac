"""Find pictures that are nearly the same: recompressed, resized, mirrored, slightly cropped.

A 64-bit perceptual hash (the signs of the low DCT frequencies, after Zauner 2010) proposes pairs,
and the correlation of small thumbnails confirms them. Only the detail of the thumbnails counts:
two people before the same studio wall agree in everything coarse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.sample import RgbImage

__all__ = ["Fingerprint", "duplicate_groups", "duplicate_pairs", "fingerprint"]

THUMB = 32
HASH_BITS = 12
CORRELATION = 0.78
_DETAIL_SIGMA = 2.0
_ROWS = 256
_CONFIRM = 8192


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a picture.

    Attributes:
        code: 64-bit hash.
        mirrored: the hash of the picture seen in a mirror.
        thumb: 32×32 uint8 grey.
    """

    code: int
    mirrored: int
    thumb: NDArray[np.uint8]


def fingerprint(image: RgbImage) -> Fingerprint:
    """The fingerprint of an H×W×3 uint8 RGB picture; its proportions do not matter."""
    small = cv2.resize(image, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    thumb = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    return Fingerprint(_code(thumb), _code(thumb[:, ::-1]), thumb)


def _code(thumb: NDArray[np.uint8]) -> int:
    low = np.asarray(cv2.dct(thumb.astype(np.float32, order="C")))[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return int(np.packbits(bits).view(">u8")[0])


def duplicate_pairs(prints: Sequence[Fingerprint]) -> NDArray[np.int64]:
    """P×2 indices of pictures that are nearly the same, the smaller index first."""
    if not prints:
        return np.zeros((0, 2), np.int64)
    plain = np.array([p.code for p in prints], np.uint64)
    details = np.stack([_detail(p.thumb) for p in prints])
    mirrored = np.array([p.mirrored for p in prints], np.uint64)
    flipped = np.stack([_detail(np.ascontiguousarray(p.thumb[:, ::-1])) for p in prints])
    found = [
        pairs[(details[pairs[:, 0]] * second[pairs[:, 1]]).sum(axis=1) >= CORRELATION]
        for codes, second in ((plain, details), (mirrored, flipped))
        for pairs in _candidates(plain, codes)
    ]
    return np.unique(np.concatenate([np.zeros((0, 2), np.int64), *found]), axis=0)


def _candidates(
    codes: NDArray[np.uint64], other: NDArray[np.uint64]
) -> Iterable[NDArray[np.int64]]:
    """Blocks of index pairs i < j whose hashes differ in few bits."""
    for start in range(0, len(codes), _ROWS):
        block = codes[start : start + _ROWS, None] ^ other[None, start:]
        i, j = np.nonzero(np.bitwise_count(block) <= HASH_BITS)
        pairs = np.stack([i, j], axis=1).astype(np.int64) + start
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        for part in range(0, len(pairs), _CONFIRM):
            yield pairs[part : part + _CONFIRM]


def _detail(thumb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a blur takes away from a thumbnail, of unit length; zero for flat pictures."""
    full = thumb.astype(np.float32)
    detail = (full - cv2.GaussianBlur(full, (0, 0), _DETAIL_SIGMA)).ravel()
    detail -= detail.mean()
    length = float(np.linalg.norm(detail))
    return np.asarray(detail / length if length > 1 else np.zeros_like(detail))


def duplicate_groups(pairs: NDArray[np.int64]) -> list[tuple[int, ...]]:
    """Join pairs that share a picture into groups, each sorted, in order of their first member."""
    leader: dict[int, int] = {}

    def find(item: int) -> int:
        while leader.setdefault(item, item) != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    for a, b in pairs.tolist():
        low, high = sorted((find(a), find(b)))
        leader[high] = low
    groups: dict[int, list[int]] = {}
    for item in sorted(leader):
        groups.setdefault(find(item), []).append(item)
    return [tuple(members) for _, members in sorted(groups.items())]
