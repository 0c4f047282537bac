"""Scores of a matte against the truth, as plain functions over numpy arrays.

Everywhere: ``prediction`` and ``truth`` are H×W float mattes in [0, 1] (1 = person), ``ignore`` is
an H×W bool mask of pixels that nobody may judge, or None. Whatever a prediction holds under
``ignore`` changes no score. A score that cannot be defined for an image is NaN; averages leave it
out. :mod:`livematte.evaluation.temporal` holds the scores of ordered frames.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.errors import UsageError

__all__ = [
    "Alpha",
    "Confusion",
    "Mask",
    "background_iou",
    "boundary_f",
    "boundary_tolerance",
    "calibration_bins",
    "confusion",
    "connectivity_error",
    "expected_calibration_error",
    "foreground_iou",
    "gradient_error",
    "mad",
    "mean_iou",
    "mse",
    "pixel_accuracy",
]

Alpha = NDArray[np.floating]
Mask = NDArray[np.bool_]


class Confusion(NamedTuple):
    """Pixel counts of the foreground decision; add the fields up to pool images."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


def _check_shapes(prediction: Alpha, truth: Alpha, ignore: Mask | None) -> None:
    shapes = {a.shape for a in (prediction, truth, ignore) if a is not None}
    if len(shapes) != 1 or prediction.ndim != 2:
        raise UsageError(f"prediction, truth and ignore must be one H×W shape, got {shapes}")


def _ratio(numerator: float, denominator: float, *, empty: float) -> float:
    return numerator / denominator if denominator else empty


def confusion(
    prediction: Alpha, truth: Alpha, ignore: Mask | None = None, *, threshold: float = 0.5
) -> Confusion:
    """Count the pixels of each outcome; foreground is ``alpha >= threshold``."""
    _check_shapes(prediction, truth, ignore)
    person, actual = prediction >= threshold, truth >= threshold
    total = actual.size
    if ignore is not None:
        person, actual = person & ~ignore, actual & ~ignore
        total -= int(np.count_nonzero(ignore))
    both = int(np.count_nonzero(person & actual))
    claimed, present = int(np.count_nonzero(person)), int(np.count_nonzero(actual))
    return Confusion(both, claimed - both, present - both, total - claimed - present + both)


def foreground_iou(counts: Confusion) -> float:
    """TP / (TP + FP + FN), in [0, 1]; 1 when there is no person and none was claimed."""
    tp, fp, fn, _ = counts
    return _ratio(tp, tp + fp + fn, empty=1.0)


def background_iou(counts: Confusion) -> float:
    """TN / (TN + FP + FN), in [0, 1]; 1 when there is no background and none was claimed."""
    _, fp, fn, tn = counts
    return _ratio(tn, tn + fp + fn, empty=1.0)


def mean_iou(counts: Confusion) -> float:
    """Mean of foreground and background IoU, in [0, 1].

    Averaged over the images of EG1800 this is the "mean IoU" of the portrait literature
    (Shen et al., "Automatic Portrait Segmentation for Image Stylization", 2016; PortraitNet).
    NaN when every pixel is ignored.
    """
    if not any(counts):
        return math.nan
    return (foreground_iou(counts) + background_iou(counts)) / 2


def pixel_accuracy(counts: Confusion) -> float:
    """(TP + TN) / all judged pixels, in [0, 1]; NaN when every pixel is ignored."""
    return _ratio(counts[0] + counts[3], sum(counts), empty=math.nan)


def mad(prediction: Alpha, truth: Alpha, ignore: Mask | None = None) -> float:
    """Mean absolute difference of the mattes, in [0, 1] (tables often print it times 1000)."""
    _check_shapes(prediction, truth, ignore)
    difference = np.abs(prediction - truth)
    return _mean(difference, ignore)


def mse(prediction: Alpha, truth: Alpha, ignore: Mask | None = None) -> float:
    """Mean squared difference of the mattes, in [0, 1] (tables often print it times 1000)."""
    _check_shapes(prediction, truth, ignore)
    return _mean(np.square(prediction - truth), ignore)


def _mean(values: Alpha, ignore: Mask | None) -> float:
    if ignore is not None:
        values = values[~ignore]
    return float(values.mean(dtype=np.float64)) if values.size else math.nan


