"""Compose people with new backgrounds: one composite from a recipe of chance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.data.cutouts import Cutout, cut_out, warp_cutout
from livematte.data.dataset import Dataset
from livematte.data.harmonise import (
    Colour,
    cast_shadow,
    contact_shadow,
    light_wrap,
    match_colour,
    match_light,
)
from livematte.data.placement import Placement, place
from livematte.data.sample import FloatMatte, RgbImage
from livematte.errors import InputError

__all__ = ["Composite", "SynthesisConfig", "synthesize"]

_TRIES = 20
_BREADTH = (0.3, 0.55)
_GREY = 0.02
_ASPECTS = (9 / 16, 3 / 4, 1.0, 4 / 3, 16 / 9)


@dataclass(frozen=True)
class SynthesisConfig:
    """What composites are like. Pairs are the bounds of a uniform draw.

    Attributes:
        size: longest side in pixels, at most.
        shadow: cast shadows.
        crowd: probabilities of one, two, three, ... people.
        enlarge: largest enlargement of a person; beyond it the whole picture is made smaller.
        tint, light, contrast: see :class:`~livematte.data.harmonise.Colour`.
        relight: exponent of the background's broad light on the person.
        wrap: strength of the light wrap.
        defocus: probability of a background out of focus.
        grain: standard deviation of noise laid over everything, in 8-bit steps.
    """

    size: int = 640
    shadow: bool = False
    crowd: tuple[float, ...] = (0.78, 0.17, 0.05)
    enlarge: float = 1.4
    tint: tuple[float, float] = (0.1, 0.5)
    light: tuple[float, float] = (0.1, 0.5)
    contrast: tuple[float, float] = (0.0, 0.5)
    relight: tuple[float, float] = (0.1, 0.6)
    wrap: tuple[float, float] = (0.1, 0.7)
    defocus: float = 0.35
    grain: tuple[float, float] = (0.5, 3.5)


@dataclass(frozen=True)
class Composite:
    """A finished picture.

    Attributes:
        image: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
        record: sources and parameters, ready for JSON.
    """

    image: RgbImage
    alpha: FloatMatte
    record: dict[str, Any]


def synthesize(
    people: Dataset, backgrounds: Dataset, rng: np.random.Generator, config: SynthesisConfig
) -> Composite:
    """Make one composite.

    Args:
        people: pictures with mattes.
        backgrounds: pictures without people.
        rng: the source of chance; equal states give equal composites.
        config: what composites are like.

    Raises:
        InputError: a file cannot be read, or nobody can be cut out of ``people``.
    """
    chance = np.array(config.crowd) / sum(config.crowd)
    number = 1 + int(rng.choice(len(chance), p=chance))
    cast = [_draw_person(people, rng) for _ in range(number)]
    index = int(rng.integers(len(backgrounds)))
    scenery = backgrounds.load(index).image
    canvas = _canvas(config.size, scenery, [c for _, c in cast], rng)
    breadth = float(rng.uniform(*_BREADTH)) if number > 1 else None
    places = [
        place(
            cutout.box,
            (cutout.alpha.shape[0], cutout.alpha.shape[1]),
            canvas,
            rng,
            breadth=breadth,
            lane=(i / number, (i + 1) / number),
        )
        for i, (_, cutout) in enumerate(cast)
    ]
    canvas, places = _shrink(canvas, places, config.enlarge)

    picture, softness = _background(scenery, canvas, rng, config)
    alpha = np.zeros(canvas, np.float32)
    record: dict[str, Any] = {
        "size": [canvas[1], canvas[0]],
        "background": backgrounds.names[index],
        "defocus": round(softness, 2),
        "people": [],
    }
    # The narrower stand farther away, so they are drawn first.
    for i in sorted(range(number), key=lambda i: places[i].scale * cast[i][1].box.width):
        name, cutout = cast[i]
        picture, own, notes = _add(picture, cutout, places[i], rng, config)
        alpha = own + alpha * (1 - own)
        record["people"].append({"name": name, **notes})
    if any(_is_grey(cutout) for _, cutout in cast):  # an old photograph is grey all over
        picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    grain = float(rng.uniform(*config.grain)) / 255
    picture = picture + rng.normal(0, grain, picture.shape).astype(np.float32)
    record["grain"] = round(grain * 255, 2)
    image = np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)
    return Composite(image, alpha, record)


def _draw_person(people: Dataset, rng: np.random.Generator) -> tuple[str, Cutout]:
    for _ in range(_TRIES):
        index = int(rng.integers(len(people)))
        cutout = cut_out(people.load(index))
        if cutout is not None:
            return people.names[index], cutout
    raise InputError(
        f"no person worth cutting out in {_TRIES} pictures; run 'livematte data check' on them"
    )


def _is_grey(cutout: Cutout) -> bool:
    """Whether a person comes from a photograph without colours."""
    solid = cutout.colour[cutout.alpha > 0.9]
    return bool((solid.max(axis=1) - solid.min(axis=1)).mean() < _GREY)


def _canvas(
    size: int, scenery: RgbImage, cast: list[Cutout], rng: np.random.Generator
) -> tuple[int, int]:
    """Height and width: a common aspect ratio, no larger than the background can fill.

    Somebody cut off on the left and on the right has to fill the width; a picture wider than that
    person's own proportions would show no more than a forehead.
    """
    filling = [c.box.width / c.box.height for c in cast if {"left", "right"} <= c.box.cut]
    widest = max(min(filling, default=np.inf) * 1.1, min(_ASPECTS))
    aspect = float(rng.choice([a for a in _ASPECTS if a <= widest]))
    height, width = scenery.shape[:2]
    fit = min(width, height * aspect)  # the crop's width in the background
    side = fit if aspect >= 1 else fit / aspect
    longest = min(size, side * 1.25)
    wide = longest if aspect >= 1 else longest * aspect
    return max(32, round(wide / aspect)), max(32, round(wide))


def _shrink(
    canvas: tuple[int, int], places: list[Placement], enlarge: float
) -> tuple[tuple[int, int], list[Placement]]:
    """Make the whole picture smaller, where a person would be enlarged too much."""
    factor = min(1.0, enlarge / max(p.scale for p in places))
    size = (max(32, round(canvas[0] * factor)), max(32, round(canvas[1] * factor)))
    zoom = max(size[0] / canvas[0], size[1] / canvas[1])
    return size, [Placement(p.scale * zoom, p.left * zoom, p.top * zoom, p.mirror) for p in places]


def _background(
    scenery: RgbImage, canvas: tuple[int, int], rng: np.random.Generator, config: SynthesisConfig
) -> tuple[NDArray[np.float32], float]:
    """A random crop of the canvas's shape, perhaps mirrored and out of focus; and its blur."""
    height, width = scenery.shape[:2]
    fit = min(width / canvas[1], height / canvas[0]) * float(rng.uniform(0.8, 1.0))
    crop = (max(1, int(canvas[0] * fit)), max(1, int(canvas[1] * fit)))
    top = int(rng.integers(height - crop[0] + 1))
    left = int(rng.integers(width - crop[1] + 1))
    part = scenery[top : top + crop[0], left : left + crop[1]]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    method = cv2.INTER_AREA if fit > 1 else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(part), canvas[::-1], interpolation=method)
    picture = np.asarray(resized, np.float32) / np.float32(255)
    sigma = 0.0
    if rng.random() < config.defocus:
        sigma = float(rng.uniform(0.003, 0.012)) * max(canvas)
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    return picture, sigma


