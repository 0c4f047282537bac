"""Make the README's moving picture: the example portrait before a moving room, and what livematte
makes of it.

python benchmarks/animate.py docs/live.webp

A film is drawn from what the repository ships, `livematte video` is run on it once per look, and
the films are laid side by side as an animated WebP or GIF, by the file's suffix.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from make_clip import EXAMPLES, RATE, frame
from PIL import Image, ImageDraw

import livematte
from livematte.effects import blurred_background, cover
from livematte.images import read_picture
from livematte.refinement import estimate_foreground

SECONDS = 3
SIZE = (360, 480)
KEPT = 2  # every other picture
LOOKS = {
    "matte": ("--alpha",),
    "edges": ("--effect", "edges"),
    "replaced": (
        *("--background", "{room}"),
        *("--effect", "light-wrap", "--effect", "colour-transfer=0.2"),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--width", type=int, default=480)
    parser.add_argument("--quality", type=int, default=70, help="of WebP")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = folder / "input.mkv"
        draw(film, folder / "room.png")
        films = {"input": film}
        for number, (title, options) in enumerate(LOOKS.items()):
            films[title] = folder / f"{number}.mkv"
            look = [option.format(room=folder / "room.png") for option in options]
            run = (sys.executable, "-m", "livematte", "video", film, "-o", films[title], *look)
            subprocess.run(run, check=True)
        panels = [read(path, title, arguments.width // 2) for title, path in films.items()]
    pictures = [
        Image.fromarray(np.vstack([np.hstack(four[:2]), np.hstack(four[2:])]))
        for four in zip(*panels, strict=True)
    ]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(
        arguments.output,
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 * KEPT / RATE),
        loop=0,
        quality=arguments.quality,
        method=6,
    )


def draw(film: Path, room: Path) -> None:
    """The film, whose end meets its beginning, and the room of the portrait without the person."""
    portrait = read_picture(EXAMPLES / "portrait.png").rgb
    alpha = livematte.load().segment(portrait)
    behind = blurred_background(portrait, alpha, strength=0.015)
    cv2.imwrite(str(room), cv2.cvtColor(behind, cv2.COLOR_RGB2BGR))
    alpha[250:, :26] = 0  # a corner of the flag, which the model takes for an arm
    person = estimate_foreground(portrait, alpha)
    height, width = SIZE
    backdrop = read_picture(EXAMPLES / "backdrop.jpg").rgb
    wide = cover(backdrop, round(1.1 * height), round(1.1 * width))
    with av.open(str(film), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(SECONDS * RATE):
            seconds = 2.2 * np.sin(2 * np.pi * number / (SECONDS * RATE))
            image = frame(person, alpha, wide, SIZE, seconds)
            pixels = np.clip(image + 0.5, 0, 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


def read(path: Path, title: str, width: int) -> list[np.ndarray]:
    """The kept pictures of a film at ``width``, with a title."""
    panels = []
    with av.open(str(path)) as container:
        for number, decoded in enumerate(container.decode(video=0)):
            if number % KEPT:
                continue
            image = decoded.to_ndarray(format="rgb24")
            height = round(image.shape[0] * width / image.shape[1])
            small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
            panel = Image.fromarray(small)
            pen = ImageDraw.Draw(panel)
            pen.text((6, 4), title, fill="white", stroke_width=1, stroke_fill="black")
            panels.append(np.asarray(panel))
    return panels


if __name__ == "__main__":
    main()