def boundary_tolerance(shape: tuple[int, ...], fraction: float = 0.004) -> float:
    """Distance in pixels within which outlines match: ``fraction`` of the diagonal of H×W.

    Never less than 1, so that a shift by one pixel is free in any picture.
    """
    return max(1.0, fraction * math.hypot(*shape))


def boundary_f(
    prediction: Alpha,
    truth: Alpha,
    ignore: Mask | None = None,
    *,
    threshold: float = 0.5,
    tolerance: float | None = None,
) -> float:
    """F-measure of the outline, 2PR / (P + R), in [0, 1].

    P is the share of the predicted outline that lies within ``tolerance`` pixels (Euclidean) of
    the true one, R the share of the true outline within ``tolerance`` of the predicted one.
    Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
    Segmentation", CVPR 2016 (DAVIS), whose outline it shares: pixels that differ from their
    right, lower or lower-right neighbour; the picture's border is none. DAVIS allows 0.8 % of the
    diagonal, rounded up; here the default is :func:`boundary_tolerance`.

    1 when neither side has an outline, 0 when only one has. Outline pixels within ``tolerance``
    of an ignored pixel are not counted, for their counterpart may be hidden; NaN when that hides
    most of the true outline (sets that draw a void band around every object).
    """
    _check_shapes(prediction, truth, ignore)
    reach = boundary_tolerance(truth.shape) if tolerance is None else tolerance
    claimed = _outline(prediction >= threshold, ignore)
    actual = _outline(truth >= threshold, ignore)
    claimed_counted, actual_counted = claimed, actual
    if ignore is not None and ignore.any():
        judged = _distance_to(ignore) > reach
        claimed_counted, actual_counted = claimed & judged, actual & judged
        whole = _outline(truth >= threshold, None)
        if 2 * np.count_nonzero(actual_counted) < np.count_nonzero(whole):
            return math.nan
    if not claimed_counted.any() and not actual_counted.any():
        return 1.0
    if not claimed.any() or not actual.any():
        return 0.0
    precision = _share_near(claimed_counted, actual, reach)
    recall = _share_near(actual_counted, claimed, reach)
    return _ratio(2 * precision * recall, precision + recall, empty=0.0)


def _outline(mask: Mask, ignore: Mask | None) -> Mask:
    """Pixels that differ from their right, lower or lower-right neighbour, both being judged."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    neighbours = (np.s_[:-1, 1:], np.s_[1:, :-1], np.s_[1:, 1:])
    if ignore is None:
        differs = [mask != padded[n] for n in neighbours]
    else:
        hidden = np.pad(ignore, ((0, 1), (0, 1)), mode="edge")
        differs = [(mask != padded[n]) & ~(ignore | hidden[n]) for n in neighbours]
    outline: Mask = differs[0] | differs[1] | differs[2]
    return outline


def _distance_to(mask: Mask) -> NDArray[np.float32]:
    """Exact Euclidean distance in pixels to the nearest True pixel (there is one)."""
    away = np.where(mask, np.uint8(0), np.uint8(1))
    return np.asarray(
        cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), dtype=np.float32
    )


def _share_near(points: Mask, targets: Mask, reach: float) -> float:
    """Share of ``points`` within ``reach`` of ``targets``; 0 where one of them has no pixel."""
    if not points.any():
        return 0.0
    near = _distance_to(targets)[points] <= reach + 1e-4
    return float(near.mean())


@lru_cache(maxsize=4)
def _derivative_kernels(sigma: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The Gaussian and its first derivative, each of unit L2 norm.

    The support ends where the Gaussian falls below 1 %, as in the benchmark's own code.
    """
    cut = sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * 0.01))
    x = np.arange(-math.ceil(cut), math.ceil(cut) + 1, dtype=np.float64)
    gaussian = np.exp(-np.square(x) / (2 * sigma**2))
    derivative = x * gaussian
    return gaussian / np.linalg.norm(gaussian), derivative / np.linalg.norm(derivative)


