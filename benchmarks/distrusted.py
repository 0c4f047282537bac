"""List the training pictures whose masks a good model disagrees with most; nothing is deleted.

    python benchmarks/distrusted.py CHECKPOINT --data DATA [--sets portraits street people]
        [--upper-body street] [--below 0.8] [--pictures FOLDER]

A network that fits nearly all of its training pictures fails on few: those are hard, or their masks
are wrong. Prints Markdown: per set the names with a mean IoU below the limit, worst first. With
--pictures, FOLDER/SET.png shows the 24 worst beside their masks, so that a person can tell which.
To leave one out of training, add its name to the set's "excluded" list in splits.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from livematte.data.datasets import Dataset, open_dataset
from livematte.data.sample import Sample
from livematte.evaluation.evaluator import evaluate
from livematte.evaluation.predictors import EnginePredictor
from livematte.evaluation.result import EvaluationConfig, EvaluationResult
from livematte.evaluation.worst import draw_worst
from livematte.files import write_atomically
from livematte.segmenter import load
from livematte.training.store import upper_half

WORST = 24


@dataclass(frozen=True)
class UpperBodies:
    """A dataset of which training sees the upper halves alone; so is it scored."""

    whole: Dataset

    @property
    def names(self) -> Sequence[str]:
        return self.whole.names

    @property
    def split(self) -> str | None:
        return self.whole.split

    def __len__(self) -> int:
        return len(self.whole)

    def load(self, index: int) -> Sample:
        return upper_half(self.whole.load(index))


def main() -> None:
    options = parse()
    predictor = EnginePredictor(load(options.checkpoint).engine)
    for name in options.sets:
        dataset = open_dataset(options.data / name, split="train")
        if name in options.upper_body:
            dataset = UpperBodies(dataset)
        result = evaluate(predictor, dataset, EvaluationConfig(worst=WORST))
        print(describe(name, result, options.below))
        if options.pictures is not None:
            sheet = cv2.cvtColor(draw_worst(result.worst), cv2.COLOR_RGB2BGR)
            write_atomically(
                options.pictures / f"{name}.png", cv2.imencode(".png", sheet)[1].tobytes()
            )


def describe(name: str, result: EvaluationResult, below: float) -> str:
    images = sorted(result.images, key=lambda image: image.values["miou"])
    doubtful = [image for image in images if image.values["miou"] < below]
    listed = ", ".join(f"{i.name} ({100 * i.values['miou']:.0f})" for i in doubtful) or "none"
    mean = 100 * result.scores["miou"].value
    return (
        f"## {name}: {len(doubtful)} of {len(images)} below {100 * below:.0f} % "
        f"(mean {mean:.1f} %)\n\n{listed}\n"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["portraits", "street", "people"])
    parser.add_argument("--upper-body", nargs="*", default=["street"], help="sets cropped to it")
    parser.add_argument("--below", type=float, default=0.8)
    parser.add_argument("--pictures", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