def _add(
    picture: NDArray[np.float32],
    cutout: Cutout,
    placement: Placement,
    rng: np.random.Generator,
    config: SynthesisConfig,
) -> tuple[NDArray[np.float32], FloatMatte, dict[str, Any]]:
    """Put one person into the picture: the new picture, the person's alpha, what was done."""
    canvas = (picture.shape[0], picture.shape[1])
    colour, alpha = warp_cutout(cutout, placement, canvas)
    draws = {
        key: float(rng.uniform(*getattr(config, key)))
        for key in ("tint", "light", "contrast", "relight", "wrap")
    }
    strength = Colour(draws["tint"], draws["light"], draws["contrast"])
    colour = match_colour(colour, alpha, picture, strength)
    colour = match_light(colour, alpha, picture, draws["relight"])
    shadow = _shadow(alpha, rng) if config.shadow else None
    if shadow is not None:
        picture = picture * (1 - shadow[..., None])
    colour = light_wrap(colour, alpha, picture, draws["wrap"])
    mixed = colour * alpha[..., None] + picture * (1 - alpha[..., None])
    notes = {key: round(value, 3) for key, value in (asdict(placement) | draws).items()}
    return mixed.astype(np.float32), alpha, notes


def _shadow(alpha: FloatMatte, rng: np.random.Generator) -> FloatMatte:
    """A floor shadow for people whose feet are in the picture, else one on the wall behind."""
    side = float(rng.choice([-1, 1]) * rng.uniform(0.3, 1))
    depth = float(rng.uniform(0.15, 0.45))
    size = max(alpha.shape)
    if (alpha[-1] > 0.5).any():
        offset = (0.06 * side * size, float(rng.uniform(0.0, 0.03)) * size)
        blur = float(rng.uniform(0.01, 0.03)) * size
        return cast_shadow(alpha, offset, blur) * np.float32(depth)
    return contact_shadow(alpha, 0.4 * side) * np.float32(min(1.0, depth * 1.5))
