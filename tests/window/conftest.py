"""A film that stands still for long, and is small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture(scope="session")
def make_film() -> Callable[..., Path]:
    """Write pictures in turn, five times a second, lossless: ``make_film(path, pictures, 60)``."""

    def make(path: Path, pictures: Sequence[np.ndarray], seconds: int) -> Path:
        height, width = pictures[0].shape[:2]
        with av.open(path, "w") as out:
            stream = out.add_stream("libx264", rate=5, options={"preset": "ultrafast", "crf": "5"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
            for number in range(5 * seconds):
                image = pictures[number % len(pictures)]
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 5)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        return path

    return make