def gradient_error(
    prediction: Alpha, truth: Alpha, ignore: Mask | None = None, *, sigma: float = 1.4
) -> float:
    """Σ (‖∇α‖ − ‖∇α*‖)² / 1000, the gradient error of Rhemann et al., CVPR 2009.

    ∇ convolves with the first derivatives of a Gaussian of ``sigma`` pixels, the two-dimensional
    kernels having unit L2 norm; edges are replicated. A sum, so it grows with the picture. Pixels
    whose filter window touches an ignored one are left out.
    """
    _check_shapes(prediction, truth, ignore)
    smooth, derive = _derivative_kernels(sigma)
    error = np.square(_slope(prediction, smooth, derive) - _slope(truth, smooth, derive))
    if ignore is not None:
        window = np.ones((smooth.size, smooth.size), np.uint8)
        error = error[cv2.dilate(ignore.astype(np.uint8), window) == 0]
    return float(error.sum(dtype=np.float64)) / 1000


def _slope(
    matte: Alpha, smooth: NDArray[np.float64], derive: NDArray[np.float64]
) -> NDArray[np.float32]:
    source = np.ascontiguousarray(matte, dtype=np.float32)
    across = cv2.sepFilter2D(source, cv2.CV_32F, derive, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(source, cv2.CV_32F, smooth, derive, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.magnitude(across, down), dtype=np.float32)


def connectivity_error(
    prediction: Alpha, truth: Alpha, ignore: Mask | None = None, *, step: float = 0.1
) -> float:
    """Σ |φ(α) − φ(α*)| / 1000, the connectivity error of Rhemann et al., CVPR 2009.

    φ(α) = 1 − d·[d ≥ 0.15] with d = α − l, where l is the highest of the levels 0, step, …, 1 up
    to which the pixel stays in the largest 4-connected region where both mattes reach the level
    (the reading of Xu et al., "Deep Image Matting", CVPR 2017). A sum, so it grows with the
    picture. Ignored pixels count as empty in both mattes and add nothing.
    """
    _check_shapes(prediction, truth, ignore)
    a = prediction.astype(np.float32)
    b = truth.astype(np.float32)
    if ignore is not None:
        a[ignore], b[ignore] = 0.0, 0.0
    levels = round(1 / step)
    # The tolerance keeps an alpha of 0.3 at the level 0.3 in float32.
    reached = (np.minimum(a, b) * levels + 1e-5).astype(np.uint8)
    passed = np.zeros(reached.shape, np.uint8)
    attached = np.ones(reached.shape, dtype=bool)
    for index in range(1, levels + 1):
        attached &= _largest_region(reached >= index)
        passed += attached
    level = passed.astype(np.float32) / np.float32(levels)
    error = np.abs(_connected_part(a, level) - _connected_part(b, level))
    if ignore is not None:
        error = error[~ignore]
    return float(error.sum(dtype=np.float64)) / 1000


def _largest_region(mask: Mask) -> Mask:
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    if count <= 2:
        return mask
    sizes = np.bincount(labels.ravel(), minlength=count)
    return np.asarray(labels == 1 + int(np.argmax(sizes[1:])))


def _connected_part(matte: Alpha, level: Alpha) -> Alpha:
    gap = matte - level
    return 1 - gap * (gap >= 0.15 - 1e-6)


def calibration_bins(
    prediction: Alpha, truth: Alpha, ignore: Mask | None = None, *, bins: int = 15
) -> NDArray[np.float64]:
    """3×``bins`` sums over the pixels of each bin of alpha: count, Σα, Σα*.

    Bins are equal parts of [0, 1], 1 belonging to the last. Add the arrays up to pool images.
    """
    _check_shapes(prediction, truth, ignore)
    if ignore is None:
        claimed, actual = prediction.ravel(), truth.ravel()
    else:
        claimed, actual = prediction[~ignore], truth[~ignore]
    index = np.minimum((claimed * bins).astype(np.intp), bins - 1)
    weights = (None, claimed, actual)
    return np.stack([np.bincount(index, w, minlength=bins).astype(np.float64) for w in weights])


def expected_calibration_error(sums: NDArray[np.float64]) -> float:
    """Σ_b n_b/N · |mean α − mean α*| over the bins of :func:`calibration_bins`, in [0, 1].

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, on the probability of the
    foreground at every pixel: of the pixels called 0.7, seven in ten should be person.
    """
    count, claimed, actual = sums
    total = count.sum()
    return float(np.abs(claimed - actual).sum() / total) if total else math.nan
