from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from livematte.data.clips import ClipConfig, moving_person
from livematte.data.cutouts import Cutout, cut_out
from livematte.data.sample import RgbImage, Sample
from livematte.errors import UsageError

CONFIG = ClipConfig(frames=12, size=(72, 96), grain=0.0, exposure=0.0)


def bust(left: int = 30) -> Cutout:
    """A red bust that the lower edge cuts off."""
    alpha = np.zeros((80, 100), np.float32)
    alpha[30:, left : left + 40] = 1
    image = np.full((80, 100, 3), 20, np.uint8)
    image[alpha > 0] = (200, 40, 40)
    found = cut_out(Sample(image, alpha, None, "bust", soft=False))
    assert found is not None
    return found


def room(value: int) -> RgbImage:
    stripes = np.full((100, 140, 3), value, np.uint8)
    stripes[:, ::10] = value // 2
    return stripes


def clip(config: ClipConfig, seed: int = 3) -> list[Sample]:
    rng = np.random.default_rng(seed)
    return list(moving_person(bust(), room(120), rng, config, elsewhere=room(60)))


def middle(alpha: np.ndarray) -> float:
    return float((alpha.sum(axis=0) * np.arange(alpha.shape[1])).sum() / alpha.sum())


def test_the_person_moves_and_the_matte_with_it() -> None:
    frames = clip(replace(CONFIG, sway=0.2))
    assert len({middle(frame.alpha) for frame in frames}) == len(frames)
    for frame in frames:
        assert frame.image.shape == (72, 96, 3)
        red = frame.image[..., 0].astype(int) - frame.image[..., 1] > 60
        assert np.mean(red == (frame.alpha > 0.5)) > 0.98


def test_the_matte_reaches_the_lower_edge_in_every_frame() -> None:
    assert all(frame.alpha[-1].max() > 0.9 for frame in clip(CONFIG))


def test_one_seed_one_clip() -> None:
    noisy = replace(CONFIG, grain=3.0)
    first, again, other = clip(noisy), clip(noisy), clip(noisy, seed=4)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].image, other[0].image)


def test_a_leaving_person_is_gone_at_the_end() -> None:
    frames = clip(replace(CONFIG, ending="leave", frames=20))
    assert frames[8].alpha.max() == pytest.approx(1, abs=0.01)
    assert frames[-1].alpha.max() < 0.01


def test_a_cut_changes_room_and_matte_at_once() -> None:
    frames = clip(replace(CONFIG, ending="cut"))
    assert frames[6].alpha.max() > 0.9
    assert frames[7].alpha.max() == 0
    assert frames[7].image.mean() < frames[6].image.mean() - 20


def test_what_cannot_be_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match="cannot move"):
        next(moving_person(bust(left=0), room(120), rng, CONFIG))
    with pytest.raises(UsageError, match="second room"):
        next(moving_person(bust(), room(120), rng, replace(CONFIG, ending="cut")))
