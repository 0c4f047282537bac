"""The batch of a step: a pure function of (seed, step, process), so that a resumed run sees it too.

No state is kept between steps, so nothing about the data needs saving in a checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from livematte.data.augment import Augmenter, Batch, Motion, send
from livematte.data.composite import composite
from livematte.data.priors import PriorConfig, make_priors
from livematte.training.recipe import Recipe, Stage
from livematte.training.store import PictureStore

__all__ = ["BatchMaker", "Moment", "TrainingBatch", "seed_step"]

SENSOR_NOISE = 0.02


@dataclass(frozen=True)
class Moment:
    """A moment before a batch: the same pictures, every layer moved a little, another noise.

    Attributes:
        image: N×3×H×W.
        alpha, valid: N×1×H×W, as of the batch.
        prior: N×1×H×W, what the network remembers then unless it is its own answer.
        own: N×1×1×1 bool, whose next prior shall be the network's own answer to this moment.
        cut: N×1×1×1 bool, whose prior in the batch shall be the answer to another of its pictures.
    """

    image: Tensor
    alpha: Tensor
    valid: Tensor
    prior: Tensor
    own: Tensor
    cut: Tensor


@dataclass(frozen=True)
class TrainingBatch:
    """A step's input and truth.

    Attributes:
        plain: N×3×H×W, geometry only; None unless a consistency loss needs it.
        image: N×3×H×W, with texture augmentation.
        alpha, valid: N×1×H×W; ``valid`` is 1 where the truth is known.
        prior: N×1×H×W distorted or empty last matte, for networks that take one.
        before: the moments that own answers are made from, the oldest first; none when the recipe
            wants none.
    """

    plain: Tensor | None
    image: Tensor
    alpha: Tensor
    valid: Tensor
    prior: Tensor | None
    before: tuple[Moment, ...] = ()


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
        if stage.more_sizes:  # else nothing is drawn, so that older recipes see the same
            sizes = (stage.size, *stage.more_sizes)
            stage = replace(stage, size=sizes[int(torch.randint(len(sizes), ()))])
        beginning = torch.get_rng_state()
        now = self._make(stage, Augmenter(self.recipe.augment, stage.size))
        if now.prior is None or not self.recipe.data.prior_own:
            return now
        return replace(now, before=self._before(stage, beginning))

    def _before(self, stage: Stage, beginning: Tensor) -> tuple[Moment, ...]:
        """The moments before the batch that was drawn from ``beginning`` on, the oldest first."""
        data, device = self.recipe.data, self.store.images.device
        own, cut = torch.rand(2, stage.batch_size, 1, 1, 1)
        own, cut = send(own < data.prior_own, device), send(cut < data.prior_cut, device)
        seed = int(torch.randint(2**62, ()))
        moments = []
        for age in range(data.moments, 0, -1):
            end = torch.get_rng_state()
            torch.set_rng_state(beginning)
            motion = Motion(torch.Generator().manual_seed(seed), age)
            then = self._make(stage, Augmenter(self.recipe.augment, stage.size, motion=motion))
            torch.set_rng_state(end)
            assert then.prior is not None
            noise = torch.randn_like(then.image) * SENSOR_NOISE
            image = (then.image + noise).clamp(0, 1)
            moments.append(Moment(image, then.alpha, then.valid, then.prior, own, cut))
        return tuple(moments)

    def _make(self, stage: Stage, augmenter: Augmenter) -> TrainingBatch:
        store = self.store
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
        """Put cut-outs, and some of the others, in front of rooms; leave some rooms empty."""
        store, device = self.store, batch.image.device
        empty = torch.rand(len(cutout)) < self.recipe.data.negatives
        elsewhere = cutout | empty
        if self.recipe.data.replaced:  # else nothing is drawn, so that older recipes see the same
            elsewhere |= torch.rand(len(cutout)) < self.recipe.data.replaced
        changed = elsewhere.nonzero()[:, 0]
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
        made = self._in_company(people, rooms.image)
        alone = send(empty[changed].view(-1, 1, 1, 1), device)
        return Batch(
            batch.image.index_copy(0, index, torch.where(alone, rooms.image, made.image)),
            batch.alpha.index_copy(0, index, made.alpha * ~alone),
            batch.ignore.index_copy(0, index, made.ignore & ~alone),
        )

    def _in_company(self, people: Batch, rooms: Tensor) -> Batch:
        """Composites of one person each, and of a second one behind some of them."""
        if not self.recipe.data.crowd:  # else nothing is drawn, so that older recipes see the same
            return composite(people, rooms)
        crowded = torch.rand(len(rooms), 1, 1, 1) < self.recipe.data.crowd
        second = send(crowded, rooms.device)
        others = Batch(*(x.roll(1, dims=0) for x in (people.image, people.alpha, people.ignore)))
        behind = composite(others, rooms)
        made = composite(people, torch.where(second, behind.image, rooms))
        beside = second * behind.alpha * (1 - made.alpha)
        return Batch(made.image, made.alpha + beside, made.ignore | (second & behind.ignore))
