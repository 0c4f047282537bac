"""Read the annotations of Supervisely: JSON with bitmaps and polygons."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from livematte.data.sample import BoolMask, Matte
from livematte.errors import InputError

__all__ = ["read_annotation"]

_NEUTRAL = "neutral"


def read_annotation(path: Path) -> Matte:
    """Draw an annotation file as a hard matte.

    Objects of any class are people, except that the class ``neutral`` (what the annotators would
    not judge) becomes ``ignore``.

    Raises:
        InputError: the file is not an annotation.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        shape = (int(raw["size"]["height"]), int(raw["size"]["width"]))
        person = np.zeros(shape, np.bool_)
        neutral = np.zeros(shape, np.bool_)
        for item in raw["objects"]:
            target = neutral if item.get("classTitle") == _NEUTRAL else person
            target |= _draw(item, shape)
    except (ValueError, TypeError, KeyError, IndexError, OSError, zlib.error, cv2.error) as error:
        raise InputError(
            f"{path}: not a Supervisely annotation ({error}); download it again"
        ) from error
    ignore = neutral & ~person
    return Matte(person.astype(np.float32), ignore if ignore.any() else None, soft=False)


def _draw(item: dict[str, Any], shape: tuple[int, int]) -> BoolMask:
    """One object as an H×W mask, clipped to the picture."""
    canvas = np.zeros(shape, np.uint8)
    if item.get("bitmap"):
        left, top = (int(v) for v in item["bitmap"]["origin"])
        stamp = _decode_bitmap(item["bitmap"]["data"])
        y0, x0 = max(top, 0), max(left, 0)
        part = stamp[y0 - top : shape[0] - top, x0 - left : shape[1] - left]
        canvas[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
    else:
        points = item["points"]
        rings = [np.rint(np.array(points["exterior"], np.float64)).astype(np.int32)]
        cv2.fillPoly(canvas, rings, 1)
        for hole in points["interior"]:
            cv2.fillPoly(canvas, [np.rint(np.array(hole, np.float64)).astype(np.int32)], 0)
    return canvas > 0


def _decode_bitmap(data: str) -> BoolMask:
    """Base64 over zlib over a PNG whose last channel is the mask."""
    packed = np.frombuffer(zlib.decompress(base64.b64decode(data)), np.uint8)
    stamp = cv2.imdecode(packed, cv2.IMREAD_UNCHANGED)
    if stamp is None:
        raise ValueError("a bitmap is not a PNG")
    return np.asarray(stamp if stamp.ndim == 2 else stamp[..., -1]) > 0
