"""What the ways of tuning a trained network share: a short recipe, and some pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from livematte.training.recipe import Recipe, ScheduleConfig
from livematte.training.store import PictureStore

__all__ = ["Pictures", "shorten", "some_pictures"]

_BATCH = 8
_WARMUP = 50


class Pictures(NamedTuple):
    """Pictures of the input's size: N×3×H×W RGB in [0, 1]; N×1×H×W alpha, and 1 where known."""

    image: Tensor
    alpha: Tensor
    known: Tensor


def shorten(recipe: Recipe, epochs: int, *, name: str, rate: float) -> Recipe:
    """A recipe's last stage alone, for weights that are nearly where they should be.

    Args:
        recipe: what the network was trained by.
        epochs: of the only stage.
        name: of the run.
        rate: share of its learning rate, which falls to a hundredth along a cosine.
    """
    last = recipe.stages[-1]
    stage = replace(
        last, epochs=epochs, rate=last.rate * rate, freeze_encoder=False, freeze_levels=0
    )
    return replace(
        recipe,
        name=name,
        stages=(stage,),
        schedule=ScheduleConfig(kind="cosine", warmup=_WARMUP, floor=0.01),
        pretrained=None,
    )


def some_pictures(store: PictureStore, size: tuple[int, int], count: int) -> Iterator[Pictures]:
    """About ``count`` evenly spaced pictures of a store, stretched to ``size``, in batches."""

    def fit(pictures: Tensor) -> Tensor:
        return torch.nn.functional.interpolate(pictures, size, mode="bilinear", antialias=True)

    chosen = torch.arange(0, len(store), max(1, len(store) // count))[:count]
    for index in chosen.split(_BATCH):  # type: ignore[no-untyped-call]
        yield Pictures(
            fit(store.images[index].float() / 255),
            fit(store.alpha[index].float() / 255),
            (fit((~store.ignore[index]).float()) > 0.999).float(),
        )
