"""Batches are a function of seed, step and process; composites keep their truth."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from livematte.data.augment import AugmentConfig, Augmenter, Batch, affine_matrices
from livematte.data.composite import composite
from livematte.data.datasets import open_dataset
from livematte.errors import InputError
from livematte.networks.base import Network, NetworkOutput
from livematte.training.batches import BatchMaker, TrainingBatch, seed_step
from livematte.training.objective import compute_losses
from livematte.training.recipe import LossConfig, Recipe
from livematte.training.store import load_training, load_validation


def draw(maker: BatchMaker, recipe: Recipe, seed: int, step: int, rank: int) -> TrainingBatch:
    seed_step(seed, step, rank)
    return maker(recipe.stages[0])


def test_same_step_same_batch(composites: Path, tiny: Recipe) -> None:
    maker = BatchMaker(load_training(composites, tiny.data), tiny)
    first, again = draw(maker, tiny, 1, 5, 0), draw(maker, tiny, 1, 5, 0)
    assert torch.equal(first.image, again.image)
    for other in ((2, 5, 0), (1, 6, 0), (1, 5, 1)):
        assert not torch.equal(first.image, draw(maker, tiny, *other).image)


def test_no_step_waits_for_an_answer_of_the_device(composites: Path, tiny: Recipe) -> None:
    """The meta device has shapes and no values: whatever reads one back from it fails."""
    store = load_training(composites, tiny.data)
    count = len(store)
    store = replace(
        store,
        hard=torch.arange(count) % 2 == 0,
        cutout=torch.arange(count) % 3 == 0,
        backgrounds=store.images,
        background_aspect=store.aspect,
    ).to(torch.device("meta"))
    often = {f: 0.5 for f in AugmentConfig.__dataclass_fields__ if f.endswith("_p")}
    recipe = replace(
        tiny,
        prior=True,
        augment=AugmentConfig(**often),
        stages=(replace(tiny.stages[0], batch_size=16),),
    )
    for step in range(3):
        batch = draw(BatchMaker(store, recipe), recipe, 1, step, 0)
        assert batch.prior is not None
        for part in (batch.image, batch.alpha, batch.valid, batch.prior):
            assert part.device.type == "meta"
            assert part.shape[2:] == (64, 64)


def test_reading_keeps_the_order_and_names_the_first_bad_file(
    composites: Path, tiny: Recipe, tmp_path: Path
) -> None:
    folder = tmp_path / "composites"
    shutil.copytree(composites, folder)
    store = load_training(folder, tiny.data)
    dataset = open_dataset(folder, split="train")
    for index in range(len(store)):
        picture = torch.from_numpy(dataset.load(index).image.copy()).permute(2, 0, 1)
        assert torch.equal(store.images[index], picture)
    for name in ("07", "03"):
        (folder / "images" / f"{name}.png").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"03\.png"):
        load_training(folder, tiny.data)


def test_names_of_sets_that_are_not_there_are_refused(composites: Path, tiny: Recipe) -> None:
    drawn = replace(tiny.data, weights={"composites": 1.0, "composite": 1.0})
    with pytest.raises(InputError, match=r"no set composite with .* there are composites"):
        load_training(composites.parent, drawn)
    validated = replace(tiny.data, validate=("composites", "portrait"))
    with pytest.raises(InputError, match=r"no set portrait with .* there are composites"):
        load_validation(composites.parent, validated, (64, 64))
    with pytest.raises(InputError, match=r"data\.validate"):
        load_validation(composites.parent, replace(tiny.data, cutouts=("composites",)), (64, 64))


def test_pictures_get_another_background_as_often_as_asked(composites: Path, still: Recipe) -> None:
    store = load_training(composites, still.data)
    white = torch.full_like(store.images, 255)
    store = replace(store, backgrounds=white, background_aspect=store.aspect)
    recipe = replace(still, stages=(replace(still.stages[0], batch_size=64),))

    def replaced(chance: float) -> torch.Tensor:
        data = replace(recipe.data, replaced=chance, backgrounds=("rooms",))
        used = replace(recipe, data=data)
        batch = draw(BatchMaker(store, used), used, 1, 0, 0)
        outside = batch.image.amin(dim=1, keepdim=True)[..., :2, :2]  # a corner, noise before
        assert batch.alpha.amax(dim=(1, 2, 3)).gt(0.5).all(), "nobody goes missing"
        return outside.amin(dim=(1, 2, 3)) > 0.99

    assert not replaced(0.0).any()
    assert 0.25 < replaced(0.5).float().mean() < 0.75
    assert replaced(1.0).all()


def test_some_composites_show_two_people_in_one_matte(composites: Path, still: Recipe) -> None:
    """People are half as wide as the picture and on either side of it; the room is white."""
    store = load_training(composites, still.data)
    left = torch.zeros_like(store.alpha)
    left[..., : left.shape[-1] // 2] = 255
    sides = torch.where((torch.arange(len(store)) % 2 == 0).view(-1, 1, 1, 1), left, 255 - left)
    white = torch.full_like(store.images, 255)
    store = replace(
        store, alpha=sides, images=torch.zeros_like(white), backgrounds=white,
        background_aspect=store.aspect, ignore=torch.zeros_like(store.ignore),
    )  # fmt: skip
    recipe = replace(still, stages=(replace(still.stages[0], batch_size=64),))

    def people(crowd: float) -> torch.Tensor:
        data = replace(recipe.data, replaced=1.0, crowd=crowd, backgrounds=("rooms",), negatives=0)
        used = replace(recipe, data=data)
        batch = draw(BatchMaker(store, used), used, 1, 0, 0)
        dark = (batch.image.mean(dim=1, keepdim=True) < 0.8).float()
        assert (dark - batch.alpha).abs().mean() < 0.1, "the matte is of all who are seen"
        return batch.alpha.mean(dim=(1, 2, 3))

    assert people(0.0).max() < 0.6
    assert 0.2 < (people(1.0) > 0.9).float().mean() < 0.8  # the others stand behind their twin


def test_the_moment_before_is_the_same_picture_a_little_moved(
    composites: Path, still: Recipe
) -> None:
    alone = replace(still, prior=True)
    store = load_training(composites, still.data)
    recipe = replace(alone, data=replace(still.data, prior_own=1.0, prior_cut=0.0))
    batch = draw(BatchMaker(store, recipe), recipe, 1, 0, 0)
    (before,) = batch.before
    assert before.own.all()
    assert not before.cut.any()
    moved = (before.alpha != batch.alpha).flatten(1).float().mean(dim=1)
    assert (moved > 0).all()
    assert (moved < 0.25).all()
    assert torch.equal(batch.image, draw(BatchMaker(store, alone), alone, 1, 0, 0).image)


@pytest.mark.parametrize("size", [(64, 64), (48, 112)])
@pytest.mark.parametrize("aspect", [0.6, 1.0, 1.8])
def test_widened_people_have_one_shape_whatever_the_pictures_and_the_outputs(
    aspect: float, size: tuple[int, int]
) -> None:
    """A disc in a picture of any proportions, stored square, comes out as much too wide."""
    rows, columns = torch.meshgrid(*[torch.arange(128) - 63.5] * 2, indexing="ij")
    disc = (rows**2 + (columns * aspect) ** 2 < 20**2).view(1, 1, 128, 128)
    plain: dict[str, Any] = {
        f: 0.0 for f in AugmentConfig.__dataclass_fields__ if f not in ("scale", "jpeg")
    }
    plain |= {"scale": (1.0, 1.0), "stretch": 1.0, "widen": 1.5}
    config = AugmentConfig(**plain)
    torch.manual_seed(3)
    alpha = disc.expand(8, -1, -1, -1).to(torch.uint8) * 255
    batch = Augmenter(config, size).geometry(
        alpha.expand(-1, 3, -1, -1), alpha, alpha < 0, torch.full((8,), aspect), disc.new_ones(8)
    )
    middle = [side // 2 for side in size]
    down, right = (
        batch.alpha[:, 0, middle[0] :, middle[1]],
        batch.alpha[:, 0, middle[0], middle[1] :],
    )
    tall, wide = (line.cumprod(dim=1).sum(dim=1) for line in (down, right))
    inside = (tall < down.shape[1]) & (wide < right.shape[1])
    assert inside.any()
    assert torch.allclose((wide / tall)[inside], torch.tensor(1.5), rtol=0.15)


def test_a_step_draws_one_of_its_stages_sizes(composites: Path, still: Recipe) -> None:
    data = replace(still.data, prior_own=1.0)
    stage = replace(still.stages[0], size=(64, 64), more_sizes=((32, 96), (96, 32)))
    recipe = replace(still, prior=True, data=data, stages=(stage,))
    maker = BatchMaker(load_training(composites, data), recipe)
    batches = [draw(maker, recipe, 1, step, 0) for step in range(12)]
    assert {tuple(b.image.shape[2:]) for b in batches} == {stage.size, *stage.more_sizes}
    for batch in batches:
        (before,) = batch.before
        assert before.image.shape == batch.image.shape
        moved = (before.alpha != batch.alpha).flatten(1).float().mean(dim=1)
        assert (moved < 0.25).all(), "the moment before shows the same picture"


def test_a_longer_clip_moves_on_in_one_direction(composites: Path, still: Recipe) -> None:
    """A disc's middle goes the same way from each moment to the next."""
    store = load_training(composites, still.data)
    sides = [torch.arange(side) - side / 2 for side in store.alpha.shape[2:]]
    rows, columns = torch.meshgrid(*sides, indexing="ij")
    disc = (rows**2 + columns**2 < (len(rows) / 5) ** 2).to(torch.uint8) * 255
    store = replace(store, alpha=disc.expand_as(store.alpha).contiguous())
    data = replace(still.data, prior_own=1.0, moments=3)
    recipe = replace(still, prior=True, data=data)
    batch = draw(BatchMaker(store, recipe), recipe, 1, 0, 0)
    assert len(batch.before) == 3
    ways = torch.stack([_middle(x.alpha) for x in (*batch.before, batch)])
    steps = ways.diff(dim=0)
    assert (steps[0].norm(dim=1) > 0.1).any()
    assert torch.allclose(steps[0], steps[1], atol=0.5)
    assert torch.allclose(steps[1], steps[2], atol=0.5)
    pair = replace(recipe, data=replace(data, moments=1))
    assert torch.equal(batch.image, draw(BatchMaker(store, pair), pair, 1, 0, 0).image)


