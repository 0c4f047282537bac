"""A segmenter with a memory: the prior, its loss at a cut, and the hook for steadiness."""

import numpy as np
import pytest

from livematte.errors import UsageError
from livematte.refinement import Cleaning, Steadiness
from livematte.refinement.scene import SceneCuts
from livematte.segmenter import Care, Segmenter
from livematte.spec import ModelSpec
from livematte.stream import SegmenterStream

RED, BLUE, WHITE = (220, 30, 30), (30, 30, 220), (250, 250, 250)


class Remembering:
    """An engine whose matte is red, plus half of what it is told it saw last."""

    name, device, threads = "remembering", "cpu", None

    def __init__(self, *, prior: bool) -> None:
        self.spec = ModelSpec("remembering", 32, 32, prior=prior)
        self.priors: list[np.ndarray | None] = []

    def run(self, image: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
        self.priors.append(prior)
        matte = (image[..., 0] > image[..., 2]).astype(np.float32)
        return matte if prior is None else np.maximum(matte, 0.5 * prior)


def frame(left: int, room: tuple[int, int, int] = BLUE) -> np.ndarray:
    image = np.full((48, 64, 3), room, np.uint8)
    image[8:40, left : left + 24] = RED
    return image


def test_the_prior_is_the_last_matte() -> None:
    engine = Remembering(prior=True)
    stream = Segmenter(engine).stream()
    first = stream.segment(frame(4), refine=False)
    second = stream.segment(frame(6), refine=False)
    assert first.shape == second.shape == (48, 64)
    assert engine.priors[0] is None
    np.testing.assert_array_equal(
        engine.priors[1], Remembering(prior=True).run(stream.fit(frame(4)).image)
    )
    assert second[24, 5] == pytest.approx(0.5, abs=0.26)  # what was person is remembered


def test_models_without_a_prior_get_none() -> None:
    engine = Remembering(prior=False)
    stream = SegmenterStream(engine)
    for left in (4, 6, 8):
        stream.segment(frame(left))
    assert engine.priors == [None] * 3


def test_a_cut_is_forgotten() -> None:
    engine = Remembering(prior=True)
    stream = SegmenterStream(engine)
    for image in (frame(4), frame(6), frame(30, WHITE), frame(32, WHITE)):
        stream.segment(image)
    assert [prior is None for prior in engine.priors] == [True, False, True, False]
    assert stream.cuts == 1
    stream.forget()
    stream.segment(frame(32, WHITE))
    assert engine.priors[-1] is None


def test_a_steady_hook_sees_every_frame_in_order() -> None:
    seen: list[bool] = []

    def steady(matte: np.ndarray, image: np.ndarray, fresh: bool) -> np.ndarray:
        assert matte.shape == (32, 32)
        assert image.shape == (32, 32, 3)
        seen.append(fresh)
        return np.zeros_like(matte)

    stream = Segmenter(Remembering(prior=False)).stream(steady=steady)
    for image in (frame(4), frame(6), frame(30, WHITE)):
        assert stream.segment(image, refine=False).max() == 0
    assert seen == [True, False, True]


def test_what_is_steadied_is_not_what_the_model_is_told() -> None:
    """Or a filter's memory and a network's would hold each other."""
    engine = Remembering(prior=True)
    stream = Segmenter(engine).stream(steady=lambda matte, image, fresh: np.zeros_like(matte))
    stream.segment(frame(4))
    stream.segment(frame(4))
    assert engine.priors[1].max() == 1


def small_person(left: int, room: tuple[int, int, int] = BLUE) -> np.ndarray:
    image = np.full((240, 320, 3), room, np.uint8)
    image[100:124, left : left + 12] = RED
    return image


@pytest.mark.parametrize("flow", [False, True])
def test_a_small_person_is_segmented_as_finely_as_a_large_one(flow: bool) -> None:
    """Ten columns of the frame are one of the model's; two in the view that follows the person."""
    errors = {}
    for region in (False, True):
        segmenter = Segmenter(Remembering(prior=False), Care(region=region))
        stream = segmenter.stream(steady=Steadiness(flow=flow))
        worst = 0.0
        for left in range(101, 221, 5):
            matte = stream.segment(small_person(left), refine=False)
            truth = small_person(left)[..., 0] == RED[0]
            if left > 101:  # the first look is at the whole
                worst = max(worst, float(np.abs(matte - truth).sum() / truth.sum()))
        errors[region] = worst
    assert errors[True] < 0.5 * errors[False]


def test_the_prior_is_carried_into_the_view() -> None:
    engine = Remembering(prior=True)
    stream = Segmenter(engine, Care(region=True)).stream()
    for _ in range(3):
        stream.segment(small_person(101))
    person = stream.fit(small_person(101)).image[..., 0] > 0.5
    assert person.sum() > 50  # 8 in the whole
    for prior in engine.priors[1:]:
        assert np.mean((prior > 0.5) == person) > 0.85


def test_a_cut_and_a_loss_look_at_the_whole_again() -> None:
    stream = Segmenter(Remembering(prior=False), Care(region=True)).stream()
    for _ in range(3):
        stream.segment(small_person(101))
    assert not stream.fit(small_person(101)).view.is_whole
    assert stream.fit(small_person(250, WHITE)).view.is_whole
    stream.infer(stream.fit(small_person(250, WHITE)))
    stream.segment(np.full((240, 320, 3), WHITE, np.uint8))
    assert stream.fit(small_person(250, WHITE)).view.is_whole


def test_who_enters_elsewhere_is_found_within_a_second() -> None:
    stream = Segmenter(Remembering(prior=False), Care(region=True)).stream()
    both = np.maximum(small_person(40), small_person(160))
    both[..., 2] = np.minimum(small_person(40), small_person(160))[..., 2]
    for _ in range(3):
        stream.segment(small_person(40))
    mattes = [stream.segment(both, refine=False) for _ in range(32)]
    assert mattes[0][112, 166] == 0
    assert mattes[-1][112, 166] > 0.5
    assert mattes[-1][112, 46] > 0.5


def test_cleaning_is_done_to_each_matte() -> None:
    pair = frame(4)
    pair[10:20, 50:60] = RED
    segmenter = Segmenter(Remembering(prior=False), Care(cleaning=Cleaning(largest=True)))
    for matte in (segmenter.stream().segment(pair), segmenter.segment(pair)):
        assert matte[24, 16] == 1
        assert matte[14, 55] == 0


def test_a_picture_is_looked_at_twice_where_the_person_is_small() -> None:
    engine = Remembering(prior=False)
    truth = small_person(101)[..., 0] == RED[0]
    errors = [
        np.abs(Segmenter(engine, Care(region=region)).segment(small_person(101)) - truth).sum()
        for region in (False, True)
    ]
    assert errors[1] < 0.8 * errors[0]
    assert len(engine.priors) == 3
    Segmenter(engine).segment(frame(4))  # large enough
    assert len(engine.priors) == 4


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_frame(image: np.ndarray) -> None:
    with pytest.raises(UsageError, match="a frame is"):
        SegmenterStream(Remembering(prior=False)).segment(image)


def cuts(images: list[np.ndarray]) -> list[int]:
    scenes = SceneCuts()
    return [number for number, image in enumerate(images) if scenes.is_cut(image)]


def test_movement_is_no_cut() -> None:
    rng = np.random.default_rng(0)
    moving = [frame(2 + 2 * n) for n in range(15)]
    noisy = [np.clip(f + rng.normal(0, 12, f.shape), 0, 255).astype(np.uint8) for f in moving]
    assert cuts(noisy) == []
    panned = rng.integers(0, 255, (8, 32, 3), np.uint8).repeat(6, 0).repeat(6, 1)
    assert cuts([panned[:, 2 * n : 2 * n + 64] for n in range(15)]) == []


def test_a_lamp_that_flickers_counts_once_until_it_is_calm() -> None:
    dark, light = frame(4) // 4, frame(4, WHITE)
    assert cuts([dark] * 3 + [light, dark, light, dark] + [dark] * 3 + [light] * 3) == [3, 10]


def test_float_frames_are_as_good() -> None:
    images = [frame(4), frame(6), frame(30, WHITE)]
    assert cuts(images) == cuts([np.float32(i) / np.float32(255) for i in images]) == [2]


class AnySize(Remembering):
    """It takes the frames in their own proportions."""

    def __init__(self) -> None:
        super().__init__(prior=True)
        self.spec = ModelSpec("any", 64, 64, prior=True, step=8)
        self.shapes: list[tuple[int, ...]] = []

    def run(self, image: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
        self.shapes.append(image.shape[:2])
        assert prior is None or prior.shape == image.shape[:2]
        return super().run(image, prior)


def test_a_model_of_any_size_sees_films_as_they_are() -> None:
    engine = AnySize()
    stream = Segmenter(engine).stream()
    film = [frame(4), frame(6), frame(6).transpose(1, 0, 2), frame(8)]  # turned, and back
    mattes = [stream.segment(np.ascontiguousarray(image), refine=False) for image in film]
    assert engine.shapes == [(56, 72), (56, 72), (72, 56), (56, 72)]
    # what was seen in other proportions says nothing
    assert [prior is None for prior in engine.priors] == [True, False, True, True]
    for image, matte in zip(film, mattes, strict=True):
        person = image[..., 0] > image[..., 2]
        assert matte.shape == person.shape
        assert np.abs(matte - person)[..., 12:].mean() < 0.05


def test_live_films_get_fewer_pixels() -> None:
    engine = AnySize()
    for live in (False, True):
        Segmenter(engine).stream(live=live).segment(frame(4))
    whole, fewer = (height * width for height, width in engine.shapes)
    assert fewer <= 0.65 * whole
