"""A still picture's whole way: read, segment, compose, encode."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects import Fit, fit_picture, open_chain
from livematte.errors import DeviceError, InputError, ModelError, OutputError, UsageError, one_line
from livematte.images import MAX_PIXELS, Picture, encode_picture, read_picture
from livematte.segmenter import Segmenter, person_found, person_fraction
from livematte.sources import Source

__all__ = ["Compose", "Still", "composer", "make_still", "matte_only", "read_background"]

_log = logging.getLogger(__name__)

Frame = NDArray[np.uint8]
Floats = NDArray[np.float32]
# Frame (H×W×3), matte and the frame's own alpha (H×W, or None) to the output's pixels.
Compose = Callable[[Frame, Floats, Floats | None], Frame]


@dataclass(frozen=True)
class Still:
    """A finished picture.

    Attributes:
        content: the picture file's bytes.
        width, height: in pixels.
        person_fraction: how much of the picture the person covers, in [0, 1].
        person_found: whether there is anybody. Both are what the model saw, whatever the
            picture's own alpha hides.
    """

    content: bytes
    width: int
    height: int
    person_fraction: float
    person_found: bool


def matte_only(frame: Frame, matte: Floats, opacity: Floats | None) -> Frame:
    """The matte in grey, H×W uint8."""
    shown = matte if opacity is None else matte * opacity
    return np.rint(shown * 255).astype(np.uint8)


def composer(
    background: Frame | tuple[int, int, int] | Literal["blur"] | None = None,
    *,
    effects: Sequence[str] = (),
    strength: float | Mapping[str, float] | None = None,
    fit: Fit = "fill",
) -> Compose:
    """What lays a person over ``background``.

    Args:
        background: None: over nothing (RGBA comes out), or over what an effect makes of the room;
            ``blur``: the effect of that name; a colour; or a picture (h×w×3 uint8 RGB).
        effects, strength: as for :func:`livematte.effects.open_chain`.
        fit: how a picture is brought to the frame's size.

    Raises:
        UsageError: effects that cannot be, or not without a background.
    """
    if isinstance(background, str):
        effects, background = (background, *effects), None
    chain = open_chain(effects, strength=strength, background=background is not None)

    def compose(frame: Frame, matte: Floats, opacity: Floats | None) -> Frame:
        behind = background
        if isinstance(behind, np.ndarray):
            behind = fit_picture(behind, matte.shape[0], matte.shape[1], fit)
        return chain(frame, matte, behind, opacity=opacity, cut=True)

    return compose


def read_background(source: Path, *, max_pixels: int = MAX_PIXELS) -> Frame:
    """A picture to lay people over, h×w×3 uint8 RGB; what is transparent becomes white.

    Raises:
        InputError: as :func:`livematte.images.read_picture`.
    """
    picture = read_picture(source, max_pixels=max_pixels)
    if picture.alpha is None:
        return picture.rgb
    _log.warning("%s: has transparent parts; they are laid over white", source)
    share = picture.alpha[..., None]
    over_white = 255 + share * (picture.rgb - np.float32(255))
    return np.asarray(np.rint(over_white), dtype=np.uint8)


def make_still(
    source: Source,
    segmenter: Segmenter,
    compose: Compose,
    file_format: str,
    *,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Still:
    """Take one picture all the way.

    Args:
        source: a picture file, its content, or a stream of it.
        compose: :func:`composer`'s or :func:`matte_only`.
        file_format: ``PNG``, ``WEBP`` or ``JPEG``.
        name: what to call the picture in messages; by default the file's path.
        max_pixels: refuse larger pictures, told by their header.

    Raises:
        InputError: the picture cannot be read, or is too large for the memory.
        UsageError, OutputError: the format cannot hold the result.
        ModelError, DeviceError: the model fails on it.
    """
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    picture = read_picture(source, name=name, max_pixels=max_pixels)
    try:
        return _make(picture, segmenter, compose, file_format)
    except (UsageError, ModelError, DeviceError, OutputError) as error:
        error.args = (f"{name}: {error}",)
        raise
    except (MemoryError, cv2.error) as error:
        height, width = picture.rgb.shape[:2]
        raise InputError(
            f"{name}: {width}×{height} pixels cannot be processed ({one_line(error)}); "
            "make it smaller"
        ) from error


def _make(picture: Picture, segmenter: Segmenter, compose: Compose, file_format: str) -> Still:
    matte = segmenter.segment(picture.rgb)
    height, width = matte.shape
    return Still(
        content=encode_picture(compose(picture.rgb, matte, picture.alpha), file_format),
        width=width,
        height=height,
        person_fraction=person_fraction(matte),
        person_found=person_found(matte),
    )
