"""Read the pictures and the masks of a dataset.

Masks come in many habits: 0/255, 0/1, class indices in a palette, a void value, an alpha channel,
a lossy JPEG. :func:`decode_mask` settles them by the values that occur, so that a folder of masks
needs no description.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livematte.data.sample import Matte, RgbImage
from livematte.errors import InputError
from livematte.images import read_picture

__all__ = [
    "IMAGE_SUFFIXES",
    "JPEG_SUFFIXES",
    "VOID",
    "MaskKind",
    "decode_mask",
    "mask_values",
    "read_image",
    "read_mask",
]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
VOID = 128
_MAX_PIXELS = 178_956_970  # a dataset's pictures are trusted more than a stranger's: Pillow's limit

MaskKind = Literal["auto", "hard", "soft"]

_REFUSALS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)


def _open(path: Path) -> Image.Image:
    """The decoded picture; every way in which Pillow refuses a file becomes an InputError."""
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; restore it or remove its partner") from error
    except _REFUSALS as error:
        raise InputError(
            f"{path}: cannot be read as a picture ({error}); replace or remove it"
        ) from error


def read_image(path: Path, *, shape: tuple[int, int] | None = None) -> RgbImage:
    """Read a picture as H×W×3 uint8 RGB, upright, as :func:`livematte.images.read_picture` does.

    Args:
        path: the file.
        shape: height and width of its mask. Some sets draw masks on pictures whose EXIF
            orientation was not applied; then, and only then, the picture stays as it is stored.

    Raises:
        InputError: the file is missing, broken, too large or not a picture.
    """
    upright = read_picture(path, max_pixels=_MAX_PIXELS).rgb
    if shape is not None and upright.shape[:2] == shape[::-1] != shape:
        stored = read_picture(path, max_pixels=_MAX_PIXELS, upright=False).rgb
        if stored.shape[:2] == shape:
            return stored
    return upright


def mask_values(path: Path) -> NDArray[np.uint8]:
    """The raw H×W uint8 values of a mask file.

    An RGBA picture answers its alpha channel when that varies (AISegment); a coloured one its
    largest channel; a palette its indices, unless the palette is grey, then its greys; 16 bits
    are brought to 8.

    Raises:
        InputError: the file is missing, broken or not a picture.
    """
    picture = _open(path)
    if picture.mode == "P":
        return _palette_values(picture)
    if picture.mode == "1":
        return np.array(picture.convert("L"))
    values = np.array(picture)
    if values.dtype != np.uint8:
        scaled = values.astype(np.float64) * (1 / 257 if values.max(initial=0) > 255 else 1)
        values = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if values.ndim == 2:
        return values
    if values.shape[2] in (2, 4):
        alpha = values[..., -1]
        if alpha.min() != alpha.max():
            return np.ascontiguousarray(alpha)
        values = values[..., :-1]
    return np.ascontiguousarray(values.max(axis=2))


def _palette_values(picture: Image.Image) -> NDArray[np.uint8]:
    indices = np.array(picture)
    palette = np.array(picture.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
    used = palette[np.unique(indices[indices < len(palette)])]
    grey = bool((used == used[:, :1]).all())
    if grey and used.max(initial=0) > 0:
        return np.array(picture.convert("L"))
    return indices


def decode_mask(
    values: NDArray[np.uint8], *, kind: MaskKind = "auto", lossy: bool = False
) -> Matte:
    """Turn raw mask values into a matte.

    Args:
        values: H×W uint8.
        kind: ``hard`` thresholds at one half, ``soft`` takes the values as they are, ``auto``
            calls a mask hard when it has no other values than 0, 1, 128 and 255. Then a mask of
            ones is a 0/1 mask, whose 128 and 255 are void; else 255 is the person, 128 void.
        lossy: the values went through a lossy codec, so greys say nothing: ``auto`` means hard.
    """
    counts = np.bincount(values.ravel(), minlength=256)
    flat = counts[[0, 1, VOID, 255]].sum() == values.size
    if kind == "soft" or (kind == "auto" and not flat and not lossy):
        return Matte(values.astype(np.float32) / np.float32(255), None, soft=True)
    if not flat:
        return Matte((values >= VOID).astype(np.float32), None, soft=False)
    indices = counts[1] > 0 and counts[1] >= counts[255]
    person = values == (1 if indices else 255)
    ignore = (values == VOID) | (values == 255) if indices else values == VOID
    return Matte(person.astype(np.float32), ignore if ignore.any() else None, soft=False)


def read_mask(path: Path, *, kind: MaskKind = "auto") -> Matte:
    """Read a mask file; see :func:`mask_values` and :func:`decode_mask`.

    Raises:
        InputError: the file is missing, broken or not a picture.
    """
    lossy = path.suffix.lower() in JPEG_SUFFIXES
    return decode_mask(mask_values(path), kind=kind, lossy=lossy)
