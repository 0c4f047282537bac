"""Augmentation in batches, on the device where the network trains.

Geometry is one resampling per picture. Everything linear in colour (brightness, contrast,
saturation) is one 3×3 matrix and one offset per picture; warm, cool and dark curves are one power
per channel; filters touch only the pictures that drew them. All random numbers come from torch's
global generator of the device, so that a seeded step is a repeatable step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from kornia.enhance import jpeg_codec_differentiable
from kornia.filters import gaussian_blur2d, median_blur, motion_blur
from torch import Tensor
from torch.nn import functional as F

__all__ = ["AugmentConfig", "Augmenter", "Batch", "affine_matrices", "warp"]

LUMA = (0.299, 0.587, 0.114)
MOST_HALVINGS = 4


@dataclass(frozen=True)
class AugmentConfig:
    """How strong each distortion is, and how often it is drawn (``*_p``).

    Attributes:
        flip_p: horizontal flip.
        rotation: largest angle in degrees, either way.
        scale: (smallest, largest) size of the picture relative to the output.
        shift: largest shift relative to the picture's sides.
        stretch: largest change of aspect ratio, as a factor.
        brightness, contrast, saturation: largest relative change.
        local_light: largest relative change of a smooth light field across the picture.
        temperature: largest exponent change of the red curve against the blue (warm or cool).
        dark_p: low light: a steep tone curve, and noise up to ``dark_noise``.
        gaussian_p, motion_p, median_p, noise_p, jpeg_p: filters and artefacts.
        noise: largest standard deviation of the noise.
        jpeg: (lowest, highest) JPEG quality.
        grey_p: no colour at all.
    """

    flip_p: float = 0.5
    rotation: float = 15.0
    scale: tuple[float, float] = (0.8, 1.6)
    shift: float = 0.15
    stretch: float = 1.25
    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.4
    local_light: float = 0.3
    temperature: float = 0.25
    dark_p: float = 0.06
    dark_noise: float = 0.12
    gaussian_p: float = 0.1
    motion_p: float = 0.06
    median_p: float = 0.03
    noise_p: float = 0.25
    jpeg_p: float = 0.1
    noise: float = 0.06
    jpeg: tuple[float, float] = (25.0, 90.0)
    grey_p: float = 0.03


@dataclass(frozen=True)
class Batch:
    """What a training step sees.

    Attributes:
        image: N×3×H×W float32 RGB in [0, 1].
        alpha: N×1×H×W float32 in [0, 1].
        ignore: N×1×H×W bool; pixels that no loss may count.
    """

    image: Tensor
    alpha: Tensor
    ignore: Tensor


def _uniform(n: int, low: float, high: float, device: torch.device) -> Tensor:
    return torch.rand(n, device=device) * (high - low) + low


def affine_matrices(config: AugmentConfig, aspect: Tensor) -> Tensor:
    """Random maps from output to source coordinates.

    Args:
        config: ranges of the draw.
        aspect: N, width / height that each picture really has; its pixels may be stored square.

    Returns:
        N×2×3 matrices for ``affine_grid``: rotation happens in the picture's true proportions.
    """
    n, device = len(aspect), aspect.device
    angle = _uniform(n, -config.rotation, config.rotation, device) * (math.pi / 180)
    low, high = math.log(config.scale[0]), math.log(config.scale[1])
    scale = torch.exp(_uniform(n, low, high, device))
    limit = math.log(config.stretch) / 2
    side = torch.exp(_uniform(n, -limit, limit, device))
    flip = torch.where(torch.rand(n, device=device) < config.flip_p, -1.0, 1.0)
    cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
    shift = (torch.rand(n, 2, device=device) * 2 - 1) * 2 * config.shift
    # A⁻¹ · rotation · diag(side, 1 / side) · A with A = diag(aspect, 1), mirrored by the flip.
    rows = (
        (cosine * side * flip, -sine / (side * aspect), shift[:, 0]),
        (sine * side * aspect * flip, cosine / side, shift[:, 1]),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def warp(source: Tensor, matrices: Tensor, size: tuple[int, int], *, mode: str) -> Tensor:
    """Resample N×C×h×w by N×2×3 maps to N×C×H×W; outside, it is mirrored.

    ``mode`` is ``bilinear`` for pictures and soft mattes, ``nearest`` for hard masks.
    """
    grid = F.affine_grid(matrices, [len(source), 1, *size], align_corners=False)
    return F.grid_sample(source, grid, mode=mode, padding_mode="reflection", align_corners=False)


class Augmenter:
    """Turns stored pictures into training batches of one size.

    :meth:`geometry` moves picture and matte together; :meth:`texture` changes only the picture,
    so that a consistency loss can see the same batch before and after. Calling the object does
    both.
    """

    def __init__(self, config: AugmentConfig, size: tuple[int, int]) -> None:
        self.config = config
        self.size = size

    def __call__(
        self, images: Tensor, alpha: Tensor, ignore: Tensor, aspect: Tensor, hard: Tensor
    ) -> Batch:
        """See :meth:`geometry` for the arguments."""
        batch = self.geometry(images, alpha, ignore, aspect, hard)
        return Batch(self.texture(batch.image), batch.alpha, batch.ignore)

    def geometry(
        self, images: Tensor, alpha: Tensor, ignore: Tensor, aspect: Tensor, hard: Tensor
    ) -> Batch:
        """Flip, rotate, zoom, shift and crop picture, matte and ignore mask alike.

        Args:
            images: N×3×h×w uint8 RGB.
            alpha: N×1×h×w uint8, 255 for the person.
            ignore: N×1×h×w bool.
            aspect: N, true width / height of each picture.
            hard: N bool; where true the mask is resampled by nearest neighbour.
        """
        matrices = affine_matrices(self.config, aspect)
        image = self._resample(images, matrices)
        return Batch(image, *self._warp_masks(alpha, ignore, matrices, hard))

    def _warp_masks(
        self, alpha: Tensor, ignore: Tensor, matrices: Tensor, hard: Tensor
    ) -> tuple[Tensor, Tensor]:
        moved = torch.empty(len(alpha), 1, *self.size, device=alpha.device)
        if (~hard).any():
            moved[~hard] = self._resample(alpha[~hard], matrices[~hard])
        if hard.any():
            values = alpha[hard].float().div_(255)
            moved[hard] = warp(values, matrices[hard], self.size, mode="nearest")
        void = torch.zeros_like(moved, dtype=torch.bool)
        some = ignore.flatten(1).any(dim=1)
        if some.any():
            drawn = warp(ignore[some].float(), matrices[some], self.size, mode="nearest")
            void[some] = drawn > 0.5
        return moved, void

    def _resample(self, stored: Tensor, matrices: Tensor) -> Tensor:
        """Warp N×C×h×w uint8 to floats in [0, 1], antialiased where pixels would be skipped.

        Each picture is read from the halving of itself that is nearest to its reduction.
        """
        ratio = min(s / t for s, t in zip(stored.shape[-2:], self.size, strict=True))
        zoom = matrices[:, :, :2].det().abs().sqrt()
        levels = torch.log2(ratio * zoom).round().clamp(0, MOST_HALVINGS).int()
        channels = stored.shape[1]
        result = torch.empty(len(stored), channels, *self.size, device=stored.device)
        for level in sorted(set(levels.tolist())):
            chosen = levels == level
            values = stored[chosen].float().div_(255)
            if level:
                small = [side >> level for side in stored.shape[-2:]]
                values = F.interpolate(
                    values, small, mode="bilinear", antialias=True, align_corners=False
                )
            result[chosen] = warp(values, matrices[chosen], self.size, mode="bilinear")
        return result.clamp_(0, 1)

    def texture(self, image: Tensor) -> Tensor:
        """Colour, light, blur, noise and compression; N×3×H×W in [0, 1] in and out."""
        config, n, device = self.config, len(image), image.device
        image = self._colour(image)
        dark = torch.rand(n, device=device) < config.dark_p
        image = self._curves(image, dark)
        for chance, change in (
            (config.median_p, lambda x: median_blur(x, (3, 3))),
            (config.gaussian_p, _gaussian),
            (config.motion_p, _motion),
        ):
            image = _sometimes(image, chance, change)
        image = _sometimes(image, config.noise_p, lambda x: _noisy(x, config.noise))
        image = _where(image, dark, lambda x: _noisy(x, config.dark_noise))
        image = _sometimes(image, config.jpeg_p, self._compress)
        return image.clamp(0, 1)

    def _colour(self, image: Tensor) -> Tensor:
        """Brightness, contrast around the mean, saturation around the luma; local light."""
        config, n, device = self.config, len(image), image.device
        brightness, contrast, saturation = (
            1 + _uniform(n, -limit, limit, device).view(n, 1, 1)
            for limit in (config.brightness, config.contrast, config.saturation)
        )
        saturation = saturation * (torch.rand(n, 1, 1, device=device) >= config.grey_p)
        luma = torch.tensor(LUMA, device=device).expand(3, 3)
        matrix = saturation * torch.eye(3, device=device) + (1 - saturation) * luma
        mean = image.mean(dim=(1, 2, 3)).view(n, 1, 1)
        gain = brightness * contrast
        offset = mean * brightness * (1 - contrast)
        flat = torch.baddbmm(offset.expand(n, 3, 1), gain * matrix, image.flatten(2))
        field = 1 + (torch.rand(n, 1, 3, 3, device=device) * 2 - 1) * config.local_light
        light = F.interpolate(field, image.shape[-2:], mode="bicubic", align_corners=True)
        return flat.view_as(image) * light

    def _curves(self, image: Tensor, dark: Tensor) -> Tensor:
        """One power per channel: warm and cool curves, and the steep curve of low light."""
        n, device = len(image), image.device
        warm = _uniform(n, -self.config.temperature, self.config.temperature, device)
        exponent = torch.stack([torch.exp(-warm), torch.ones_like(warm), torch.exp(warm)], dim=1)
        exponent = exponent * torch.where(dark, _uniform(n, 1.5, 3.0, device), 1.0)[:, None]
        return image.clamp(1e-4, 1).pow(exponent[:, :, None, None])

    def _compress(self, image: Tensor) -> Tensor:
        quality = _uniform(len(image), *self.config.jpeg, image.device)
        height, width = image.shape[-2:]
        pad = (0, -width % 16, 0, -height % 16)
        padded = F.pad(image.clamp(0, 1), pad, mode="replicate")
        return jpeg_codec_differentiable(padded, quality)[..., :height, :width]


def _where(image: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    if not chosen.any():
        return image
    image = image.clone()
    image[chosen] = change(image[chosen])
    return image


def _sometimes(image: Tensor, chance: float, change: Callable[[Tensor], Tensor]) -> Tensor:
    return _where(image, torch.rand(len(image), device=image.device) < chance, change)


def _noisy(image: Tensor, most: float) -> Tensor:
    sigma = _uniform(len(image), 0.0, most, image.device).view(-1, 1, 1, 1)
    return image + torch.randn_like(image) * sigma


def _gaussian(image: Tensor) -> Tensor:
    sigma = _uniform(len(image), 0.5, 2.0, image.device)[:, None].expand(-1, 2)
    return gaussian_blur2d(image, (9, 9), sigma)


def _motion(image: Tensor) -> Tensor:
    n, device = len(image), image.device
    angle = _uniform(n, 0.0, 360.0, device)
    direction = _uniform(n, -1.0, 1.0, device)
    kernel = 2 * int(torch.randint(1, 5, (), device=device)) + 1
    return motion_blur(image, kernel, angle, direction)
