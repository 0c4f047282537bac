"""What each effect costs at full HD: milliseconds per frame, as a Markdown table.

python benchmarks/effects_speed.py --size 1920x1080 --threads 1

The frames are drawn (the example portrait before the backdrop, in motion), the mattes are known,
and all effects take turns, so that whatever else the machine does meets all alike.
"""

from __future__ import annotations

import argparse
import statistics
import time

import cv2
import numpy as np
from make_clip import EXAMPLES, RATE, frame

import livematte
from livematte.effects import EFFECTS, Chain, cover, open_chain
from livematte.images import read_picture
from livematte.refinement import estimate_foreground

WORK_SIDE = 256  # as `livematte video` takes it
PICTURES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1, help="of OpenCV")
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    width, height = map(int, arguments.size.split("x"))
    shots = draw((height, width))
    behind = cover(read_picture(EXAMPLES / "portrait.png").rgb, height, width)
    chains: dict[str, Chain] = {"replacement alone": open_chain()}
    chains |= {name: open_chain([name], background=True) for name in EFFECTS}
    taken: dict[str, list[float]] = {name: [] for name in chains}
    for number in range(arguments.rounds + 1):
        image, alpha = shots[number % PICTURES]
        for name, chain in chains.items():
            start = time.perf_counter()
            chain(image, alpha, behind, time=number / RATE, work_side=WORK_SIDE)
            taken[name].append(1000 * (time.perf_counter() - start))
    print(f"| {arguments.size}, {arguments.threads} thread(s) | median ms | minimum ms |")
    print("|---|--:|--:|")
    for name, times in taken.items():
        rest = times[1:]  # the first opens and warms
        print(f"| `{name}` | {statistics.median(rest):.1f} | {min(rest):.1f} |")


def draw(size: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """A few frames and their mattes."""
    portrait = read_picture(EXAMPLES / "portrait.png").rgb
    alpha = livematte.load().segment(portrait)
    person = estimate_foreground(portrait, alpha)
    room = cover(read_picture(EXAMPLES / "backdrop.jpg").rgb, size[0] + 80, size[1] + 120)
    white, black = np.full_like(person, 255), np.zeros_like(room)
    shots = []
    for number in range(PICTURES):
        image = frame(person, alpha, room, size, number / RATE)
        matte = frame(white, alpha, black, size, number / RATE)[..., 0] / np.float32(255)
        shots.append((np.clip(image + 0.5, 0, 255).astype(np.uint8), np.clip(matte, 0, 1)))
    return [(image, matte.astype(np.float32)) for image, matte in shots]


if __name__ == "__main__":
    main()
