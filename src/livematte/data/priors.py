"""Prior masks for video training: a plausible previous matte, made from the present one.

A video network sees its last answer as a fourth channel. Training on stills imitates that answer by
distorting the true matte, as PortraitNet does (Zhang et al., Computers & Graphics 2019): motion
blur, and affine, perspective and thin-plate-spline warps whose control points move by up to 5 % of
the picture, each with probability one half. An empty prior stands for the first frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.sample import FloatMatte

__all__ = [
    "PriorConfig",
    "affine_warp",
    "distort_prior",
    "empty_prior",
    "jitter_points",
    "make_prior",
    "motion_blur",
    "perspective_warp",
    "thin_plate_warp",
]

_FIELD_STEP = 8
_CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float64)
_GRID = np.stack(np.meshgrid([0, 0.5, 1], [0, 0.5, 1]), axis=-1).reshape(-1, 2)


@dataclass(frozen=True)
class PriorConfig:
    """How strongly a prior is distorted.

    Attributes:
        empty: probability of an empty prior.
        each: probability of each distortion.
        jitter: largest move of a control point, as a share of the picture's sides.
        blur: shortest and longest motion blur in pixels of a picture 224 pixels wide.
    """

    empty: float = 0.5
    each: float = 0.5
    jitter: float = 0.05
    blur: tuple[float, float] = (5.0, 30.0)


_DEFAULT = PriorConfig()


def make_prior(
    alpha: FloatMatte, rng: np.random.Generator, config: PriorConfig = _DEFAULT
) -> FloatMatte:
    """An empty prior with probability ``config.empty``, else a distorted one (H×W in [0, 1])."""
    if rng.random() < config.empty:
        return empty_prior((alpha.shape[0], alpha.shape[1]))
    return distort_prior(alpha, rng, config)


def empty_prior(shape: tuple[int, int]) -> FloatMatte:
    """The prior of a first frame: H×W float32 zeros."""
    return np.zeros(shape, np.float32)


def distort_prior(
    alpha: FloatMatte, rng: np.random.Generator, config: PriorConfig = _DEFAULT
) -> FloatMatte:
    """Make a plausible previous matte from the present one.

    Args:
        alpha: H×W float32 in [0, 1].
        rng: the source of chance; equal states give equal priors.
        config: probabilities and strengths.

    Returns:
        H×W float32 in [0, 1].
    """
    on = rng.random(4) < config.each
    prior = alpha
    if on[0]:
        prior = affine_warp(prior, jitter_points(_CORNERS[:3], rng, config.jitter))
    if on[1]:
        prior = perspective_warp(prior, jitter_points(_CORNERS, rng, config.jitter))
    if on[2]:
        prior = thin_plate_warp(prior, _GRID, jitter_points(_GRID, rng, config.jitter))
    if on[3]:
        scale = alpha.shape[1] / 224
        length = float(rng.uniform(*config.blur)) * scale
        prior = motion_blur(prior, length, float(rng.uniform(0, 180)))
    return np.clip(prior, 0, 1).astype(np.float32)


def jitter_points(
    points: NDArray[np.float64], rng: np.random.Generator, amount: float
) -> NDArray[np.float64]:
    """Move each of N×2 points by up to ``amount`` in x and in y."""
    return points + rng.uniform(-amount, amount, points.shape)


def affine_warp(alpha: FloatMatte, corners: NDArray[np.float64]) -> FloatMatte:
    """Move the top left, top right and bottom left corners (3×2, in shares of the sides)."""
    height, width = alpha.shape
    scale = np.array([width, height])
    matrix = cv2.getAffineTransform(
        (_CORNERS[:3] * scale).astype(np.float32), (corners * scale).astype(np.float32)
    )
    return _float(cv2.warpAffine(alpha, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def perspective_warp(alpha: FloatMatte, corners: NDArray[np.float64]) -> FloatMatte:
    """Move the four corners: top left, top right, bottom left, bottom right (4×2, in shares)."""
    height, width = alpha.shape
    scale = np.array([width, height])
    matrix = cv2.getPerspectiveTransform(
        (_CORNERS * scale).astype(np.float32), (corners * scale).astype(np.float32)
    )
    warped = cv2.warpPerspective(alpha, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return _float(warped)


def thin_plate_warp(
    alpha: FloatMatte, source: NDArray[np.float64], target: NDArray[np.float64]
) -> FloatMatte:
    """Bend a matte so that ``source`` points come to lie on ``target`` points.

    The bending is a thin-plate spline (Bookstein, PAMI 1989), solved from target to source, which
    gives the place to read from directly. It is smooth, so it is evaluated on every eighth pixel
    and interpolated in between.

    Args:
        alpha: H×W float32.
        source, target: N×2, x and y in shares of the sides; N ≥ 3, not on one line.
    """
    height, width = alpha.shape
    rows, columns = (-(-side // _FIELD_STEP) + 1 for side in (height, width))
    # Field nodes lie on pixel centres 0, step, 2·step, ...; the last one at or past the edge.
    x, y = np.meshgrid(np.arange(columns) * _FIELD_STEP, np.arange(rows) * _FIELD_STEP)
    nodes = np.stack([(x.ravel() + 0.5) / width, (y.ravel() + 0.5) / height], axis=1)
    moved = _thin_plate(target, source, nodes) * (width, height) - 0.5
    field = moved.reshape(rows, columns, 2).astype(np.float32)
    at_x, at_y = np.meshgrid(
        np.arange(width, dtype=np.float32) / _FIELD_STEP,
        np.arange(height, dtype=np.float32) / _FIELD_STEP,
    )
    places = cv2.remap(field, at_x, at_y, cv2.INTER_LINEAR)
    at_x, at_y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    warped = cv2.remap(alpha, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _float(warped)


def _thin_plate(
    source: NDArray[np.float64], target: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where the spline that carries ``source`` onto ``target`` carries M×2 ``points``."""
    count = len(source)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bending(source, source)
    system[:count, count:] = np.column_stack([np.ones(count), source])
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.solve(system, np.vstack([target, np.zeros((3, 2))]))
    affine = np.column_stack([np.ones(len(points)), points])
    return np.asarray(_bending(points, source) @ weights[:count] + affine @ weights[count:])


def _bending(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """U(r) = r² log r² between every two of M×2 and N×2 points; 0 at r = 0."""
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.asarray(squared * np.log(np.where(squared > 0, squared, 1)))


def motion_blur(alpha: FloatMatte, length: float, angle: float) -> FloatMatte:
    """Smear a matte along a line.

    Args:
        alpha: H×W float32.
        length: of the line, in pixels; up to 1 changes nothing.
        angle: of the line, in degrees from the x axis.
    """
    if length <= 1:
        return alpha
    radius = int(np.ceil(length / 2))
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    # Lay the line's points down bilinearly: smooth at every angle, as cv2.line is not.
    along = np.linspace(-(length - 1) / 2, (length - 1) / 2, 4 * radius + 1)
    x = radius + along * np.cos(np.deg2rad(angle))
    y = radius + along * np.sin(np.deg2rad(angle))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = (1 - np.abs(x - left - dx)) * (1 - np.abs(y - top - dy))
        inside = share > 0
        np.add.at(kernel, ((top + dy)[inside], (left + dx)[inside]), share[inside])
    kernel /= kernel.sum()
    return _float(cv2.filter2D(alpha, -1, kernel, borderType=cv2.BORDER_REPLICATE))


def _float(array: NDArray[np.generic]) -> FloatMatte:
    return np.asarray(array, np.float32)
