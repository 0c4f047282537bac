"""Augmentation in batches, on the device where the network trains.

Geometry is one resampling per picture. Everything linear in colour (brightness, contrast,
saturation) is one 3×3 matrix and one offset per picture; warm, cool and dark curves are one power
per channel; filters touch only the pictures that drew them. What is drawn per picture comes from
torch's global generator of the CPU and is sent along, so that no step waits for an answer of the
device; noise comes from the device's own. So a seeded step is a repeatable step.
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

__all__ = ["AugmentConfig", "Augmenter", "Batch", "Motion", "affine_matrices", "send"]

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
        widen: how much too wide people come out before that, whatever the proportions of picture
            and output: what does not fit is cropped, and what is missing mirrored, in a random
            share. 0 squeezes the whole picture into the output instead.
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
    widen: float = 0.0
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


def send(values: Tensor, device: torch.device) -> Tensor:
    """Small values on their way to a device, which nobody waits for."""
    return values.to(device, non_blocking=True)


def _uniform(n: int, low: float, high: float) -> Tensor:
    return torch.rand(n) * (high - low) + low


def affine_matrices(config: AugmentConfig, aspect: Tensor, shape: float = 1.0) -> Tensor:
    """Random maps from output to source coordinates.

    Args:
        config: ranges of the draw.
        aspect: N on the CPU, width / height that each picture really has; its pixels may be
            stored square.
        shape: width / height of the output, which matters where ``config.widen`` is set.

    Returns:
        N×2×3 matrices on the CPU for ``affine_grid``: rotation happens in the picture's true
        proportions.
    """
    n = len(aspect)
    angle = _uniform(n, -config.rotation, config.rotation) * (math.pi / 180)
    low, high = math.log(config.scale[0]), math.log(config.scale[1])
    scale = torch.exp(_uniform(n, low, high))
    limit = math.log(config.stretch) / 2
    side = torch.exp(_uniform(n, -limit, limit))
    flip = torch.where(torch.rand(n) < config.flip_p, -1.0, 1.0)
    cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
    shift = (torch.rand(n, 2) * 2 - 1) * 2 * config.shift
    seen = aspect
    if config.widen:  # else nothing is drawn, so that older recipes see the same
        seen = torch.full_like(aspect, shape / config.widen)
        part = (seen / aspect) ** (torch.rand(n) - 1)
        cosine, sine = cosine * part, sine * part
    # A⁻¹ · rotation · diag(side, 1 / side) · B with A = diag(aspect, 1), B = diag(seen, 1),
    # mirrored by the flip.
    rows = (
        (cosine * side * flip * seen / aspect, -sine / (side * aspect), shift[:, 0]),
        (sine * side * seen * flip, cosine / side, shift[:, 1]),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


@dataclass(frozen=True)
class Motion:
    """Where the layers of a clip are at a moment before its last frame.

    Attributes:
        generator: source of chance, on the CPU; layers move on in the same way in every moment
            whose generator begins at the same seed.
        age: how many moments before.
    """

    generator: torch.Generator
    age: int = 1

    def matrices(self, n: int) -> Tensor:
        """N×3×3 maps on the CPU from the last frame's coordinates to this moment's: small moves.

        Up to 3 % of the sides, 2 degrees and 2 % of the size from one moment to the next.
        """
        draws = (torch.rand(n, 4, generator=self.generator) * 2 - 1) * self.age
        angle, scale = draws[:, 0] * (2 * math.pi / 180), torch.exp(draws[:, 1] * 0.02)
        cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
        shift = draws[:, 2:] * 0.06
        zero, one = torch.zeros(n), torch.ones(n)
        rows = ((cosine, -sine, shift[:, 0]), (sine, cosine, shift[:, 1]), (zero, zero, one))
        return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def _read(source: Tensor, grid: Tensor, *, mode: str = "bilinear") -> Tensor:
    """Resample N×C×h×w at N×H×W×2 places to N×C×H×W; outside, it is mirrored.

    ``mode`` is ``bilinear`` for pictures and soft mattes, ``nearest`` for hard masks.
    """
    return F.grid_sample(source, grid, mode=mode, padding_mode="reflection", align_corners=False)


class Augmenter:
    """Turns stored pictures into training batches of one size.

    :meth:`geometry` moves picture and matte together; :meth:`texture` changes only the picture,
    so that a consistency loss can see the same batch before and after. Calling the object does
    both.

    Args:
        config: what is drawn.
        size: height and width of the output.
        motion: a small motion on top, another in every call of :meth:`geometry`; all that is drawn
            otherwise stays what it is without.
    """

    def __init__(
        self,
        config: AugmentConfig,
        size: tuple[int, int],
        *,
        motion: Motion | None = None,
    ) -> None:
        self.config = config
        self.size = size
        self._motion = motion

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
            aspect: N on the CPU, true width / height of each picture.
            hard: N bool on the CPU; where true the mask is resampled by nearest neighbour.
        """
        matrices = affine_matrices(self.config, aspect, self.size[1] / self.size[0])
        if self._motion is not None:
            matrices = matrices @ self._motion.matrices(len(aspect))
        shape = [len(images), 1, *self.size]
        grid = F.affine_grid(send(matrices, images.device), shape, align_corners=False)
        ratio = min(s / t for s, t in zip(images.shape[-2:], self.size, strict=True))
        zoom = matrices[:, :, :2].det().abs().sqrt()
        levels = torch.log2(ratio * zoom).round().clamp(0, MOST_HALVINGS).int()
        image = self._resample(images, grid, levels)
        void = _read(ignore.float(), grid, mode="nearest") > 0.5
        return Batch(image, self._warp_masks(alpha, grid, levels, hard), void)

    def _warp_masks(self, alpha: Tensor, grid: Tensor, levels: Tensor, hard: Tensor) -> Tensor:
        moved = torch.empty(len(alpha), 1, *self.size, device=alpha.device)
        sharp, soft = (chosen.nonzero()[:, 0] for chosen in (hard, ~hard))
        if len(sharp):
            index = send(sharp, alpha.device)
            values = alpha[index].float().div_(255)
            moved[index] = _read(values, grid[index], mode="nearest")
        if len(soft):
            index = send(soft, alpha.device)
            moved[index] = self._resample(alpha[index], grid[index], levels[soft])
        return moved

    def _resample(self, stored: Tensor, grid: Tensor, levels: Tensor) -> Tensor:
        """Read N×C×h×w uint8 at N×H×W×2 places as floats in [0, 1].

        Each picture is first halved as often as ``levels`` says (N on the CPU), which is nearest to
        its reduction, so that no pixels are skipped.
        """
        channels = stored.shape[1]
        result = torch.empty(len(stored), channels, *self.size, device=stored.device)
        for level in sorted(set(levels.tolist())):
            index = send((levels == level).nonzero()[:, 0], stored.device)
            values = stored[index].float().div_(255)
            if level:
                small = [side >> level for side in stored.shape[-2:]]
                values = F.interpolate(
                    values, small, mode="bilinear", antialias=True, align_corners=False
                )
            result[index] = _read(values, grid[index])
        return result.clamp_(0, 1)

    def texture(self, image: Tensor) -> Tensor:
        """Colour, light, blur, noise and compression; N×3×H×W in [0, 1] in and out."""
        config, n = self.config, len(image)
        image = self._colour(image)
        dark = torch.rand(n) < config.dark_p
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
            1 + _uniform(n, -limit, limit).view(n, 1, 1)
            for limit in (config.brightness, config.contrast, config.saturation)
        )
        saturation = saturation * (torch.rand(n, 1, 1) >= config.grey_p)
        luma = torch.tensor(LUMA).expand(3, 3)
        matrix = brightness * contrast * (saturation * torch.eye(3) + (1 - saturation) * luma)
        mean = image.mean(dim=(1, 2, 3)).view(n, 1, 1)
        offset = mean * send(brightness * (1 - contrast), device)
        flat = torch.baddbmm(offset.expand(n, 3, 1), send(matrix, device), image.flatten(2))
        field = send(1 + (torch.rand(n, 1, 3, 3) * 2 - 1) * config.local_light, device)
        light = F.interpolate(field, image.shape[-2:], mode="bicubic", align_corners=True)
        return flat.view_as(image) * light

    def _curves(self, image: Tensor, dark: Tensor) -> Tensor:
        """One power per channel: warm and cool curves, and the steep curve of low light."""
        n = len(image)
        warm = _uniform(n, -self.config.temperature, self.config.temperature)
        exponent = torch.stack([torch.exp(-warm), torch.ones_like(warm), torch.exp(warm)], dim=1)
        exponent = exponent * torch.where(dark, _uniform(n, 1.5, 3.0), 1.0)[:, None]
        return image.clamp(1e-4, 1).pow(send(exponent[:, :, None, None], image.device))

    def _compress(self, image: Tensor) -> Tensor:
        quality = _uniform(len(image), *self.config.jpeg)
        height, width = image.shape[-2:]
        pad = (0, -width % 16, 0, -height % 16)
        padded = F.pad(image.clamp(0, 1), pad, mode="replicate")
        return jpeg_codec_differentiable(padded, quality)[..., :height, :width]


def _where(image: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Change the pictures that N bool on the CPU choose."""
    some = chosen.nonzero()[:, 0]
    if not len(some):
        return image
    index = send(some, image.device)
    return image.index_copy(0, index, change(image[index]))


def _sometimes(image: Tensor, chance: float, change: Callable[[Tensor], Tensor]) -> Tensor:
    return _where(image, torch.rand(len(image)) < chance, change)


def _noisy(image: Tensor, most: float) -> Tensor:
    sigma = _uniform(len(image), 0.0, most).view(-1, 1, 1, 1)
    return image + torch.randn_like(image) * send(sigma, image.device)


def _gaussian(image: Tensor) -> Tensor:
    sigma = _uniform(len(image), 0.5, 2.0)[:, None].expand(-1, 2)
    return gaussian_blur2d(image, (9, 9), sigma)


def _motion(image: Tensor) -> Tensor:
    n = len(image)
    kernel = 2 * int(torch.randint(1, 5, ())) + 1
    return motion_blur(image, kernel, _uniform(n, 0.0, 360.0), _uniform(n, -1.0, 1.0))
