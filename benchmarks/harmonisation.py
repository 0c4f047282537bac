"""Does the harmoniser undo disturbed colours of people it has never seen?

    python benchmarks/harmonisation.py --data DATA [--model harmoniser.onnx] [--limit 140]

For each held-out portrait of DATA/portraits the person's colours are disturbed in the photograph,
which is also the truth, and each method corrects them. Two kinds of disturbance: ``random`` is the
kind that was trained on (other draws); ``swapped`` gives the person the colour statistics of
another portrait's person, which training never did. ``untouched`` photographs should stay as they
are. Then the people stand before DATA/backgrounds, where no truth is known, to see how far their
mean colour is from the room's. Scores count the person's pixels alone, at a quarter of the size;
brackets hold the 95 % bootstrap interval over portraits.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from livematte.data.datasets import Backgrounds, Dataset, open_dataset
from livematte.effects import cover
from livematte.effects.harmonise import correct_person
from livematte.effects.harmoniser import Harmoniser
from livematte.effects.transfer import apply_in_lab, measure, reinhard
from livematte.evaluation.colour_difference import ciede2000, to_lab
from livematte.evaluation.spread import interval, resampled_sums
from livematte.training.disturbing import DisturbanceConfig, draw_disturbance
from livematte.transforms import shrink

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Method = Callable[[Pixels, Floats, Pixels], Pixels]

RESAMPLES = 1000
AS_LEARNED = 0.5
NONE = "no correction"
SCALE = 4  # scored at a quarter of the size


@dataclass(frozen=True)
class Portrait:
    """A photograph and its matte, H×W×3 uint8 RGB and H×W float32 in [0, 1]."""

    photo: Pixels
    alpha: Floats

    def over(self, person: Pixels) -> Pixels:
        """Another person's colours in this photograph."""
        mixed = self.photo + self.alpha[..., None] * (person.astype(np.float32) - self.photo)
        return np.asarray(np.rint(mixed), np.uint8)


def main() -> None:
    options = parse()
    harmoniser = Harmoniser(options.model)
    print(f"model {harmoniser.spec.name} {harmoniser.spec.version}\n")
    print(compare(harmoniser, options.data, options.limit, options.seed).table)
    print("\n" + look_table(harmoniser, options.data, options.limit))
    print("\n" + latency(harmoniser))


@dataclass(frozen=True)
class Comparison:
    """A table in Markdown, and the harmoniser's own scores by name."""

    table: str
    metrics: dict[str, float]


def compare(harmoniser: Harmoniser, data: Path, limit: int, seed: int) -> Comparison:
    """Score every method on held-out portraits."""
    portraits = held_out(data)
    count = min(limit, len(portraits))
    methods = make_methods(harmoniser)
    lines = [
        f"| {count} portraits | method | ΔE2000 | PSNR of the person, dB | nearer than before, % |",
        "|---|---|--:|--:|--:|",
    ]
    metrics = {}
    for kind in ("random", "swapped", "untouched"):
        rows = score(portraits, count, kind, methods, seed)
        for name, values in rows.items():
            nearer = 100 * np.mean(values[:, 0] < rows[NONE][:, 0])
            share = "" if name == NONE or kind == "untouched" else f"{nearer:.0f}"
            cells = (kind, name, told(values[:, 0]), psnr(values[:, 1]), share)
            lines.append(f"| {' | '.join(cells)} |")
        metrics[f"{kind}_ciede2000_before"] = round(float(rows[NONE][:, 0].mean()), 3)
        metrics[f"{kind}_ciede2000"] = round(float(rows["harmoniser"][:, 0].mean()), 3)
    return Comparison("\n".join(lines), metrics)


def look_table(harmoniser: Harmoniser, data: Path, limit: int) -> str:
    """How much of the room's tint the person takes on, by strength."""
    portraits = held_out(data)
    rooms = Backgrounds.open(data / "backgrounds", split="validation")
    lines = ["| strength | mean colour, person to room (a, b of Lab) | moved by (ΔE2000) |"]
    lines.append("|--:|--:|--:|")
    for strength, values in looks(portraits, rooms, min(limit, len(portraits)), harmoniser).items():
        lines.append(f"| {strength:g} | {told(values[:, 0])} | {told(values[:, 1])} |")
    return "\n".join(lines)


def latency(harmoniser: Harmoniser) -> str:
    """Of a 720p frame, in which the person takes the middle half."""
    rng = np.random.default_rng(0)
    frame, room = rng.integers(0, 256, (2, 720, 1280, 3), dtype=np.uint8)
    alpha = np.zeros((720, 1280), np.float32)
    alpha[100:, 320:960] = 1
    correction = harmoniser.predict(frame, alpha, room)
    steps: dict[str, Callable[[], object]] = {
        "predicting": lambda: harmoniser.predict(frame, alpha, room),
        "applying": lambda: correct_person(frame, alpha, correction),
    }
    parts = []
    for name, step in steps.items():
        times = []
        for _ in range(30):
            start = time.perf_counter()
            step()
            times.append(1000 * (time.perf_counter() - start))
        parts.append(f"{name} {np.median(times):.2f}")
    return f"ms per 1280×720 frame (median): {', '.join(parts)}"


@functools.cache
def held_out(data: Path) -> Dataset:
    return open_dataset(data / "portraits", split="validation")


