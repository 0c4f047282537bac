"""Train a harmoniser, without labels: disturb a person's colours in a photograph, undo it.

The network sees the photograph with its disturbed person, and the matte; the truth is the
photograph. Thumbnails are all it ever sees, so they are read once and everything else happens on
them. A step's batch follows from the seed and the step alone, as in :mod:`.batches`, so a resumed
run equals an uninterrupted one.
"""

from __future__ import annotations

import copy
import csv
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from kornia.color import rgb_to_lab
from torch import Tensor
from torch.nn import functional as F

from livematte.data.augment import Augmenter
from livematte.errors import ModelError, TrainingError, UsageError
from livematte.files import write_atomically
from livematte.networks.checkpoint import read_checkpoint, set_weights
from livematte.networks.harmoniser import Harmoniser, apply_correction
from livematte.training.batches import seed_step
from livematte.training.configuration import parse_as
from livematte.training.disturbing import draw_disturbance
from livematte.training.harmoniser_recipe import HarmoniserRecipe
from livematte.training.optimisers import rate_at
from livematte.training.recipe import ScheduleConfig
from livematte.training.store import PictureStore, Progress, load_training, load_validation

__all__ = [
    "Batch",
    "HarmoniserResult",
    "HarmoniserScores",
    "composite_loss",
    "load_harmoniser",
    "make_batch",
    "train_harmoniser",
]

_RECIPE = "harmoniser"  # of the checkpoint's entries
_VALIDATION_SEED = 20_000_003
_LEAST_PIXELS = 16.0
_REMEDY = "Try a smaller rate (--set rate=0.0005)"


class Batch(NamedTuple):
    """Disturbed composites and their truth.

    Attributes:
        image: N×3×S×S composite, RGB in [0, 1], as the network sees it.
        person: N×3×S×S, the disturbed picture in full.
        truth: N×3×S×S, the photograph.
        alpha: N×1×S×S, the person's matte.
        weight: N×1×S×S, the matte where it is known.
    """

    image: Tensor
    person: Tensor
    truth: Tensor
    alpha: Tensor
    weight: Tensor


class HarmoniserScores(NamedTuple):
    """Mean colour differences (CIE 1976) over the persons of the validation thumbnails.

    Attributes:
        before: of the disturbed ones.
        after: of these, corrected.
        untouched: of the photographs themselves, corrected.
    """

    before: float
    after: float
    untouched: float


@dataclass(frozen=True)
class HarmoniserResult:
    """What a run left behind.

    Attributes:
        best: checkpoint with the smallest colour difference after correction.
        last: checkpoint at the end, to be resumed.
        scores: of ``best``.
        steps: done so far.
        finished: whether these are all.
    """

    best: Path
    last: Path
    scores: HarmoniserScores
    steps: int
    finished: bool


def make_batch(store: PictureStore, recipe: HarmoniserRecipe) -> Batch:
    """Draw, move and disturb a batch; draws from torch's global generator."""
    n, size = recipe.batch_size, (recipe.size, recipe.size)
    chosen = torch.multinomial(store.weights, n, replacement=True)
    moved = Augmenter(recipe.geometry, size).geometry(
        store.images[chosen],
        store.alpha[chosen],
        store.ignore[chosen],
        store.aspect[chosen],
        torch.zeros(n, dtype=torch.bool),  # thumbnails of hard masks are soft
    )
    whole = draw_disturbance(n, recipe.disturbance, amount=recipe.whole_amount)(moved.image)
    truth = torch.where(torch.rand(n, 1, 1, 1) < recipe.whole_p, whole, moved.image)
    person = draw_disturbance(n, recipe.disturbance)(truth)
    grown = F.max_pool2d(moved.alpha, 3, stride=1, padding=1)
    share = torch.where(torch.rand(n, 1, 1, 1) < recipe.grown, grown, moved.alpha)
    weight = moved.alpha * ~moved.ignore
    return Batch(truth + share * (person - truth), person, truth, moved.alpha, weight)


