"""Losses as plain functions of logits.

Masks are N×1×H×W foreground logits; ``alpha`` is the truth in [0, 1]; ``valid`` is N×1×H×W, 1 for
pixels that count and 0 for those that do not. For two classes the softmax cross-entropy of the
publications is the binary cross-entropy of the difference of their logits, which is what networks
return.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "away_from_void",
    "boundary_band",
    "boundary_cross_entropy",
    "consistency",
    "cross_entropy",
    "dice",
    "distillation",
    "edges",
    "focal",
    "l1",
    "laplacian",
    "masked_mean",
    "steadiness",
]


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of N×1×H×W values over the pixels that count."""
    return (values * valid).sum() / valid.sum().clamp_min(1.0)


def cross_entropy(logit: Tensor, alpha: Tensor, valid: Tensor) -> Tensor:
    """Binary cross-entropy from logits; soft targets are allowed."""
    values = F.binary_cross_entropy_with_logits(logit, alpha, reduction="none")
    return masked_mean(values, valid)


def boundary_band(alpha: Tensor, kernel: int) -> Tensor:
    """Where a square of ``kernel`` pixels touches both sides: dilation minus erosion, as 0 or 1.

    SINet (Park et al., 2020) scores this band once more.
    """
    mask = (alpha > 0.5).to(alpha.dtype)
    return _dilate(mask, kernel) + _dilate(-mask, kernel)


def _dilate(values: Tensor, kernel: int) -> Tensor:
    """The largest value in a square of ``kernel`` pixels, which may reach over the border.

    Along one side after the other, in windows that double: a tenth of a max-pooling's time.
    """
    before = (kernel - 1) // 2
    for dim, pad in ((2, (0, 0, before, kernel - 1 - before)), (3, (before, kernel - 1 - before))):
        values = F.pad(values, pad, value=-math.inf)
        window = 1
        while window < kernel:
            step = min(window, kernel - window)
            count = values.shape[dim] - step
            values = torch.maximum(values.narrow(dim, 0, count), values.narrow(dim, step, count))
            window += step
    return values


def boundary_cross_entropy(logit: Tensor, alpha: Tensor, valid: Tensor, kernel: int) -> Tensor:
    """Cross-entropy over the boundary band alone; bands that void may have drawn do not count."""
    known = away_from_void(valid, kernel)
    return cross_entropy(logit, alpha, known * boundary_band(alpha, kernel))


def away_from_void(valid: Tensor, kernel: int) -> Tensor:
    """``valid`` less what lies within half of ``kernel`` pixels of void.

    Void counts as background in a mask, so a mask's outline beside it is not one.
    """
    return -_dilate(-valid, kernel)


def edges(alpha: Tensor, width: int = 4) -> Tensor:
    """Boundary targets made on the fly: the mask's contour, ``width`` pixels thick.

    The contour is what an erosion by one pixel takes away, so the picture's own border is none.
    """
    mask = (alpha > 0.5).to(alpha.dtype)
    contour = mask + _dilate(-mask, 3)
    return _dilate(contour, width)


def focal(logit: Tensor, target: Tensor, valid: Tensor, gamma: float = 2.0) -> Tensor:
    """Focal loss (Lin et al., 2017) without class weights, as PortraitNet's boundary head uses."""
    entropy = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    return masked_mean(entropy * (1 - torch.exp(-entropy)) ** gamma, valid)


def _divergence(
    student: Tensor, teacher_logit: Tensor, valid: Tensor, temperature: float
) -> Tensor:
    """KL(teacher ‖ student) of two-class distributions given by their logits, × temperature²."""
    goal = teacher_logit.detach() / temperature
    probability = torch.sigmoid(goal)
    own = student / temperature
    values = probability * (F.logsigmoid(goal) - F.logsigmoid(own)) + (1 - probability) * (
        F.logsigmoid(-goal) - F.logsigmoid(-own)
    )
    return masked_mean(values, valid) * temperature**2


def consistency(
    augmented: Tensor, plain: Tensor, valid: Tensor, temperature: float = 1.0
) -> Tensor:
    """KL divergence from the plain view to the texture-augmented one; the plain view teaches.

    PortraitNet (Zhang et al., 2019) averages over both classes, hence the half.
    """
    return _divergence(augmented, plain, valid, temperature) / 2


def distillation(
    student: Tensor, teacher: Tensor, valid: Tensor, temperature: float = 2.0
) -> Tensor:
    """KL divergence from a teacher's logits (Hinton et al., 2015)."""
    return _divergence(student, teacher, valid, temperature)


def dice(logit: Tensor, alpha: Tensor, valid: Tensor) -> Tensor:
    """1 - Dice coefficient per picture, averaged; with 1 added to both sides of the fraction.

    With squares below the line (Milletari et al., 2016), so that a soft matte is best matched by
    itself.
    """
    probability = torch.sigmoid(logit) * valid
    truth = alpha * valid
    overlap = (probability * truth).sum(dim=(1, 2, 3))
    total = (probability**2 + truth**2).sum(dim=(1, 2, 3))
    return (1 - (2 * overlap + 1) / (total + 1)).mean()


def l1(logit: Tensor, alpha: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute difference of the mattes."""
    return masked_mean((torch.sigmoid(logit) - alpha).abs(), valid)


def steadiness(
    logit: Tensor, alpha: Tensor, valid: Tensor, last: Tensor, last_alpha: Tensor
) -> Tensor:
    """Mean absolute difference between the matte's change since the last frame and the true one.

    ``last`` is the last matte itself, not its logit. The L1 form of dtSSD (Erofeev et al., 2015).
    """
    change = torch.sigmoid(logit) - last
    return masked_mean((change - (alpha - last_alpha)).abs(), valid)


def laplacian(logit: Tensor, alpha: Tensor, valid: Tensor, levels: int = 5) -> Tensor:
    """L1 over a Laplacian pyramid, level l weighted by 2^l (Hou and Liu, 2019)."""
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=logit.device, dtype=logit.dtype) / 16
    blur = (kernel[:, None] * kernel[None, :])[None, None]

    def smooth(x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), blur)

    residual = (torch.sigmoid(logit) - alpha) * valid
    total = residual.new_zeros(())
    for level in range(levels):
        if min(residual.shape[-2:]) < 4:
            break
        # Pairs are averaged so that both steps agree on where a pixel's centre is.
        smaller = F.avg_pool2d(smooth(residual), 2)
        restored = F.interpolate(smaller, residual.shape[-2:], mode="bilinear", align_corners=False)
        total = total + 2**level * (residual - restored).abs().mean()
        residual = smaller
    return total
