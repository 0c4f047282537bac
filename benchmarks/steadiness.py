"""How steady the mattes of models are on clips whose true mattes are known; prints a table.

    python benchmarks/steadiness.py MODEL [MODEL ...] --people CUTOUTS --rooms BACKGROUNDS
        [--clips 12] [--frames 60] [--steady off motion flow] [--sheet SHEET.png]

Every model sees the same clips, made from validation pictures alone: people swaying in front of a
panning room, with fresh noise in every frame. A third of the clips ends with the person walking
out, a third with a cut to another room. A model with a prior sees its last matte, and nobody tells
it of the cut. "Ghost" is the mean matte over the frames after a cut or an exit that show nobody.

With `--steady` each model runs as `livematte video` runs it, once with each filter: cuts are
noticed there. Region and refinement are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.clips import ClipConfig, Ending, can_move, moving_person
from livematte.data.cutouts import Cutout, cut_out
from livematte.data.dataset import Dataset
from livematte.data.datasets import Backgrounds, open_dataset
from livematte.data.sample import Sample
from livematte.evaluation.metrics import mad
from livematte.evaluation.predictors import EnginePredictor
from livematte.evaluation.temporal import dtssd, flicker
from livematte.files import write_atomically
from livematte.refinement import Steadiness
from livematte.segmenter import Care, Segmenter, load

ENDINGS: tuple[Ending, ...] = ("stay", "leave", "cut")
Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
SHOWN = 8  # frames of a clip on the sheet


def main() -> None:
    options = parse()
    people = open_dataset(options.people, split="validation")
    rooms = Backgrounds.open(options.rooms, split="validation")
    clips = [list(clip) for clip in make_clips(people, rooms, options)]
    print(f"{len(clips)} clips of {options.frames} frames, {options.people.resolve().name}\n")
    print("| model | dtSSD ×100 | flicker ×100 | MAD ×1000 | ghost ×1000 |\n|---|--:|--:|--:|--:|")
    strips = []
    for name in options.models:
        segmenter = load(name, threads=1, device="cpu")
        for kind, begin in beginnings(segmenter, options.steady).items():
            mattes = [
                [predict(frame.image) for frame in clip] for predict, clip in begun(begin, clips)
            ]
            print(f"| {segmenter.spec.name}{kind} | {row(clips, mattes)} |", flush=True)
            strips.append(strip(mattes))
    if options.sheet is not None:
        frames = strip([[frame.image for frame in clip] for clip in clips])
        sheet = cv2.cvtColor(np.vstack([frames, *strips]), cv2.COLOR_RGB2BGR)
        write_atomically(options.sheet, cv2.imencode(".png", sheet)[1].tobytes())


def make_clips(
    people: Dataset, rooms: Dataset, options: argparse.Namespace
) -> Iterator[Iterator[Sample]]:
    rng = np.random.default_rng(options.seed)
    for number in range(options.clips):
        config = replace(ClipConfig(frames=options.frames), ending=ENDINGS[number % 3])
        first, second = (rooms.load(int(rng.integers(len(rooms)))).image for _ in range(2))
        yield moving_person(somebody(people, rng), first, rng, config, elsewhere=second)


def somebody(people: Dataset, rng: np.random.Generator) -> Cutout:
    while True:
        cutout = cut_out(people.load(int(rng.integers(len(people)))))
        if cutout is not None and can_move(cutout):
            return cutout


def beginnings(segmenter: Segmenter, filters: list[str]) -> dict[str, Callable[[], Predict]]:
    """By their names in the table: what begins a clip, and gives what predicts its frames."""

    def alone() -> Predict:
        return EnginePredictor(segmenter.engine).predict

    def steadied(kind: str) -> Predict:
        steady = None if kind == "off" else Steadiness(flow=kind == "flow")
        stream = segmenter.taking(Care(region=False)).stream(steady=steady)
        return partial(stream.segment, refine=False)

    if not filters:
        return {"": alone}
    return {f", {kind}": partial(steadied, kind) for kind in filters}


def begun(
    begin: Callable[[], Predict], clips: list[list[Sample]]
) -> Iterator[tuple[Predict, list[Sample]]]:
    """The clips, each with a predictor that knows nothing of the one before."""
    for clip in clips:
        yield begin(), clip


def row(clips: list[list[Sample]], mattes: list[list[NDArray[np.float32]]]) -> str:
    scores: dict[str, list[float]] = {"dtssd": [], "flicker": [], "mad": [], "ghost": []}
    for clip, answers in zip(clips, mattes, strict=True):
        truths = [frame.alpha for frame in clip]
        for now in range(1, len(clip)):
            pair = (answers[now], truths[now], answers[now - 1], truths[now - 1])
            scores["dtssd"].append(dtssd(*pair))
            scores["flicker"].append(flicker(*pair))
        scores["mad"] += [mad(a, t) for a, t in zip(answers, truths, strict=True)]
        scores["ghost"] += [
            float(a.mean()) for a, t in zip(answers, truths, strict=True) if not t.any()
        ]
    means = {name: float(np.nanmean(values)) for name, values in scores.items()}
    return (
        f"{100 * means['dtssd']:.2f} | {100 * means['flicker']:.2f} "
        f"| {1000 * means['mad']:.1f} | {1000 * means['ghost']:.1f}"
    )


def strip(clips: list[list[NDArray[np.generic]]]) -> NDArray[np.uint8]:
    """Frames around the middle of the last clips, one row each, small."""
    rows = []
    for clip in clips[-2:]:
        first = len(clip) // 2 - 2
        shown = [np.asarray(frame) for frame in clip[first : first + SHOWN]]
        tiles = [tile if tile.dtype == np.uint8 else np.uint8(255 * tile) for tile in shown]
        small = [cv2.resize(tile, (160, 120), interpolation=cv2.INTER_AREA) for tile in tiles]
        rows.append(np.hstack([t if t.ndim == 3 else np.dstack([t] * 3) for t in small]))
    return np.asarray(np.vstack(rows), np.uint8)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="bundled names or model files")
    parser.add_argument("--people", type=Path, required=True, help="cut-outs with masks")
    parser.add_argument("--rooms", type=Path, required=True, help="pictures without people")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--steady", nargs="+", choices=("off", "motion", "flow"), default=[], help="filters"
    )
    parser.add_argument("--sheet", type=Path, help="picture of some frames and mattes to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
