"""The live pipeline beside the loop that one writes first (plain_loop.py), in turns; a table.

    python benchmarks/live.py --plain .venv-mediapipe/bin/python
        [--people CUTOUTS --rooms BACKGROUNDS] [--clips 6] [--frames 90] [--rounds 3]

The film is 720p, of people whose mattes are known. The pipeline takes it as a camera of 60 frames
per second would send it, and drops what it cannot do; the plain loop reads it as fast as it can,
which is better than it would fare with a camera. Both decode, segment, lay over green, and encode
H.264 with the settings of a live stream. The mattes are compared on every frame, in a second pass
that is not timed.

Without --people the only person is the example portrait, with our own model's matte for a truth:
good for trying this out, no judge of mattes; then they are not compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from make_clip import frames as example
from numpy.typing import NDArray

import livematte
from livematte.data.clips import ClipConfig, can_move, moving_person
from livematte.data.cutouts import cut_out
from livematte.data.datasets import Backgrounds, open_dataset
from livematte.data.sample import Sample
from livematte.evaluation.metrics import boundary_f, confusion, mad, mean_iou
from livematte.evaluation.temporal import dtssd
from livematte.machine import prepare_for_film, threads_beside_others
from livematte.video.composing import compose_over
from livematte.video.container import ContainerSource
from livematte.video.encoder import EncoderSink
from livematte.video.encodings import STREAM
from livematte.video.inputs import Opening
from livematte.video.pacing import PacedSource
from livematte.video.pipeline import Pipeline
from livematte.video.report import Report
from livematte.weights import DEFAULT_VIDEO

RATE = 30
SPEED = 2  # the camera's, by the film's: frames come at twice their rate
PLAIN = Path(__file__).with_name("plain_loop.py")
GREEN = (0, 177, 64)
# As network cameras send.
CAMERA = {"preset": "medium", "b": "6M", "maxrate": "6M", "bufsize": "6M"}
# Into a file: there is no server to wait for.
ENCODING = replace(STREAM, container="matroska", container_options={})
MEASURES = "mIoU % | boundary F % | MAD ×1000 | dtSSD ×100"


@dataclass(frozen=True)
class Film:
    path: Path
    truth: NDArray[np.uint8]  # N×(H/2)×(W/2): every second pixel of the mattes


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = make_film(folder / "film.mkv", options)
        ours: list[Report] = []
        plain: list[float] = []
        for _ in range(options.rounds):
            ours.append(run_ours(film, folder / "ours.mkv", options))
            plain.append(run_plain(film, folder / "plain.mkv", options))
        ratio = statistics.median(o.fps / p for o, p in zip(ours, plain, strict=True))
        shown = {
            f"livematte, {options.model}": statistics.median(o.fps for o in ours),
            "plain loop, MediaPipe selfie": statistics.median(plain),
        }
        scores: list[str] = ["| not compared | | | "] * 2
        if options.people is not None:
            mattes = (our_mattes(film, options), plain_mattes(film, folder, options))
            scores = [row(film.truth, np.stack(list(m)), options.frames) for m in mattes]
    print(f"| {options.size}, live | frames per second | {MEASURES} |")
    print("|---|--:|--:|--:|--:|--:|")
    for (name, fps), score in zip(shown.items(), scores, strict=True):
        print(f"| {name} | {fps:.1f} {score}|")
    age = statistics.median(o.age.p50 for o in ours)
    print(
        f"\n{len(film.truth)} frames, {options.rounds} rounds in turns: **{ratio:.2f}** times the "
        f"plain loop's rate; our mattes are {age:.0f} ms old."
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plain", required=True, help="the Python that has MediaPipe")
    parser.add_argument("--people", type=Path)
    parser.add_argument("--rooms", type=Path)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--frames", type=int, default=90, help="of a clip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--model", default=DEFAULT_VIDEO)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if (options.people is None) != (options.rooms is None):
        parser.error("--people and --rooms belong together")
    return options


# The film


def make_film(path: Path, options: argparse.Namespace) -> Film:
    width, height = map(int, options.size.split("x"))
    config = ClipConfig(frames=options.frames, size=(height, width), rate=RATE)
    truth = []
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options=CAMERA)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, sample in enumerate(samples(config, options)):
            picture = av.VideoFrame.from_ndarray(sample.image, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(picture))
            truth.append(np.rint(sample.alpha[::2, ::2] * 255).astype(np.uint8))
        out.mux(stream.encode(None))
    return Film(path, np.stack(truth))


def samples(config: ClipConfig, options: argparse.Namespace) -> Iterator[Sample]:
    rng = np.random.default_rng(options.seed)
    if options.people is None:
        pictures = example(options.clips * options.frames, config.size)
        yield from (Sample(image, share, None, "example", soft=True) for image, share in pictures)
        return
    people = open_dataset(options.people, split="validation")
    rooms = Backgrounds.open(options.rooms, split="validation")
    for _ in range(options.clips):
        cutout = None
        while cutout is None or not can_move(cutout):
            cutout = cut_out(people.load(int(rng.integers(len(people)))))
        room = rooms.load(int(rng.integers(len(rooms)))).image
        yield from moving_person(cutout, room, rng, config)


# The two sides


def run_ours(film: Film, target: Path, options: argparse.Namespace) -> Report:
    source = PacedSource(
        ContainerSource(Opening(film.path, "film")),
        sleep=lambda seconds: time.sleep(seconds / SPEED),
        clock=lambda: SPEED * time.perf_counter(),
    )
    sink = EncoderSink(target, ENCODING, source)
    prepare_for_film()
    stream = livematte.load(options.model, threads=threads_beside_others()).stream(live=True)
    return Pipeline(source, stream, compose_over(GREEN), sink, policy="newest").run()


def run_plain(film: Film, target: Path, options: argparse.Namespace) -> float:
    settings = json.dumps(dict(ENCODING.options))
    answer = plain(options, film, "--output", str(target), "--options", settings)
    return float(json.loads(answer.splitlines()[-1])["fps"])


def our_mattes(film: Film, options: argparse.Namespace) -> Iterator[NDArray[np.uint8]]:
    stream = livematte.load(options.model).stream(live=True)
    for frame in ContainerSource(Opening(film.path, "film")):
        yield np.rint(stream.segment(frame.image)[::2, ::2] * 255).astype(np.uint8)


def plain_mattes(
    film: Film, folder: Path, options: argparse.Namespace
) -> Iterator[NDArray[np.uint8]]:
    plain(options, film, "--mattes", str(folder / "plain.npz"))
    with np.load(folder / "plain.npz") as kept:
        yield from kept["mattes"]


def plain(options: argparse.Namespace, film: Film, *words: str) -> str:
    command = [options.plain, str(PLAIN), str(film.path), *words]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def row(truth: NDArray[np.uint8], mattes: NDArray[np.uint8], clip: int) -> str:
    """Means over the frames, of clips of so many."""
    scores, unsteady = [], []
    for first in range(0, len(truth), clip):
        t, m = (x[first : first + clip] / np.float32(255) for x in (truth, mattes))
        pairs = zip(m[1:], t[1:], m, t, strict=False)
        unsteady += [100 * dtssd(*pair) for pair in pairs]
        for right, matte in zip(t, m, strict=True):
            iou, edge = mean_iou(confusion(matte, right)), boundary_f(matte, right)
            scores.append((100 * iou, 100 * edge, 1000 * mad(matte, right)))
    iou, edge, error = np.nanmean(scores, axis=0)
    return f"| {iou:.2f} | {edge:.1f} | {error:.1f} | {np.mean(unsteady):.2f} "


if __name__ == "__main__":
    main()