def _difference(image: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Colour difference (CIE 1976), N means over the person."""
    apart = rgb_to_lab(image.clamp(0, 1)) - rgb_to_lab(truth)
    each = (apart.square().sum(dim=1, keepdim=True) + 1e-4).sqrt()
    return _over_person(each, weight)


def _over_person(each: Tensor, weight: Tensor) -> Tensor:
    return (each * weight).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3)).clamp_min(_LEAST_PIXELS)


def composite_loss(correction: Tensor, batch: Batch, recipe: HarmoniserRecipe) -> Tensor:
    """Distance of the corrected persons from the truth, in Lab and in RGB, and bends.

    The distance in RGB is that before clipping, so that what left [0, 1] is drawn back.
    """
    corrected = apply_correction(batch.person, correction)
    colour = _difference(corrected, batch.truth, batch.weight) / 10
    plain = _over_person((corrected - batch.truth).abs().mean(dim=1, keepdim=True), batch.weight)
    curves = correction[:, :-9].view(len(correction), 3, -1)[..., 1:]
    bends = (curves[..., 1:] - curves[..., :-1]).square().mean() if curves.shape[-1] > 1 else 0.0
    return colour.mean() + recipe.plain * plain.mean() + recipe.smooth * bends


class _Run:
    """A run's state, between its checkpoints."""

    def __init__(self, recipe: HarmoniserRecipe, output: Path) -> None:
        self.recipe, self.output = recipe, output
        torch.manual_seed(recipe.seed)
        self.network = _build(recipe).train()
        self.average = copy.deepcopy(self.network).eval()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self.step = 0
        self.rows: list[dict[str, float]] = []

    @property
    def scores(self) -> HarmoniserScores:
        """The best so far."""
        row = min(self.rows, key=lambda row: row["after"])
        return HarmoniserScores(*(row[name] for name in HarmoniserScores._fields))

    def resume(self, last: Path) -> None:
        content = read_checkpoint(last)
        if content.get(_RECIPE) != self.recipe.to_yaml():
            raise UsageError(
                f"{last}: was trained by another recipe; give {self.output / 'recipe.yaml'}"
            )
        self.network.load_state_dict(content["trained"])
        self.average.load_state_dict(content["state_dict"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.step, self.rows = content["step"], content["rows"]

    def advance(self, store: PictureStore) -> float:
        """One step; its loss."""
        recipe = self.recipe
        seed_step(recipe.seed, self.step, 0)
        batch = make_batch(store, recipe)
        loss = composite_loss(self.network(batch.image, batch.alpha), batch, recipe)
        if not torch.isfinite(loss):
            raise TrainingError(f"the loss is not a number at step {self.step}. {_REMEDY}")
        share = rate_at(ScheduleConfig(warmup=recipe.warmup), self.step, recipe.steps, epoch=0)
        self.optimiser.param_groups[0]["lr"] = recipe.rate * share
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip)
        self.optimiser.step()
        kept = min(recipe.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            own, other = self.average.state_dict(), self.network.state_dict()
            for name, value in own.items():
                if value.is_floating_point():
                    value.lerp_(other[name], 1 - kept)
                else:
                    value.copy_(other[name])
        self.step += 1
        return float(loss.detach())

    def keep(self, loss: float, scores: HarmoniserScores) -> None:
        """Write what the run is up to, and the best network so far."""
        better = not self.rows or scores.after < self.scores.after
        self.rows.append({"step": self.step, "loss": loss, **scores._asdict()})
        shipped = {"state_dict": self.average.state_dict(), _RECIPE: self.recipe.to_yaml()}
        if better:
            _save(self.output / "best.ckpt", {**shipped, "step": self.step})
        whole = {
            **shipped,
            "trained": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "rows": self.rows,
        }
        _save(self.output / "last.ckpt", whole)
        text = io.StringIO()
        table = csv.DictWriter(text, self.rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows({k: round(v, 5) for k, v in row.items()} for row in self.rows)
        write_atomically(self.output / "metrics.csv", text.getvalue().encode())


def _build(recipe: HarmoniserRecipe) -> Harmoniser:
    return Harmoniser(size=recipe.size, segments=recipe.segments, width=recipe.width)


def _save(path: Path, content: dict[str, Any]) -> None:
    stream = io.BytesIO()
    torch.save(content, stream)
    write_atomically(path, stream.getvalue())


@torch.no_grad()
def _validate(
    network: Harmoniser, store: PictureStore, recipe: HarmoniserRecipe
) -> HarmoniserScores:
    """Score on every picture once, always disturbed alike."""
    seed_step(_VALIDATION_SEED, 0, 0)
    truth, alpha = store.images.float() / 255, store.alpha.float() / 255
    weight = alpha * ~store.ignore
    person = draw_disturbance(len(truth), replace(recipe.disturbance, nothing_p=0.0))(truth)
    sums = []
    for image in (person, truth):
        corrected = apply_correction(image, network(truth + alpha * (image - truth), alpha))
        sums.append(float(_difference(corrected, truth, weight).mean()))
    return HarmoniserScores(float(_difference(person, truth, weight).mean()), *sums)


def train_harmoniser(
    recipe: HarmoniserRecipe,
    data: Path,
    output: Path,
    *,
    resume: bool = False,
    max_minutes: float | None = None,
    progress: Progress | None = None,
    report: Callable[[int, HarmoniserScores], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> HarmoniserResult:
    """Train on the CPU.

    Args:
        recipe: what to train and how.
        data: dataset folder, or a folder of sets.
        output: folder for ``best.ckpt``, ``last.ckpt``, ``metrics.csv`` and ``recipe.yaml``.
        resume: go on from ``output/last.ckpt``.
        max_minutes: stop at the first validation after this; the run can be resumed.
        progress: called with (pictures read, pictures in all).
        report: called with (steps done, scores) after each validation.
        clock: seconds.

    Raises:
        UsageError: ``resume`` without a checkpoint or with another recipe, or a folder that
            already holds a run.
        InputError: the data cannot be used.
        OutputError: the run's folder cannot be written.
        TrainingError: the loss is no longer a number.
    """
    start, last = clock(), output / "last.ckpt"
    if resume and not last.is_file():
        raise UsageError(f"{last}: no such checkpoint; leave out --resume to start anew")
    if last.exists() and not resume:
        raise UsageError(f"{output}: holds a run already; --resume goes on, or choose another")
    run = _Run(recipe, output)
    if resume:
        run.resume(last)
    write_atomically(output / "recipe.yaml", recipe.to_yaml().encode())
    validation = load_validation(data, recipe.data, (recipe.size, recipe.size))
    training = load_training(data, recipe.data, progress=progress)
    late = False
    while run.step < recipe.steps and not late:
        losses = [run.advance(training) for _ in range(_block(run.step, recipe))]
        scores = _validate(run.average, validation, recipe)
        run.keep(sum(losses) / len(losses), scores)
        if report is not None:
            report(run.step, scores)
        late = max_minutes is not None and clock() - start > max_minutes * 60
    return HarmoniserResult(
        output / "best.ckpt", last, run.scores, run.step, run.step >= recipe.steps
    )


def _block(step: int, recipe: HarmoniserRecipe) -> int:
    """Steps until the next validation."""
    return min(recipe.every - step % recipe.every, recipe.steps - step)


def load_harmoniser(path: Path) -> tuple[HarmoniserRecipe, Harmoniser]:
    """The recipe and the network (averaged weights, evaluation mode) of a checkpoint.

    Raises:
        ModelError: the file is missing, damaged, or no harmoniser's.
    """
    content = read_checkpoint(path)
    if _RECIPE not in content:
        raise ModelError(f"{path}: no harmoniser's checkpoint; train one with train-harmoniser")
    recipe = parse_as(HarmoniserRecipe, content[_RECIPE], str(path))
    network = _build(recipe)
    set_weights(network, content, path)
    return recipe, network.eval()
