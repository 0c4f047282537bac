"""What a closer look gives where a person is small; prints a table.

    python benchmarks/region.py --people CUTOUTS --rooms BACKGROUNDS [--models livematte ...]
        [--count 30] [--frames 24]

Every person is cut out and put into a room, once for each height; one whom the picture's lower
side cut off stands at the lower side of the room. Scored is the intersection over union of the
matte with the truth, both at half, over the whole picture and averaged over the pictures: with the
model's one look at the picture, and with a second look at the part where it saw somebody.

With `--frames` people walk through clips of so many frames instead, at 40 % of the height, and each
model runs as `livematte video` runs it, but for the refinement, with and without a view that
follows them.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.clips import can_move
from livematte.data.cutouts import Cutout, cut_out, warp_cutout
from livematte.data.dataset import Dataset
from livematte.data.datasets import Backgrounds, open_dataset
from livematte.data.placement import Placement
from livematte.effects import cover
from livematte.evaluation.temporal import dtssd, flicker
from livematte.refinement import Steadiness
from livematte.refinement.region import View, person_box, view_around
from livematte.segmenter import Care, Segmenter, load

SIZE = (720, 960)
HEIGHTS = (0.8, 0.5, 0.35, 0.25, 0.15)
WALKING = 0.4  # of the height: a person in a clip
STEP = 0.012  # of the width per frame
GRAIN = 3.0  # standard deviation of each frame's own noise, in 8-bit steps
Scene = tuple[Cutout, NDArray[np.uint8], float]


def main() -> None:
    options = parse()
    people = open_dataset(options.people, split="validation")
    rooms = Backgrounds.open(options.rooms, split="validation")
    rng = np.random.default_rng(options.seed)
    scenes = list(itertools.islice(some(people, rooms, rng), options.count))
    segmenters = [load(name, threads=1, device="cpu") for name in options.models]
    folder = options.people.resolve().name
    print(f"{options.count} people of {folder}, {SIZE[1]}×{SIZE[0]}\n")
    if options.frames:
        print("| model | view | IoU | dtSSD ×100 | flicker ×100 |\n|---|---|--:|--:|--:|")
        for segmenter in segmenters:
            film_rows(segmenter, scenes, options.frames)
        return
    print("| model | person's height | one look | with a second | looked twice |")
    print("|---|--:|--:|--:|--:|")
    for segmenter in segmenters:
        for height in HEIGHTS:
            one, two, share = np.mean(
                [looks(segmenter, *composite(*scene, height)) for scene in scenes], axis=0
            )
            row = f"{height:.0%} | {100 * one:.1f} | {100 * two:.1f} | {share:.0%}"
            print(f"| {segmenter.spec.name} | {row} |", flush=True)


def some(people: Dataset, rooms: Dataset, rng: np.random.Generator) -> Iterator[Scene]:
    """People, their rooms, and where in them they stand, as a share of the width."""
    while True:
        cutout = cut_out(people.load(int(rng.integers(len(people)))))
        room = rooms.load(int(rng.integers(len(rooms)))).image
        side = float(rng.uniform(0.25, 0.75))
        if cutout is not None and can_move(cutout):
            yield cutout, room, side


def looks(
    segmenter: Segmenter, image: NDArray[np.uint8], alpha: NDArray[np.float32]
) -> tuple[float, float, bool]:
    """The scores of one look and of what the segmenter does, and whether that is two looks."""
    plain, closer = (segmenter.taking(Care(region=on)).segment(image) for on in (False, True))
    whole = View.whole(*plain.shape)
    box = person_box(plain, whole)
    twice = box is not None and not view_around(box, whole.size, segmenter.spec).is_whole
    return iou(plain, alpha), iou(closer, alpha), twice


def film_rows(segmenter: Segmenter, scenes: list[Scene], frames: int) -> None:
    for view in ("whole", "following"):
        scores = []
        for number, (cutout, room, side) in enumerate(scenes):
            grain = np.random.default_rng(number)
            steady = None if segmenter.spec.prior else Steadiness()
            stream = segmenter.taking(Care(region=view == "following")).stream(steady=steady)
            last = None
            for frame in range(frames):
                image, alpha = composite(cutout, room, side + STEP * (frame - frames / 2), WALKING)
                noisy = np.clip(image + grain.normal(0, GRAIN, image.shape), 0, 255)
                matte = stream.segment(noisy.astype(np.uint8), refine=False)
                if last is not None:
                    pair = (matte, alpha, *last)
                    scores.append((iou(matte, alpha), dtssd(*pair), flicker(*pair)))
                last = matte, alpha
        row = " | ".join(
            f"{100 * score:.{n}f}"
            for score, n in zip(np.mean(scores, axis=0), (1, 2, 2), strict=True)
        )
        print(f"| {segmenter.spec.name} | {view} | {row} |", flush=True)


def composite(
    cutout: Cutout, room: NDArray[np.uint8], side: float, height: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The person at a share of the picture's height, their middle at ``side`` of its width."""
    box = cutout.box
    scale = height * SIZE[0] / box.height
    left = side * SIZE[1] - scale * (box.left + box.right) / 2
    bottom = SIZE[0] if "bottom" in box.cut else 0.9 * SIZE[0]
    top = bottom - scale * (box.top + box.height)
    colour, alpha = warp_cutout(cutout, Placement(scale, left, top, mirror=False), SIZE)
    behind = cover(room, *SIZE).astype(np.float32) / np.float32(255)
    mixed = colour * alpha[..., None] + behind * (1 - alpha[..., None])
    softer = cv2.GaussianBlur(mixed, (0, 0), 0.6)
    return np.rint(255 * np.clip(softer, 0, 1)).astype(np.uint8), alpha


def iou(matte: NDArray[np.float32], alpha: NDArray[np.float32]) -> float:
    both = np.count_nonzero((matte > 0.5) & (alpha > 0.5))
    either = np.count_nonzero((matte > 0.5) | (alpha > 0.5))
    return both / max(either, 1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True, help="cut-outs with masks")
    parser.add_argument("--rooms", type=Path, required=True, help="pictures without people")
    parser.add_argument("--models", nargs="+", default=["livematte"], help="names or files")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--frames", type=int, default=0, help="of clips; 0: still pictures")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
