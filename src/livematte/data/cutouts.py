"""Cut people out of their pictures, cleanly enough to be put elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.placement import Box, Placement, person_box
from livematte.data.sample import FloatMatte, Sample
from livematte.refinement import estimate_foreground

__all__ = ["Cutout", "choke", "cut_out", "is_matte", "warp_cutout"]

_LEAST_AREA = 0.02
_PHOTO_EDGE = 0.7
_FAINT = 0.01
_GREY_PER_EDGE = 3.0


@dataclass(frozen=True)
class Cutout:
    """A person without background.

    Attributes:
        colour: H×W×3 float32 RGB in [0, 1], the person's own colours also where alpha is soft;
            meaningless where it is 0.
        alpha: H×W float32 in [0, 1].
        box: where the person is, and which sides cut it.
    """

    colour: NDArray[np.float32]
    alpha: FloatMatte
    box: Box


def cut_out(sample: Sample) -> Cutout | None:
    """Cut the people out of a sample; None when there is too little of them or it is unclear.

    A mask without real softness is drawn in a little and softened: its outermost pixels still show
    the old background.
    """
    if sample.ignore is not None and sample.ignore.mean() > 0.2 * sample.alpha.mean():
        return None
    alpha = shares = sample.alpha
    if not is_matte(alpha):
        # The photograph's own edge is a pixel wide and lies where the mask says.
        shares = np.asarray(cv2.GaussianBlur(alpha, (0, 0), _PHOTO_EDGE), np.float32)
        alpha = choke(alpha)
    box = person_box(alpha)
    if box is None or alpha.mean() < _LEAST_AREA:
        return None
    colour = estimate_foreground(sample.image, np.clip(shares, 0, 1))
    return Cutout(colour.astype(np.float32) / np.float32(255), alpha, box)


def is_matte(alpha: FloatMatte) -> bool:
    """Whether the grey zone is wider than the smoothing of an edge would make it."""
    solid = (alpha > 0.5).astype(np.uint8)
    edge = int((cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0).sum())
    grey = int(((alpha > 0.05) & (alpha < 0.95)).sum())
    return grey > _GREY_PER_EDGE * max(edge, 1)


def choke(alpha: FloatMatte) -> FloatMatte:
    """Move a hard mask's edge inwards by about two thirds of a blur's sigma, and soften it."""
    sigma = max(1.2, 0.003 * max(alpha.shape))
    blurred = cv2.GaussianBlur(alpha, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(2 * blurred - 1, 0, 1), np.float32)


def warp_cutout(
    cutout: Cutout, placement: Placement, canvas: tuple[int, int]
) -> tuple[NDArray[np.float32], FloatMatte]:
    """Resample a cut-out onto a canvas of height × width: colours, and the alpha there."""
    # Colours are carried weighted by alpha, or what lies outside would bleed into the edge.
    layers = np.dstack([cutout.colour * cutout.alpha[..., None], cutout.alpha])
    if placement.mirror:
        layers = np.ascontiguousarray(layers[:, ::-1])
    height, width = cutout.alpha.shape
    zoom = (placement.scale, placement.scale)
    if placement.scale < 1:  # warpAffine does not antialias
        size = (max(1, round(width * zoom[0])), max(1, round(height * zoom[1])))
        layers = np.asarray(cv2.resize(layers, size, interpolation=cv2.INTER_AREA), np.float32)
        zoom = (zoom[0] * width / size[0], zoom[1] * height / size[1])
    # Pixel centres lie at half coordinates: u = zoom·(x + ½) + offset − ½.
    matrix = np.array(
        [
            [zoom[0], 0, placement.left + zoom[0] / 2 - 0.5],
            [0, zoom[1], placement.top + zoom[1] / 2 - 0.5],
        ]
    )
    flags = cv2.INTER_CUBIC if placement.scale > 1 else cv2.INTER_LINEAR
    moved = np.asarray(cv2.warpAffine(layers, matrix, canvas[::-1], flags=flags), np.float32)
    alpha = np.clip(moved[..., 3], 0, 1)
    colour = moved[..., :3] / np.maximum(moved[..., 3:], _FAINT)
    return np.clip(colour, 0, 1), alpha