def make_methods(harmoniser: Harmoniser) -> dict[str, Method]:
    """What corrects a person (H×W×3), given the matte and the picture around it."""

    def transferred(share: float) -> Method:
        def method(person: Pixels, alpha: Floats, around: Pixels) -> Pixels:
            own, other = measure(person, alpha), measure(around, 1 - alpha)
            if own is None or other is None:
                return person
            mapping = reinhard(own, other)
            mixed = np.eye(3, 4) + share * (mapping - np.eye(3, 4))
            return apply_in_lab(person, mixed, alpha)

        return method

    def ours(person: Pixels, alpha: Floats, around: Pixels) -> Pixels:
        correction = harmoniser.predict(person, alpha, around).at(AS_LEARNED)
        return correct_person(person, alpha, correction)

    return {
        NONE: lambda person, alpha, around: person,
        "Reinhard": transferred(1.0),
        "Reinhard, half": transferred(0.5),
        "harmoniser": ours,
    }


def score(
    portraits: Dataset, count: int, kind: str, methods: dict[str, Method], seed: int
) -> dict[str, NDArray[np.float64]]:
    """Per method count×2: colour difference and mean squared error over the person."""
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    for index, portrait in enumerate(each(portraits, count)):
        person = portrait.photo
        if kind == "random":
            person = disturbed(portrait, seed * 1_000_003 + index)
        elif kind == "swapped":
            person = swapped(portrait, load(portraits, (index + count // 2) % count))
        composite = portrait.over(person)
        truth = to_lab(portrait.photo)
        for name, method in methods.items():
            corrected = portrait.over(method(composite, portrait.alpha, composite))
            apart = ciede2000(to_lab(corrected), truth)
            wrong = np.square(corrected.astype(np.float64) - portrait.photo).mean(axis=2)
            rows[name].append((mean(apart, portrait.alpha), mean(wrong, portrait.alpha)))
    return {name: np.array(values) for name, values in rows.items()}


def each(portraits: Dataset, count: int) -> Iterator[Portrait]:
    return (load(portraits, index) for index in range(count))


@functools.cache
def load(portraits: Dataset, index: int) -> Portrait:
    sample = portraits.load(index)
    rows, columns = (side // SCALE for side in sample.alpha.shape)
    alpha = np.clip(shrink(sample.alpha, rows, columns), 0, 1)
    return Portrait(shrink(sample.image, rows, columns), alpha)


def disturbed(portrait: Portrait, seed: int) -> Pixels:
    torch.manual_seed(seed)
    change = draw_disturbance(1, DisturbanceConfig(nothing_p=0.0))
    picture = torch.from_numpy(portrait.photo.transpose(2, 0, 1).copy())[None].float() / 255
    return np.asarray((change(picture)[0] * 255).round().byte().permute(1, 2, 0).numpy(), np.uint8)


def swapped(portrait: Portrait, other: Portrait) -> Pixels:
    own, wanted = measure(portrait.photo, portrait.alpha), measure(other.photo, other.alpha)
    assert own is not None
    assert wanted is not None
    return apply_in_lab(portrait.photo, reinhard(own, wanted), portrait.alpha)


def looks(
    portraits: Dataset, rooms: Backgrounds, count: int, harmoniser: Harmoniser
) -> dict[float, NDArray[np.float64]]:
    """Count×2 by the effect's strength: how far the person's mean colour is from the room's, and
    how far the person's colours were moved."""
    far: dict[float, list[tuple[float, float]]] = {0.0: [], 0.5: [], 1.0: []}
    for index, portrait in enumerate(each(portraits, count)):
        room = cover(rooms.load(index % len(rooms)).image, *portrait.alpha.shape)
        target = to_lab(room).mean(axis=(0, 1))
        correction = harmoniser.predict(portrait.photo, portrait.alpha, room)
        before, alpha = to_lab(portrait.photo), portrait.alpha
        for strength, values in far.items():
            person = correct_person(portrait.photo, portrait.alpha, correction.at(strength))
            lab = to_lab(person)
            own = np.average(lab, axis=(0, 1), weights=alpha)
            moved = mean(ciede2000(lab, before), alpha)
            values.append((float(np.hypot(*(own - target)[1:])), moved))
    return {strength: np.array(values) for strength, values in far.items()}


def mean(values: NDArray[np.float64], alpha: Floats) -> float:
    return float(np.average(values, weights=alpha))


def told(values: NDArray[np.float64]) -> str:
    """Mean, with its interval."""
    sums = resampled_sums(values[:, None], resamples=RESAMPLES, seed=1)[:, 0] / len(values)
    low, high = interval(sums)
    return f"{values.mean():.2f} ({low:.2f} – {high:.2f})"


def psnr(squares: NDArray[np.float64]) -> str:
    """Mean over portraits; without a number where nothing was changed."""
    if squares.min() == 0:
        return "–"
    return told(10 * np.log10(255**2 / squares))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of sets")
    parser.add_argument("--model", type=Path, help="default: the bundled one")
    parser.add_argument("--limit", type=int, default=140, help="portraits, at most")
    parser.add_argument("--seed", type=int, default=7, help="of the disturbances")
    return parser.parse_args()


if __name__ == "__main__":
    main()