def _middle(alpha: torch.Tensor) -> torch.Tensor:
    """N×2 centres of mass, in pixels."""
    places = torch.stack(torch.meshgrid(*map(torch.arange, alpha.shape[2:]), indexing="ij")).float()
    return (alpha * places).sum(dim=(2, 3)) / alpha.sum(dim=(2, 3))


class Brightness(Network):
    """Answers with the picture's mean brightness, and notes its priors."""

    default_size = (64, 64)

    def __init__(self) -> None:
        super().__init__(prior=True)
        self.seen: list[torch.Tensor | None] = []

    def forward(self, image: torch.Tensor, prior: torch.Tensor | None = None) -> NetworkOutput:
        self.seen.append(prior)
        return NetworkOutput(image.mean(dim=1, keepdim=True))


@pytest.mark.parametrize("moments", [1, 3])
@pytest.mark.parametrize("cut", [0.0, 1.0])
def test_own_answers_become_priors_and_a_cut_brings_anothers(
    composites: Path, still: Recipe, cut: float, moments: int
) -> None:
    config = LossConfig(cross_entropy=0.0, steady=1.0)
    data = replace(still.data, prior_own=1.0, prior_cut=cut, moments=moments)
    stage = replace(still.stages[0], loss=config)
    recipe = replace(still, prior=True, data=data, stages=(stage,))
    batch = draw(BatchMaker(load_training(composites, data), recipe), recipe, 1, 0, 0)
    network = Brightness()
    parts = compute_losses(network, batch, config, None)
    answers = [torch.sigmoid(x.image.mean(dim=1, keepdim=True)) for x in batch.before]
    assert len(answers) == moments
    expected = [batch.before[0].prior, *answers]
    if cut:
        expected[-1] = answers[-1].roll(1, dims=0)
    for prior, answer in zip(network.seen, expected, strict=True):
        assert prior is not None
        assert torch.equal(prior, answer)
    assert (float(parts["steady"]) == 0.0) == bool(cut)


