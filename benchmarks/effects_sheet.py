"""Every effect on the example portrait, side by side in one picture, to be looked at.

python benchmarks/effects_sheet.py out/effects.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

import livematte
from livematte.effects import EFFECTS, cover, open_chain
from livematte.effects.registry import Stage
from livematte.images import read_picture

EXAMPLES = Path(__file__).parent.parent / "examples"
COLUMNS = 4
LABEL = 28
GAP = 4


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--portrait", type=Path, default=EXAMPLES / "portrait.png")
    parser.add_argument("--background", type=Path, default=EXAMPLES / "backdrop.jpg")
    parser.add_argument("--strength", type=float, help="of all effects; each has its own")
    parser.add_argument("--width", type=int, default=384, help="of one picture")
    arguments = parser.parse_args()
    frame = read_picture(arguments.portrait).rgb
    alpha = livematte.load().segment(frame)
    behind = cover(read_picture(arguments.background).rgb, *alpha.shape)
    tiles = [tile("as it is", frame, arguments.width)]
    tiles.append(tile("replaced", open_chain()(frame, alpha, behind), arguments.width))
    for entry in EFFECTS.values():
        room = entry.stage is Stage.BACKGROUND
        chain = open_chain([entry.name], strength=arguments.strength, background=not room)
        made = chain(frame, alpha, None if room else behind)
        strength = entry.strength if arguments.strength is None else arguments.strength
        tiles.append(tile(f"{entry.name}={strength:g}", made, arguments.width))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[n : n + COLUMNS]) for n in range(0, len(tiles), COLUMNS)]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(arguments.output), sheet, [cv2.IMWRITE_JPEG_QUALITY, 80])


def tile(name: str, picture: np.ndarray, width: int) -> np.ndarray:
    """A picture at ``width``, with its name above it."""
    height = round(picture.shape[0] * width / picture.shape[1])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    framed = cv2.copyMakeBorder(small, LABEL, GAP, GAP, GAP, cv2.BORDER_CONSTANT)
    place = (GAP, LABEL - 9)
    return cv2.putText(
        framed, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA
    )


if __name__ == "__main__":
    main()
