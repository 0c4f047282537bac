"""Prior masks for video training: a plausible previous matte, made from the present one.

A video network sees its last answer as a fourth channel. Training on stills imitates that answer by
distorting the true matte, as PortraitNet does (Zhang et al., Computers & Graphics 2019): affine,
perspective and thin-plate-spline warps whose control points move by up to 5 % of the picture, and
motion blur, each with probability one half. An empty prior stands for the first frame.

The warps of a batch are composed as maps of points, on a coarse lattice on the CPU, and the mattes
are read once, where they lie.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from kornia.geometry.transform import get_perspective_transform, get_tps_transform, warp_points_tps
from torch import Tensor
from torch.nn import functional as F

from livematte.data.augment import send

__all__ = [
    "PriorConfig",
    "affine_map",
    "lattice",
    "make_priors",
    "motion_blur",
    "perspective_map",
    "resample",
    "thin_plate_map",
]

_LATTICE = 8  # pixels between two points of the lattice: the maps are smooth
_HALVINGS = 4  # of a motion blur's line: 16 places along it
_CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
_GRID = tuple((x / 2, y / 2) for y in range(3) for x in range(3))


@dataclass(frozen=True)
class PriorConfig:
    """How strongly a prior is distorted.

    Attributes:
        empty: probability of an empty prior.
        each: probability of each distortion.
        jitter: largest move of a control point, as a share of the picture's sides.
        blur: shortest and longest motion blur in pixels of a picture 224 pixels wide.
    """

    empty: float = 0.5
    each: float = 0.5
    jitter: float = 0.05
    blur: tuple[float, float] = (5.0, 30.0)


_DEFAULT = PriorConfig()


def make_priors(
    alpha: Tensor, config: PriorConfig = _DEFAULT, generator: torch.Generator | None = None
) -> Tensor:
    """A plausible last matte for each of N×1×H×W mattes in [0, 1], or an empty one.

    Args:
        alpha: float32, on any device; the priors come to lie there too.
        config: probabilities and strengths.
        generator: source of chance on the CPU; torch's global one by default.
    """
    count, width = len(alpha), alpha.shape[-1]

    def draw(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator, dtype=torch.float64)

    kept = draw() >= config.empty
    on = draw(4) < config.each
    moves = [2 * draw(number, 2) - 1 for number in (3, 4, 9)]
    short, long = config.blur
    length = (short + (long - short) * draw()) * width / 224
    angle = draw() * 180

    priors = torch.zeros_like(alpha)
    some = kept.nonzero()[:, 0]
    if len(some):
        index = send(some, alpha.device)
        # What did not draw a distortion has control points that stay.
        jitter = [
            config.jitter * on[some, i].double().view(-1, 1, 1) * moves[i][some] for i in range(3)
        ]
        # From places in the prior to places in the matte, so the last warp comes first.
        places = lattice(*alpha.shape[-2:]).expand(len(some), -1, -1)
        places = thin_plate_map(places, places.new_tensor(_GRID) + jitter[2])
        places = perspective_map(places, places.new_tensor(_CORNERS) + jitter[1])
        places = affine_map(places, places.new_tensor(_CORNERS[:3]) + jitter[0])
        priors[index] = resample(alpha[index], places.float())
    some = (kept & on[:, 3]).nonzero()[:, 0]
    if len(some):
        index = send(some, alpha.device)
        priors[index] = motion_blur(priors[index], length[some].float(), angle[some].float())
    return priors


def lattice(height: int, width: int) -> Tensor:
    """1×M×2 places (x, y) in shares of the sides: every eighth pixel's centre, and the last's."""
    y, x = (
        torch.linspace(0.5 / side, 1 - 0.5 / side, side // _LATTICE + 2, dtype=torch.float64)
        for side in (height, width)
    )
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).view(1, -1, 2)


def affine_map(places: Tensor, corners: Tensor) -> Tensor:
    """Where to read for each place, so that three corners come to lie on ``corners``.

    Args:
        places: N×M×2, x and y in shares of the sides.
        corners: N×3×2, where the top left, top right and bottom right corners go.
    """
    known = F.pad(corners, (0, 1), value=1.0)
    matrix: Tensor = torch.linalg.solve(known, corners.new_tensor(_CORNERS[:3]))
    return F.pad(places, (0, 1), value=1.0) @ matrix


def perspective_map(places: Tensor, corners: Tensor) -> Tensor:
    """The same for four corners: top left, top right, bottom right, bottom left (N×4×2)."""
    square = corners.new_tensor(_CORNERS).expand_as(corners)
    matrix: Tensor = get_perspective_transform(corners, square)
    moved = F.pad(places, (0, 1), value=1.0) @ matrix.transpose(1, 2)
    return moved[..., :2] / moved[..., 2:]


def thin_plate_map(places: Tensor, targets: Tensor) -> Tensor:
    """The same for nine points, three by three row by row (N×9×2), by a thin-plate spline.

    The spline (Bookstein, PAMI 1989) is solved from target to source, which gives the place to
    read from directly.
    """
    sources = targets.new_tensor(_GRID).expand_as(targets)
    kernel, affine = get_tps_transform(targets, sources)
    return warp_points_tps(places, sources, kernel, affine)


def resample(alpha: Tensor, places: Tensor) -> Tensor:
    """Read N×1×H×W mattes where N×M×2 places say, one for each of :func:`lattice`.

    Outside, the matte's edge goes on.
    """
    height, width = alpha.shape[-2:]
    rows, columns = (side // _LATTICE + 2 for side in (height, width))
    field = send(places * 2 - 1, alpha.device).view(-1, rows, columns, 2).permute(0, 3, 1, 2)
    grid = F.interpolate(field, (height, width), mode="bilinear", align_corners=True)
    return _read(alpha, grid.permute(0, 2, 3, 1))


def motion_blur(mattes: Tensor, length: Tensor, angle: Tensor) -> Tensor:
    """Smear N×1×H×W mattes along lines.

    The mean over evenly spaced places along the line is built by halving: the mean of two shifted
    copies, over and over.

    Args:
        mattes: float32, on any device.
        length: N on the CPU, of the lines, in pixels.
        angle: N on the CPU, of the lines, in degrees from the x axis.
    """
    height, width = mattes.shape[-2:]
    radians = angle * (math.pi / 180)
    line = torch.stack([length * radians.cos() / width, length * radians.sin() / height], dim=1)
    still = torch.eye(2, 3, device=mattes.device)[None]
    grid = F.affine_grid(still, [1, 1, height, width], align_corners=False)
    for halving in range(1, _HALVINGS + 1):
        # A quarter of the line first; grids count from -1 to 1.
        step = send(line * 0.5**halving, mattes.device)[:, None, None]
        mattes = (_read(mattes, grid + step) + _read(mattes, grid - step)) / 2
    return mattes


def _read(mattes: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(mattes, grid, padding_mode="border", align_corners=False)
