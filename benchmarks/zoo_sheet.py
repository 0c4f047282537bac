"""Draw what models cut out of validation portraits, side by side on magenta, to be looked at.

    python benchmarks/zoo_sheet.py MODEL [MODEL ...] --data DATASET -o SHEET.png [--count 24]

One row per portrait: the picture, then each model's cut-out with its mean IoU. MODEL is a bundled
name or a file; see zoo_table.py for the specs of foreign files. The people on such a sheet never
agreed to be in a document: look at it, and do not publish it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.datasets import open_dataset
from livematte.data.sample import Sample
from livematte.effects import blend
from livematte.evaluation.metrics import confusion, mean_iou
from livematte.files import write_atomically
from livematte.segmenter import Segmenter, load

MAGENTA = (255, 0, 255)
ACROSS = 2  # portraits beside each other


def main() -> None:
    options = parse()
    models = [open_model(name, options.specs) for name in options.models]
    dataset = open_dataset(options.data, split=options.split)
    count = min(options.count, len(dataset))
    strips = []
    for number in range(count):
        sample = dataset.load(number * len(dataset) // count)
        cells = [cell(sample.image, sample.name, options.height)]
        cells += [cut(sample, model, options) for model in models]
        strips.append(np.hstack(cells))
    write_atomically(options.output, cv2.imencode(".png", sheet(strips))[1].tobytes())
    print(f"{options.output}: {', '.join(model.spec.name for model in models)}", file=sys.stderr)


def open_model(name: str, specs: Path) -> Segmenter:
    spec = specs / f"{Path(name).stem}.json"
    return load(name, threads=1, device="cpu", spec=spec if spec.exists() else None)


def cut(sample: Sample, model: Segmenter, options: argparse.Namespace) -> NDArray[np.uint8]:
    alpha = model.segment(sample.image, refine=options.refine)
    score = mean_iou(confusion(alpha, sample.alpha, sample.ignore))
    words = f"{100 * score:.1f} {model.spec.name}"[:22]
    return cell(blend(sample.image, alpha, MAGENTA), words, options.height)


def cell(picture: NDArray[np.uint8], words: str, height: int) -> NDArray[np.uint8]:
    """A picture of a fixed height and 3/4 of it wide, with a line of text."""
    size = (height * 3 // 4, height)
    small = np.ascontiguousarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(small, words, (4, 14), cv2.FONT_HERSHEY_PLAIN, 0.8, colour, thickness)
    return np.asarray(small, np.uint8)


def sheet(strips: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The strips in columns, as BGR."""
    strips = strips + [np.full_like(strips[0], 255)] * (-len(strips) % ACROSS)
    rows = [np.hstack(strips[first : first + ACROSS]) for first in range(0, len(strips), ACROSS)]
    return np.asarray(cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR), np.uint8)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="bundled names or model files")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--specs", type=Path, default=Path(__file__).parent / "peers")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--refine", action="store_true", help="along the pictures' edges")
    parser.add_argument("-o", "--output", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