def test_prior_networks_get_a_prior_of_the_matte(composites: Path, tiny: Recipe) -> None:
    recipe = replace(tiny, prior=True, data=replace(tiny.data, prior_p=1.0))
    batch = draw(BatchMaker(load_training(composites, recipe.data), recipe), recipe, 1, 0, 0)
    assert batch.prior is not None
    assert batch.prior.shape == batch.alpha.shape
    overlap = ((batch.prior > 0.5) & (batch.alpha > 0.5)).sum() / (batch.alpha > 0.5).sum()
    assert 0.5 < overlap < 1.0


def test_hard_masks_stay_hard_and_ignored_pixels_move_along(tiny: Recipe) -> None:
    images = torch.randint(0, 255, (4, 3, 64, 64), dtype=torch.uint8)
    alpha = torch.zeros(4, 1, 64, 64, dtype=torch.uint8)
    alpha[..., 20:50, 10:40] = 255
    ignore = alpha > 0
    torch.manual_seed(0)
    batch = Augmenter(AugmentConfig(), (48, 48)).geometry(
        images, alpha, ignore, torch.ones(4), torch.ones(4, dtype=torch.bool)
    )
    assert set(batch.alpha.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(batch.ignore, batch.alpha > 0.5)


@pytest.mark.parametrize(
    "name", [f for f in AugmentConfig.__dataclass_fields__ if f.endswith("_p") and f != "flip_p"]
)
def test_every_distortion_changes_the_picture_and_stays_in_range(name: str) -> None:
    none = AugmentConfig(
        brightness=0, contrast=0, saturation=0, local_light=0, temperature=0, dark_p=0,
        gaussian_p=0, motion_p=0, median_p=0, noise_p=0, jpeg_p=0, grey_p=0,
    )  # fmt: skip
    torch.manual_seed(0)
    image = torch.rand(2, 3, 32, 40)
    untouched = Augmenter(none, (32, 40)).texture(image)
    torch.testing.assert_close(untouched, image, atol=1e-3, rtol=0)
    changed = Augmenter(replace(none, **{name: 1.0}), (32, 40)).texture(image)
    assert (changed - image).abs().mean() > 0.01
    assert 0 <= changed.min() <= changed.max() <= 1


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "local_light"])
def test_colour_strength_of_zero_is_none_and_of_half_is_some(name: str) -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 3, 16, 16) * 0.5 + 0.2
    off = {f: 0.0 for f in AugmentConfig.__dataclass_fields__ if f not in ("scale", "jpeg")}
    changed = Augmenter(AugmentConfig(**{**off, name: 0.5}), (16, 16)).texture(image)  # type: ignore[arg-type]
    assert (changed - image).abs().max() > 0.01


