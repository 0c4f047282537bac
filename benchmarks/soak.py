"""Many generated frames through the whole pipeline: its memory must stay flat.

python benchmarks/soak.py --frames 20000
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

import livematte
from livematte.video.composing import compose_over
from livematte.video.encoder import EncoderSink
from livematte.video.encodings import choose_encoding
from livematte.video.frames import Frame, SourceInfo
from livematte.video.pipeline import Pipeline
from livematte.weights import DEFAULT_VIDEO

WIDTH, HEIGHT = 160, 120
BASE = Fraction(1, 30)
ALLOWED = 24 * 1024 * 1024  # bytes of growth after the first tenth


class Generated:
    """A person-sized blob that wanders; the scene changes now and then."""

    sound = None

    def __init__(self, count: int) -> None:
        self.info = SourceInfo("generated", WIDTH, HEIGHT, 1 / BASE, BASE, frames=count)
        self._count = count

    def __iter__(self) -> Iterator[Frame]:
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        for number in range(self._count):
            middle = WIDTH / 2 + 30 * np.sin(number / 20)
            inside = ((columns - middle) / 30) ** 2 + ((rows - 80) / 50) ** 2 < 1
            image = np.full((HEIGHT, WIDTH, 3), 60 + number // 500 * 37 % 150, np.uint8)
            image[inside] = (200, 150, 120)
            yield Frame(image, number, BASE, number, time.perf_counter())

    def close(self) -> None:
        """Nothing is held."""


def memory() -> int:
    """What the process holds now, in bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=20_000)
    frames = parser.parse_args().frames
    source = Generated(frames)
    taken: dict[int, int] = {}

    def watch(written: int) -> None:
        taken[written] = memory()

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mp4"
        sink = EncoderSink(target, choose_encoding(target, transparent=False), source)
        stream = livematte.load(DEFAULT_VIDEO, threads=1).stream()
        report = Pipeline(source, stream, compose_over("blur"), sink).run(watch)
    warm = max(value for written, value in taken.items() if written <= max(frames // 10, 1))
    last = max(value for written, value in taken.items() if written >= frames * 0.8)
    growth = last - warm
    print(
        f"{report.frames} frames, {report.fps:.0f} fps, {report.cuts} cuts; "
        f"{warm / 1e6:.0f} MB after a tenth, {last / 1e6:.0f} MB at the end"
    )
    if report.frames != frames or growth > ALLOWED:
        print(f"memory grew by {growth / 1e6:.0f} MB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
