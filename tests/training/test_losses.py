"""Losses against values worked out by hand, and their properties."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from livematte.training import losses

ONES = torch.ones(1, 1, 8, 8)


def half() -> torch.Tensor:
    alpha = torch.zeros(1, 1, 8, 8)
    alpha[..., 4:] = 1
    return alpha


def test_cross_entropy_equals_two_class_softmax() -> None:
    logits = torch.randn(2, 2, 5, 5)
    target = torch.randint(0, 2, (2, 5, 5))
    own = losses.cross_entropy(
        logits[:, 1:] - logits[:, :1], target[:, None].float(), torch.ones(2, 1, 5, 5)
    )
    torch.testing.assert_close(own, F.cross_entropy(logits, target))


def test_ignored_pixels_do_not_count() -> None:
    logit, alpha, valid = torch.zeros(1, 1, 8, 8), half(), ONES.clone()
    logit[..., 0], valid[..., 0] = 1e4, 0
    assert losses.cross_entropy(logit, alpha, valid).item() == pytest.approx(math.log(2))


def test_boundary_band_is_as_wide_as_its_kernel_allows() -> None:
    band = losses.boundary_band(half(), 3)
    assert band[0, 0, 0].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("kernel", [3, 5, 7, 15])
def test_boundary_band_is_what_two_poolings_give(kernel: int) -> None:
    alpha = (torch.rand(2, 1, 21, 12, generator=torch.Generator().manual_seed(0)) > 0.8).float()
    dilated = F.max_pool2d(alpha, kernel, stride=1, padding=kernel // 2)
    eroded = -F.max_pool2d(-alpha, kernel, stride=1, padding=kernel // 2)
    assert torch.equal(losses.boundary_band(alpha, kernel), dilated - eroded)
    assert torch.equal(losses.away_from_void(alpha, kernel), eroded)


def test_boundary_cross_entropy_sees_only_the_band() -> None:
    logit = torch.where(half() > 0, 20.0, -20.0)
    logit[..., 0] = 20.0
    assert losses.boundary_cross_entropy(logit, half(), ONES, 3).item() < 1e-6
    assert losses.cross_entropy(logit, half(), ONES).item() > 1


def test_edges_lie_on_the_contour_and_have_the_width() -> None:
    alpha = torch.zeros(1, 1, 40, 40)
    alpha[..., 20:] = 1
    edge = losses.edges(alpha, width=4)[0, 0, 20]
    columns = edge.nonzero().flatten().tolist()
    assert 4 <= len(columns) <= 6
    assert min(columns) >= 16
    assert max(columns) <= 23


def test_focal_with_gamma_zero_is_cross_entropy() -> None:
    logit = torch.randn(1, 1, 8, 8)
    torch.testing.assert_close(
        losses.focal(logit, half(), ONES, gamma=0.0), losses.cross_entropy(logit, half(), ONES)
    )


def test_consistency_is_the_mean_kl_of_both_classes() -> None:
    student, teacher = torch.randn(1, 2, 6, 6), torch.randn(1, 2, 6, 6)
    wanted = F.kl_div(student.log_softmax(1), teacher.softmax(1), reduction="none").mean()
    own = losses.consistency(
        student[:, 1:] - student[:, :1], teacher[:, 1:] - teacher[:, :1], torch.ones(1, 1, 6, 6)
    )
    torch.testing.assert_close(own, wanted)


def test_consistency_does_not_teach_the_plain_view() -> None:
    plain = torch.randn(1, 1, 8, 8, requires_grad=True)
    losses.consistency(torch.randn(1, 1, 8, 8, requires_grad=True), plain, ONES).backward()
    assert plain.grad is None


@pytest.mark.parametrize("loss", [losses.dice, losses.l1, losses.laplacian])
def test_matte_losses_vanish_on_the_truth_and_only_there(loss: object) -> None:
    assert callable(loss)
    right = torch.where(half() > 0, 30.0, -30.0)
    assert loss(right, half(), ONES).item() == pytest.approx(0, abs=1e-5)
    assert loss(-right, half(), ONES).item() > 0.2


def test_laplacian_punishes_a_blurred_edge() -> None:
    alpha = F.interpolate(half(), (64, 64))
    soft = F.avg_pool2d(F.pad(alpha, (4, 4, 4, 4), mode="replicate"), 9, 1).clamp(1e-4, 1 - 1e-4)
    ones = torch.ones_like(alpha)
    shifted = losses.laplacian(torch.logit(soft), alpha, ones)
    assert shifted > losses.laplacian(torch.where(alpha > 0, 9.0, -9.0), alpha, ones)


def test_distillation_of_equals_is_zero() -> None:
    logit = torch.randn(1, 1, 8, 8)
    assert losses.distillation(logit, logit, ONES).item() == pytest.approx(0, abs=1e-6)
    assert losses.distillation(logit, logit + 2, ONES).item() > 0


def test_dice_of_a_soft_matte_is_best_at_the_matte() -> None:
    truth = torch.full((1, 1, 8, 8), 0.5)
    own, harder = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 7.0)
    assert losses.dice(own, truth, ONES) < 0.01 < losses.dice(harder, truth, ONES)


def test_laplacian_leaves_smooth_differences_to_other_losses() -> None:
    """A ramp has no detail at any level, away from the border."""
    ramp = torch.linspace(0.3, 0.7, 64).expand(1, 1, 64, 64)
    inside = torch.zeros(1, 1, 64, 64)
    inside[..., 16:-16, 16:-16] = 1
    flat = torch.full((1, 1, 64, 64), 0.5)
    whole = losses.laplacian(torch.logit(ramp), flat, torch.ones_like(ramp), levels=1)
    noise = ramp + (torch.rand(1, 1, 64, 64) - 0.5) * 0.02
    detail = losses.laplacian(torch.logit(noise), flat, torch.ones_like(ramp), levels=1)
    assert whole < detail / 10


def test_outlines_beside_void_do_not_count() -> None:
    alpha, valid = half(), ONES.clone()
    valid[..., 4:6] = 0
    away = losses.away_from_void(valid, 3)
    assert away[0, 0, 0].tolist() == [1, 1, 1, 0, 0, 0, 0, 1]
    wrong = torch.full((1, 1, 8, 8), 20.0)
    assert losses.boundary_cross_entropy(wrong, alpha, valid, 3).item() == 0


def test_steadiness_is_the_change_that_was_not_there() -> None:
    valid = torch.ones(1, 1, 2, 2)
    last, truth = torch.full_like(valid, 0.5), torch.zeros_like(valid)
    still = losses.steadiness(torch.zeros_like(valid), truth, valid, last, truth)
    assert float(still) == pytest.approx(0.0)
    jumped = losses.steadiness(torch.full_like(valid, 9.0), truth, valid, last, truth)
    assert float(jumped) == pytest.approx(0.5, abs=1e-3)
    followed = losses.steadiness(torch.full_like(valid, 9.0), truth + 0.5, valid, last, truth)
    assert float(followed) == pytest.approx(0.0, abs=1e-3)
