"""Short clips with known mattes: a cut-out person who moves in front of a moving room.

Nobody can draw the true matte of real footage frame by frame; a cut-out on its way over a
background has one by construction. Steadiness is measured on such clips, never on stills.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.cutouts import Cutout, warp_cutout
from livematte.data.harmonise import Colour, match_colour
from livematte.data.placement import Placement
from livematte.data.sample import RgbImage, Sample
from livematte.errors import UsageError

__all__ = ["ClipConfig", "Ending", "can_move", "moving_person"]

Ending = Literal["stay", "leave", "cut"]

_SPARE = 1.15  # the room is larger than the frame, so that the camera may pan
_COLOUR = Colour(tint=0.3, light=0.3, contrast=0.2)
_HEIGHT = 0.85  # of the person, relative to the frame
_RATES = (0.25, 0.7)  # of the swaying, in hertz


@dataclass(frozen=True)
class ClipConfig:
    """What a clip is like.

    Attributes:
        frames: how many.
        size: height and width.
        rate: frames per second.
        sway: how far the person moves to either side, as a share of the width.
        breathe: how much larger and smaller the person becomes, as a share.
        pan: how far the camera moves to either side, as a share of the width.
        grain: standard deviation of each frame's own noise, in 8-bit steps.
        exposure: how much brighter and darker the light becomes, as a share.
        ending: the person stays; leaves to the side from the middle of the clip on; or is gone
            from one frame to the next there, and the room with them.
    """

    frames: int = 60
    size: tuple[int, int] = (360, 480)
    rate: float = 30.0
    sway: float = 0.05
    breathe: float = 0.03
    pan: float = 0.03
    grain: float = 4.0
    exposure: float = 0.06
    ending: Ending = "stay"


def can_move(cutout: Cutout) -> bool:
    """Whether a person may go sideways: no side but the lower one cuts them off."""
    return cutout.box.cut <= {"bottom"}


def moving_person(
    cutout: Cutout,
    room: RgbImage,
    rng: np.random.Generator,
    config: ClipConfig,
    *,
    elsewhere: RgbImage | None = None,
) -> Iterator[Sample]:
    """Yield the frames of a clip with their true mattes.

    Args:
        cutout: see :func:`livematte.data.cutouts.cut_out`; one that :func:`can_move`.
        room: H×W×3 uint8 RGB of any size.
        rng: the source of chance; equal states give equal clips.
        config: what the clip is like.
        elsewhere: the room after the cut; needed by that ending alone.

    Raises:
        UsageError: the person cannot move, or the second room is missing.
    """
    if not can_move(cutout):
        raise UsageError("a person whom the picture's sides cut off cannot move in a clip")
    if config.ending == "cut" and elsewhere is None:
        raise UsageError("a clip with a scene cut needs a second room")
    scene, after = _fill(room, config), _fill(room if elsewhere is None else elsewhere, config)
    cutout = _in_the_light_of(cutout, scene)
    person, camera, light = (_wander(rng, config) for _ in range(3))
    start = _start(cutout, config)
    for number in range(config.frames):
        late = max(0.0, 2 * number / config.frames - 1)
        gone = config.ending == "cut" and late > 0
        picture = _pan(after if gone else scene, camera[number], config)
        alpha = np.zeros(config.size, np.float32)
        if not gone:
            exit_to = 1.2 * late if config.ending == "leave" else 0.0
            place = _step(start, cutout, person[number], exit_to, config)
            colour, alpha = warp_cutout(cutout, place, config.size)
            picture = colour * alpha[..., None] + picture * (1 - alpha[..., None])
        picture = picture * (1 + config.exposure * light[number])
        picture = picture + rng.normal(0, config.grain / 255, picture.shape)
        image = np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)
        yield Sample(image, alpha, None, f"{number:04d}", soft=True)


def _in_the_light_of(cutout: Cutout, scene: NDArray[np.float32]) -> Cutout:
    """The person's colours part of the way towards the room's."""
    height, width = cutout.alpha.shape
    fitted = np.asarray(cv2.resize(scene, (width, height)), np.float32)
    return replace(cutout, colour=match_colour(cutout.colour, cutout.alpha, fitted, _COLOUR))


def _fill(room: RgbImage, config: ClipConfig) -> NDArray[np.float32]:
    """The middle of the room, as float RGB in [0, 1], a little larger than the frame."""
    height, width = (round(side * _SPARE) for side in config.size)
    zoom = max(height / room.shape[0], width / room.shape[1])
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    whole = cv2.resize(room, None, fx=zoom, fy=zoom, interpolation=method)
    top, left = (whole.shape[0] - height) // 2, (whole.shape[1] - width) // 2
    part = whole[max(0, top) :, max(0, left) :][:height, :width]
    return np.asarray(cv2.resize(part, (width, height)), np.float32) / np.float32(255)


def _wander(rng: np.random.Generator, config: ClipConfig) -> NDArray[np.float64]:
    """A smooth path in [-1, 1]: two slow swings of chance."""
    seconds = np.arange(config.frames) / config.rate
    swings = [
        np.sin(2 * math.pi * rng.uniform(*_RATES) * seconds + rng.uniform(0, 2 * math.pi))
        for _ in range(2)
    ]
    return np.asarray(sum(swings) / 2)


def _start(cutout: Cutout, config: ClipConfig) -> Placement:
    """In the middle, the head below the upper edge, the lower end beyond the lower edge."""
    height, width = config.size
    box = cutout.box
    scale = height * (_HEIGHT + 2 * config.breathe) / box.height
    left = width / 2 - scale * (box.left + box.right) / 2
    top = height * (1 - _HEIGHT) - scale * box.top
    return Placement(scale, left, top, mirror=False)


def _step(
    start: Placement, cutout: Cutout, swing: float, exit_to: float, config: ClipConfig
) -> Placement:
    """The person's place in a frame; the head keeps its height while the size breathes."""
    box, width = cutout.box, config.size[1]
    scale = start.scale * (1 + config.breathe * swing)
    middle = start.left + start.scale * (box.left + box.right) / 2
    middle += width * (config.sway * swing + exit_to)
    head = start.top + start.scale * box.top
    return Placement(
        scale, middle - scale * (box.left + box.right) / 2, head - scale * box.top, mirror=False
    )


def _pan(scene: NDArray[np.float32], swing: float, config: ClipConfig) -> NDArray[np.float32]:
    """The frame's part of the room, moved by a fraction of a pixel where need be."""
    height, width = config.size
    x = (scene.shape[1] - width) / 2 + swing * config.pan * width
    y = (scene.shape[0] - height) / 2
    matrix = np.array([[1, 0, x], [0, 1, y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        scene, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, np.float32)