def test_composite_shows_the_person_inside_and_the_room_outside() -> None:
    person, room = torch.full((1, 3, 32, 32), 0.9), torch.full((1, 3, 32, 32), 0.1)
    alpha = torch.zeros(1, 1, 32, 32)
    alpha[..., 8:24, 8:24] = 1
    made = composite(Batch(person, alpha, alpha.bool()), room, match=0.0)
    assert made.image[0, 0, 16, 16].item() == pytest.approx(0.9)
    assert made.image[0, 0, 2, 2].item() == pytest.approx(0.1)
    mixed = made.image[0, 0] * 1.0
    torch.testing.assert_close(mixed, 0.1 + 0.8 * made.alpha[0, 0])


@pytest.mark.parametrize("aspect", [0.5, 1.0, 1.8])
def test_pictures_are_rotated_in_their_true_proportions(aspect: float) -> None:
    config = AugmentConfig(rotation=60.0, stretch=1.5, scale=(0.5, 2.0))
    torch.manual_seed(0)
    shape = torch.tensor([[aspect, 0.0], [0.0, 1.0]])
    stored = affine_matrices(config, torch.full((20,), aspect))[:, :, :2]
    true = shape @ stored @ torch.linalg.inv(shape)
    columns = true.transpose(1, 2)
    angles = (columns[:, 0] * columns[:, 1]).sum(dim=1)
    torch.testing.assert_close(angles, torch.zeros(20), atol=1e-5, rtol=0)
    lengths = columns.norm(dim=2)
    ratio = lengths[:, 0] / lengths[:, 1]
    assert ratio.max() <= 1.5 + 1e-4
    assert ratio.min() >= 1 / 1.5 - 1e-4


def test_zooming_out_does_not_alias() -> None:
    """A fine grating becomes grey when it is shrunk four times, whatever the resampling skips."""
    off = {f: 0.0 for f in AugmentConfig.__dataclass_fields__ if f not in ("scale", "jpeg")}
    config = AugmentConfig(**{**off, "scale": (0.5, 0.5), "stretch": 1.0})  # type: ignore[arg-type]
    grating = (torch.arange(128) % 2 * 255).to(torch.uint8).expand(1, 3, 128, 128)
    blank = torch.zeros(1, 1, 128, 128, dtype=torch.uint8)
    soft = torch.zeros(1, dtype=torch.bool)
    batch = Augmenter(config, (64, 64)).geometry(grating, blank, blank.bool(), torch.ones(1), soft)
    assert batch.image[..., 8:-8, 8:-8].std() < 0.03
