"""Measure ways of shrinking a frame to a model's input: where edges end up, and what aliases.

    python benchmarks/resizing.py

Edges at 41 positions within a pixel, and a grating of two pixels' period, finer than the target
can hold; frames 2.5 to 15.6 times as wide as the target. Time is for 12 megapixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.transforms import resize, shrink

TARGET = 256
WIDTHS = (640, 1000, 1920, 3000, 4000)

Frame = NDArray[np.uint8]
Method = Callable[[Frame, int, int], Frame]


def _cv2(flag: int) -> Method:
    return lambda frame, height, width: np.asarray(
        cv2.resize(frame, (width, height), interpolation=flag), np.uint8
    )


def _blurred(frame: Frame, height: int, width: int) -> Frame:
    sigma = 0.5 * frame.shape[1] / width
    return _cv2(cv2.INTER_LINEAR)(np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma)), height, width)


METHODS: dict[str, Method] = {
    "livematte's triangle": resize,
    "INTER_AREA": _cv2(cv2.INTER_AREA),
    "INTER_LINEAR": _cv2(cv2.INTER_LINEAR),
    "Gaussian, INTER_LINEAR": _blurred,
    "halved, then Gaussian": shrink,
}


def grey(row: NDArray[np.float64], height: int = 8) -> Frame:
    """A row of values in [0, 1] as a frame."""
    values = np.round(row * 255).astype(np.uint8)
    return np.repeat(np.repeat(values[None, :, None], 3, axis=2), height, axis=0)


def edge_error(method: Method) -> float:
    """The largest displacement of an edge, in pixels of the target."""
    worst = 0.0
    for width in WIDTHS:
        for part in np.linspace(0, 1, 41):
            place = width * 0.5 + part * width / TARGET
            shrunk = method(grey(np.clip(place - np.arange(width), 0, 1)), 8, TARGET)
            found = shrunk[4, :, 0].sum() / 255
            worst = max(worst, abs(found - place * TARGET / width))
    return worst


def contrast_left(method: Method) -> float:
    """The largest range of values that is left of a grating of period 2, which was 255."""
    left = 0
    for width in WIDTHS:
        row = method(grey((np.arange(width) % 2).astype(np.float64)), 8, TARGET)[4, 4:-4, 0]
        left = max(left, int(row.max()) - int(row.min()))
    return left


def milliseconds(method: Method) -> float:
    """Best of five at 4000×3000."""
    frame = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        method(frame, TARGET, TARGET)
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def main() -> None:
    print("| shrinking | edge off by, pixels | grating left | ms |")
    print("|---|---:|---:|---:|")
    for name, method in METHODS.items():
        numbers = (edge_error(method), contrast_left(method), milliseconds(method))
        print("| {} | {:.3f} | {:.0f} | {:.0f} |".format(name, *numbers))


if __name__ == "__main__":
    main()
