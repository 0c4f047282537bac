"""Make a trained harmoniser the bundled one: model file, spec and card.

    python benchmarks/release_harmoniser.py RUN/best.ckpt --data DATA --date "November 2026"

Scores are measured here, on what was written, by benchmarks/harmonisation.py, and go into the spec
and the card. What no program can know stands in cards/harmoniser.yaml: ``summary``, ``data``,
``training`` (Markdown), ``failures`` (a list) and ``more``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import yaml
from harmonisation import compare, look_table
from release import CARDS, LICENCE, replaced_together

from livematte import weights
from livematte.effects.harmoniser import Harmoniser, HarmoniserSpec
from livematte.export.harmoniser import export_harmoniser
from livematte.files import write_atomically
from livematte.networks.counting import count_parameters
from livematte.training.harmoniser import load_harmoniser

TRAINING_DATA = "EG1800 (research only), Clothing Co-Parsing, PASCAL VOC 2012"


def main() -> None:
    options = parse()
    with replaced_together(options.output) as folder:
        print(write_model(options, folder / "harmoniser.onnx"))


def write_model(options: argparse.Namespace, model: Path) -> str:
    """Write the model, its spec and its card; returns the card."""
    notes = yaml.safe_load((CARDS / "harmoniser.yaml").read_text(encoding="utf-8"))
    recipe, network = load_harmoniser(options.checkpoint)
    spec = HarmoniserSpec(
        "harmoniser",
        recipe.size,
        recipe.segments,
        version=options.version,
        licence=LICENCE,
        training_data=TRAINING_DATA,
    )
    export_harmoniser(options.checkpoint, model, spec)
    scores = compare(Harmoniser(model), options.data, options.limit, options.seed)
    looks = look_table(Harmoniser(model), options.data, options.limit)
    export_harmoniser(options.checkpoint, model, replace(spec, metrics=scores.metrics))
    numbers = len(network.head[-1].bias)
    card = "\n\n".join(
        (
            f"# Model card: harmoniser\n\n{notes['summary'].strip()}",
            "| | |\n|---|---|\n"
            f"| network | `livematte.networks.harmoniser`: {count_parameters(network):,} "
            f"parameters |\n"
            f"| input | a composite, {recipe.size}×{recipe.size} RGB, and the person's matte |\n"
            f"| output | {numbers} numbers: three curves of {recipe.segments} pieces and a colour "
            "matrix |\n"
            f"| file | `{model.name}`, {model.stat().st_size / 1e6:.2f} MB |\n"
            f"| licence | **{LICENCE}**, because of the photographs below; the code is MIT |\n"
            f"| version | {options.version}, {options.date} |",
            "## Data\n\n" + notes["data"].strip(),
            "## Training\n\n" + notes["training"].strip(),
            "## Scores\n\n`python benchmarks/harmonisation.py --data DATA`, which tells what is "
            f"compared; brackets hold\nthe 95 % bootstrap interval.\n\n{scores.table}\n\n"
            "Before held-out rooms, where there is no truth, by the effect's strength (0.5 is as "
            f"learned):\n\n{looks}",
            "## Known failures\n\n" + "\n".join(f"- {line}" for line in notes["failures"]),
            "## What more training would need\n\n" + notes["more"].strip(),
        )
    )
    write_atomically(model.with_suffix(".md"), (card + "\n").encode())
    return card


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--version", default="1")
    parser.add_argument("--date", required=True, help="month and year, for the card")
    parser.add_argument("--limit", type=int, default=140, help="portraits, at most")
    parser.add_argument("--seed", type=int, default=7, help="of the disturbances")
    parser.add_argument("-o", "--output", type=Path, default=Path(weights.__file__).parent)
    return parser.parse_args()


if __name__ == "__main__":
    main()
