"""Make a film with a person whose matte is known: the example portrait moves before the backdrop.

python benchmarks/make_clip.py out/clip.mp4 --size 1280x720 --frames 300
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

import livematte
from livematte.effects import cover
from livematte.images import read_picture
from livematte.refinement import estimate_foreground

EXAMPLES = Path(__file__).parents[1] / "examples"
RATE = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=300)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with av.open(arguments.output, "w") as out:
        options = {"preset": "medium", "crf": "20"}
        stream = out.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, (pixels, _) in enumerate(frames(arguments.frames, (height, width))):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


def frames(count: int, size: tuple[int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """H×W×3 uint8 and the matte, H×W float32 in [0, 1], one after the other."""
    height, width = size
    portrait = read_picture(EXAMPLES / "portrait.png").rgb
    alpha = livematte.load().segment(portrait)
    person = estimate_foreground(portrait, alpha)
    backdrop = read_picture(EXAMPLES / "backdrop.jpg").rgb
    room = cover(backdrop, round(1.1 * height), round(1.1 * width))
    rng = np.random.default_rng(0)
    for number in range(count):
        image, share = compose(person, alpha, room, size, number / RATE)
        grain = rng.normal(0, 2, (height, width, 1)).astype(np.float32)
        yield np.clip(image + grain, 0, 255).astype(np.uint8), share


def frame(
    person: np.ndarray, alpha: np.ndarray, room: np.ndarray, size: tuple[int, int], seconds: float
) -> np.ndarray:
    """H×W×3 float32 in [0, 255]."""
    return compose(person, alpha, room, size, seconds)[0]


def compose(
    person: np.ndarray, alpha: np.ndarray, room: np.ndarray, size: tuple[int, int], seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """H×W×3 float32 in [0, 255], and the matte."""
    height, width = size
    scale = 0.95 * height / alpha.shape[0] * (1 + 0.03 * np.sin(0.9 * seconds))
    left = (width - scale * alpha.shape[1]) / 2 + 0.12 * width * np.sin(0.7 * seconds)
    matrix = np.float32([[scale, 0, left], [0, scale, height - scale * alpha.shape[0] + 2]])
    share = cv2.warpAffine(alpha, matrix, (width, height))
    colours = cv2.warpAffine(person.astype(np.float32), matrix, (width, height))
    x = (room.shape[1] - width) / 2 * (1 + np.sin(0.4 * seconds))
    y = (room.shape[0] - height) / 2
    pan = np.float32([[1, 0, -x], [0, 1, -y]])
    behind = cv2.warpAffine(room, pan, (width, height)).astype(np.float32)
    return behind + share[..., None] * (colours - behind), share


if __name__ == "__main__":
    main()
