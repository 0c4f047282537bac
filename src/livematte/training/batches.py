"""The batch of a step: a pure function of (seed, step, process), so that a resumed run sees it too.

No state is kept between steps, so nothing about the data needs saving in a checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from livematte.data.augment import Augmenter, Batch, send
from livematte.data.composite import composite
from livematte.data.priors import PriorConfig, make_priors
from livematte.training.recipe import Recipe, Stage
from livematte.training.store import PictureStore

__all__ = ["BatchMaker", "TrainingBatch", "seed_step"]


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
        self._priors = PriorConfig(empty=1 - recipe.data.prior_p)

    def __call__(self, stage: Stage) -> TrainingBatch:
        """Make one batch for a stage; draws from torch's global generator."""
        store = self.store
        augmenter = Augmenter(self.recipe.augment, stage.size)
        drawn = torch.multinomial(store.weights, stage.batch_size, replacement=True)
        index = send(drawn, store.images.device)
        batch = augmenter.geometry(
            store.images[index],
            store.alpha[index],
            store.ignore[index],
            store.aspect[drawn],
            store.hard[drawn],
        )
        if len(store.backgrounds):
            batch = self._with_backgrounds(batch, store.cutout[drawn], augmenter)
        wants_plain = stage.loss.consistency > 0
        return TrainingBatch(
            plain=batch.image if wants_plain else None,
            image=augmenter.texture(batch.image),
            alpha=batch.alpha,
            valid=(~batch.ignore).float(),
            prior=make_priors(batch.alpha, self._priors) if self.recipe.prior else None,
        )

    def _with_backgrounds(self, batch: Batch, cutout: Tensor, augmenter: Augmenter) -> Batch:
        """Put cut-outs in front of rooms, and leave some rooms empty."""
        store, device = self.store, batch.image.device
        empty = torch.rand(len(cutout)) < self.recipe.data.negatives
        changed = (cutout | empty).nonzero()[:, 0]
        if not len(changed):
            return batch
        room = torch.randint(len(store.backgrounds), (len(changed),))
        pictures = store.backgrounds[send(room, device)]
        blank = torch.zeros_like(pictures[:, :1])
        hard = torch.ones(len(changed), dtype=torch.bool)
        rooms = augmenter.geometry(
            pictures, blank, blank.bool(), store.background_aspect[room], hard
        )
        index = send(changed, device)
        people = Batch(batch.image[index], batch.alpha[index], batch.ignore[index])
        made = composite(people, rooms.image)
        alone = send(empty[changed].view(-1, 1, 1, 1), device)
        return Batch(
            batch.image.index_copy(0, index, torch.where(alone, rooms.image, made.image)),
            batch.alpha.index_copy(0, index, made.alpha * ~alone),
            batch.ignore.index_copy(0, index, made.ignore & ~alone),
        )
