"""Many frames through the whole pipeline: its memory must stay flat.

    python benchmarks/soak.py --frames 20000 [--what generated|film|live]

generated: frames out of memory, over the blurred room, into an MP4. film: a decoded MP4 with sound,
over a looping film, with harmonised colours and the sound copied. live: the same film at four times
its rate, as a camera would send it, under the newest-frame policy, so that frames are dropped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

import livematte
from livematte.machine import prepare_for_film
from livematte.video.backdrop import Backdrop
from livematte.video.composing import compose_over
from livematte.video.container import ContainerSource
from livematte.video.encoder import EncoderSink
from livematte.video.encodings import choose_encoding
from livematte.video.frames import Frame, Source, SourceInfo
from livematte.video.inputs import Opening
from livematte.video.pacing import PacedSource
from livematte.video.pipeline import Pipeline
from livematte.weights import DEFAULT_VIDEO

WIDTH, HEIGHT = 160, 120
RATE = 30
BASE = Fraction(1, RATE)
ROUND = 300  # frames of the film behind
SPEED = 4  # of a live film, by its own rate
ALLOWED = 24 * 1024 * 1024  # bytes of growth after the first tenth


class Generated:
    """A person-sized blob that wanders; the scene changes now and then."""

    sound = None

    def __init__(self, count: int) -> None:
        self.info = SourceInfo("generated", WIDTH, HEIGHT, Fraction(RATE), BASE, frames=count)
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


def make_film(path: Path, count: int) -> Path:
    """An MP4 of so many frames, with a tone."""
    with av.open(path, "w") as out:
        video = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        voice = out.add_stream("aac", rate=48000)
        for shown in Generated(count):
            picture = av.VideoFrame.from_ndarray(shown.image, format="rgb24")
            picture.pts, picture.time_base = shown.pts, shown.time_base
            out.mux(video.encode(picture))
            wave = 0.1 * np.sin(np.arange(48000 // RATE) * 0.06).astype(np.float32)
            tone = av.AudioFrame.from_ndarray(np.tile(wave, (2, 1)), "fltp", "stereo")
            tone.sample_rate, tone.pts = 48000, shown.number * (48000 // RATE)
            out.mux(voice.encode(tone))
        out.mux([*video.encode(None), *voice.encode(None)])
    return path


def memory() -> int:
    """What the process holds now, in bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def open_source(what: str, folder: Path, frames: int) -> Source:
    if what == "generated":
        return Generated(frames)
    film = ContainerSource(Opening(make_film(folder / "film.mp4", frames), "film"))
    if what == "film":
        return film
    return PacedSource(
        film,
        sleep=lambda seconds: time.sleep(seconds / SPEED),
        clock=lambda: time.perf_counter() * SPEED,
    )


def open_backdrop(folder: Path) -> Backdrop:
    short = make_film(folder / "behind.mp4", ROUND)
    return Backdrop(lambda again: ContainerSource(Opening(short, "behind"), quiet=again))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--what", choices=("generated", "film", "live"), default="generated")
    arguments = parser.parse_args()
    frames, what = arguments.frames, arguments.what
    taken: dict[int, int] = {}

    def watch(written: int) -> None:
        taken[written] = memory()

    prepare_for_film()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source = open_source(what, folder, frames)
        target = folder / "out.mp4"
        sink = EncoderSink(target, choose_encoding(target, transparent=False), source)
        stream = livematte.load(DEFAULT_VIDEO, threads=1).stream()
        composer = (
            compose_over("blur")
            if what == "generated"
            else compose_over(open_backdrop(folder), effects=["harmonise"])
        )
        policy = "newest" if what == "live" else "every"
        report = Pipeline(source, stream, composer, sink, policy=policy).run(watch)
    written = report.frames
    warm = max(value for done, value in taken.items() if done <= max(written // 10, min(taken)))
    last = max(value for done, value in taken.items() if done >= written * 0.8)
    growth = last - warm
    print(
        f"{what}: {written} frames, {report.dropped} dropped, {report.fps:.0f} fps, {report.cuts} "
        f"cuts; {warm / 1e6:.0f} MB after a tenth, {last / 1e6:.0f} MB at the end"
    )
    if written + report.dropped != frames or growth > ALLOWED:
        print(f"memory grew by {growth / 1e6:.0f} MB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
