"""Prior masks: the warps go where they are told, and chance is repeatable."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from livematte.data.priors import (
    PriorConfig,
    affine_map,
    lattice,
    make_priors,
    motion_blur,
    perspective_map,
    resample,
    thin_plate_map,
)

CORNERS = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=torch.float64)[None]
GRID = torch.tensor([[x / 2, y / 2] for y in range(3) for x in range(3)], dtype=torch.float64)[None]


@pytest.fixture
def alpha() -> Tensor:
    matte = torch.zeros(1, 1, 64, 80)
    matte[..., 20:50, 25:55] = 1
    return matte


def centre(matte: Tensor) -> tuple[float, float]:
    y, x = torch.meshgrid(*(torch.arange(side) for side in matte.shape[-2:]), indexing="ij")
    return float((matte * x).sum() / matte.sum()), float((matte * y).sum() / matte.sum())


@pytest.mark.parametrize(
    ("move", "points"),
    [(affine_map, CORNERS[:, :3]), (perspective_map, CORNERS), (thin_plate_map, GRID)],
    ids=["affine", "perspective", "thin plate"],
)
class TestMaps:
    def test_points_that_stay_change_nothing(self, move, points, alpha):
        same = resample(alpha, move(lattice(64, 80), points).float())
        torch.testing.assert_close(same, alpha, atol=1e-3, rtol=0)

    def test_points_that_move_carry_the_matte_along(self, move, points, alpha):
        places = move(lattice(64, 80), points + torch.tensor([0.1, -0.0625]))
        before, after = centre(alpha), centre(resample(alpha, places.float()))
        assert after[0] - before[0] == pytest.approx(8, abs=0.1)
        assert after[1] - before[1] == pytest.approx(-4, abs=0.1)

    def test_every_point_goes_to_its_own_place(self, move, points):
        torch.manual_seed(0)
        targets = points.repeat(3, 1, 1)
        targets = targets + (torch.rand_like(targets) - 0.5) * 0.1
        torch.testing.assert_close(move(targets, targets), points.repeat(3, 1, 1))


def test_thin_plate_bends_only_near_the_point_that_moves() -> None:
    targets = GRID.clone()
    targets[0, 4, 0] += 0.1
    edge = torch.tensor([[[0.0, 0.5], [1.0, 0.5], [0.5, 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(thin_plate_map(edge, targets), edge)
    near = thin_plate_map(torch.tensor([[[0.6, 0.5]]], dtype=torch.float64), targets)
    torch.testing.assert_close(near, torch.full((1, 1, 2), 0.5, dtype=torch.float64))


def test_motion_blur_keeps_the_mass_and_smears_along_its_line() -> None:
    dots = torch.zeros(2, 1, 41, 41)
    dots[..., 20, 20] = 1
    level, diagonal = motion_blur(dots, torch.full((2,), 11.0), torch.tensor([0.0, 45.0]))[:, 0]
    assert level.sum() == pytest.approx(1, abs=1e-4)
    assert (level[20, 16:25] > 0.05).all()
    assert level[20, 12] < 1e-3
    assert level[18].max() < 1e-6
    assert diagonal[22, 22] > 0.02
    assert diagonal[22, 18] < 1e-3


def test_edges_go_on_outside() -> None:
    """A person who is cut off by the frame stays whole at its edge."""
    person = torch.ones(1, 1, 32, 32)
    torch.manual_seed(0)
    priors = make_priors(person.repeat(8, 1, 1, 1), PriorConfig(empty=0.0, each=1.0))
    torch.testing.assert_close(priors, person.repeat(8, 1, 1, 1))


def test_priors_are_plausible_and_repeatable(alpha: Tensor) -> None:
    mattes = alpha.repeat(40, 1, 1, 1)
    config = PriorConfig(empty=0.0)
    priors, again = (
        make_priors(mattes, config, torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(priors, again)
    assert 0 <= priors.min() <= priors.max() <= 1
    both = torch.minimum(priors, mattes).sum((1, 2, 3)) / torch.maximum(priors, mattes).sum(
        (1, 2, 3)
    )
    assert both.min() > 0.4
    assert len({round(float(value), 4) for value in both}) > 20


@pytest.mark.parametrize("each", [0.0, 0.5, 1.0])
def test_each_distortion_comes_as_often_as_asked(alpha: Tensor, each: float) -> None:
    mattes = alpha.repeat(60, 1, 1, 1)
    priors = make_priors(
        mattes, PriorConfig(empty=0.0, each=each), torch.Generator().manual_seed(1)
    )
    untouched = ((priors - mattes).abs().amax((1, 2, 3)) < 1e-3).sum()
    assert {0.0: untouched == 60, 0.5: 0 < untouched < 12, 1.0: untouched == 0}[each]


def test_empty_priors_come_as_often_as_asked(alpha: Tensor) -> None:
    mattes = alpha.repeat(100, 1, 1, 1)
    torch.manual_seed(0)
    empty = (make_priors(mattes, PriorConfig(empty=0.5)).amax((1, 2, 3)) == 0).sum()
    assert 30 < empty < 70
    assert make_priors(mattes, PriorConfig(empty=0.0)).amax((1, 2, 3)).min() > 0
