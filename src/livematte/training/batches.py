"""The batch of a step: a pure function of (seed, step, process), so that a resumed run sees it too.

No state is kept between steps, so nothing about the data needs saving in a checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from livematte.data.augment import Augmenter, Batch
from livematte.data.composite import composite
from livematte.data.priors import PriorConfig, make_prior
from livematte.training.recipe import Recipe, Stage
from livematte.training.store import PictureStore

__all__ = ["BatchMaker", "TrainingBatch", "distorted_priors", "seed_step"]


@dataclass(frozen=True)
class TrainingBatch:
    """A step's input and truth.

    Attributes:
        plain: N×3×H×W, geometry only; None unless a consistency loss needs it.
        image: N×3×H×W, with texture augmentation.
        alpha, valid: N×1×H×W; ``valid`` is 1 where the truth is known.
        prior: N×1×H×W distorted or empty last matte, for networks that take one.
    """

    plain: Tensor | None
    image: Tensor
    alpha: Tensor
    valid: Tensor
    prior: Tensor | None


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed torch so that everything drawn in this step depends on nothing else."""
    torch.manual_seed((seed * 1_000_003 + step) * 1_009 + rank)


class BatchMaker:
    """Draws, augments and composes batches on the device where the store lies."""

    def __init__(self, store: PictureStore, recipe: Recipe) -> None:
        self.store = store
        self.recipe = recipe

    def __call__(self, stage: Stage) -> TrainingBatch:
        """Make one batch for a stage; draws from torch's global generator."""
        store = self.store
        augmenter = Augmenter(self.recipe.augment, stage.size)
        drawn = torch.multinomial(store.weights, stage.batch_size, replacement=True)
        index = drawn.to(store.images.device)
        batch = augmenter.geometry(
            store.images[index],
            store.alpha[index],
            store.ignore[index],
            store.aspect[index],
            store.hard[index],
        )
        if len(store.backgrounds):
            batch = self._with_backgrounds(batch, store.cutout[index], augmenter)
        wants_plain = stage.loss.consistency > 0
        return TrainingBatch(
            plain=batch.image if wants_plain else None,
            image=augmenter.texture(batch.image),
            alpha=batch.alpha,
            valid=(~batch.ignore).float(),
            prior=self._priors(batch.alpha) if self.recipe.prior else None,
        )

    def _with_backgrounds(self, batch: Batch, cutout: Tensor, augmenter: Augmenter) -> Batch:
        """Put cut-outs in front of rooms, and leave some rooms empty."""
        n, device = len(cutout), cutout.device
        empty = torch.rand(n, device=device) < self.recipe.data.negatives
        changed = cutout | empty
        count = int(changed.sum())
        if not count:
            return batch
        store = self.store
        room = torch.randint(len(store.backgrounds), (count,), device=device)
        pictures = store.backgrounds[room]
        blank = torch.zeros_like(pictures[:, :1])
        rooms = augmenter.geometry(
            pictures,
            blank,
            blank.bool(),
            store.background_aspect[room],
            torch.ones(count, dtype=torch.bool, device=device),
        )
        people = Batch(batch.image[changed], batch.alpha[changed], batch.ignore[changed])
        made = composite(people, rooms.image)
        alone = empty[changed].view(-1, 1, 1, 1)
        image, alpha, ignore = batch.image.clone(), batch.alpha.clone(), batch.ignore.clone()
        image[changed] = torch.where(alone, rooms.image, made.image)
        alpha[changed] = torch.where(alone, torch.zeros_like(made.alpha), made.alpha)
        ignore[changed] = made.ignore & ~alone
        return Batch(image, alpha, ignore)

    def _priors(self, alpha: Tensor) -> Tensor:
        seed = int(torch.randint(2**31, ()))
        return distorted_priors(alpha, seed=seed, empty=1 - self.recipe.data.prior_p)


def distorted_priors(alpha: Tensor, *, seed: int, empty: float) -> Tensor:
    """A plausible last matte for each of N×1×H×W mattes, or none with probability ``empty``.

    Warped one by one on the CPU; see :mod:`livematte.data.priors`.
    """
    rng = np.random.default_rng(seed)
    config = PriorConfig(empty=empty)
    mattes = [make_prior(matte, rng, config) for matte in alpha[:, 0].cpu().numpy()]
    return torch.from_numpy(np.stack(mattes)[:, None]).to(alpha)
