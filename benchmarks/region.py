"""What a closer look gives where a person is small; prints a table.

    python benchmarks/region.py --people CUTOUTS --rooms BACKGROUNDS [--model livematte]
        [--count 40]

Every person is cut out and put into a room, once for each height; one whom the picture's lower
side cut off stands at the lower side of the room. Scored is the intersection over union of the
matte with the truth, both at half, over the whole picture and averaged over the pictures: with the
model's one look at the picture, and with a second look at the part where it saw somebody.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.clips import can_move
from livematte.data.cutouts import Cutout, cut_out, warp_cutout
from livematte.data.datasets import Backgrounds, open_dataset
from livematte.data.placement import Placement
from livematte.effects import cover
from livematte.refinement.region import View, person_box, view_around
from livematte.segmenter import Care, load
from livematte.spec import ModelSpec

SIZE = (720, 960)
HEIGHTS = (0.8, 0.5, 0.35, 0.25, 0.15)


def main() -> None:
    options = parse()
    people = open_dataset(options.people, split="validation")
    rooms = Backgrounds.open(options.rooms, split="validation")
    segmenter = load(options.model, threads=1, device="cpu")
    plain, closer = (segmenter.taking(Care(region=region)) for region in (False, True))
    rng = np.random.default_rng(options.seed)
    scores: dict[float, list[tuple[float, float, bool]]] = {height: [] for height in HEIGHTS}
    while len(scores[HEIGHTS[0]]) < options.count:
        cutout = cut_out(people.load(int(rng.integers(len(people)))))
        room = rooms.load(int(rng.integers(len(rooms)))).image
        side = float(rng.uniform(0.25, 0.75))
        if cutout is None or not can_move(cutout):
            continue
        for height in HEIGHTS:
            image, alpha = composite(cutout, room, height, side)
            mattes = [one.segment(image) for one in (plain, closer)]
            scores[height].append(
                (iou(mattes[0], alpha), iou(mattes[1], alpha), looked(mattes[0], segmenter.spec))
            )
    print(f"{options.count} people of {options.people.resolve().name}, {SIZE[1]}×{SIZE[0]}\n")
    print("| person's height | one look | with a second | looked twice |\n|---|--:|--:|--:|")
    for height, rows in scores.items():
        one, two, share = np.mean(rows, axis=0)
        print(f"| {height:.0%} | {100 * one:.1f} | {100 * two:.1f} | {share:.0%} |")


def composite(
    cutout: Cutout, room: NDArray[np.uint8], height: float, side: float
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


def looked(matte: NDArray[np.float32], spec: ModelSpec) -> bool:
    """Whether the matte of one look calls for a second, by the rule of the segmenter."""
    whole = View.whole(*matte.shape)
    box = person_box(matte, whole)
    return box is not None and not view_around(box, whole.size, spec).is_whole


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True, help="cut-outs with masks")
    parser.add_argument("--rooms", type=Path, required=True, help="pictures without people")
    parser.add_argument("--model", default="livematte", help="bundled name or model file")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
