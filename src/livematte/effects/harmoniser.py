"""The harmoniser's model file: thumbnails of a composite in, a colour correction out."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.errors import ModelError, one_line
from livematte.transforms import shrink
from livematte.weights import HARMONISER

__all__ = ["KIND", "Correction", "Harmoniser", "HarmoniserSpec", "background_light"]

_log = logging.getLogger(__name__)

KIND = "harmoniser"

_DARK = 12.0  # of 255: below it a mean tells no colour
_TINT, _BRIGHTNESS = 0.6, 0.25  # how much of the place's light goes over
_MOST_LIGHT = 0.4

_STRIP = 16  # rows taken at once: they stay in the processor's cache

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class HarmoniserSpec:
    """What a harmoniser's file says about itself, inside it and in the JSON beside it.

    Attributes:
        name, version: of the model, for people.
        size: side of the thumbnails.
        segments: straight pieces of each colour curve.
        licence: of the weights.
        training_data: what they were trained on, with its terms.
        metrics: validation scores by name.
        sha256: digest of the model file; only in the JSON beside it.
        kind: tells it from a matting model.
    """

    name: str
    size: int
    segments: int
    version: str = "1"
    licence: str = "unknown"
    training_data: str = "unknown"
    metrics: dict[str, float] = field(default_factory=dict)
    sha256: str | None = None
    kind: str = KIND

    def to_json(self) -> str:
        """The spec as JSON text, keys in declaration order."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str) -> HarmoniserSpec:
        """Read a spec; ``source`` names its file in the :class:`ModelError` of a bad one."""
        try:
            raw: Any = json.loads(text)
            if not isinstance(raw, dict) or raw.get("kind") != KIND:
                raise ModelError(f"{source}: not the spec of a {KIND}; name such a model's file")
            unknown = sorted(set(raw) - {f.name for f in fields(cls)})
            if unknown:
                raise ModelError(f"{source}: unknown keys in the spec: {', '.join(unknown)}")
            spec = cls(**raw)
            sound = all(type(n) is int and 1 <= n <= 1024 for n in (spec.size, spec.segments))
        except (ValueError, TypeError, RecursionError) as error:
            raise ModelError(f"{source}: not a spec ({one_line(error)})") from error
        if not sound:
            raise ModelError(f"{source}: size and segments must be integers from 1 to 1024")
        return spec


@dataclass(frozen=True, eq=False)
class Correction:
    """Curves per channel, a colour matrix, and the light of the place; all zeros change nothing.

    Attributes:
        numbers: float32, what the network predicts; per channel a lift and K numbers r, then nine
            numbers D row by row. A channel's curve starts at ``lift`` and has the slopes
            ``exp(r)`` over K even pieces, so that it rises whatever r is; the matrix is ``I + D``.
        light: float32, the logarithm of each channel's gain; see :func:`background_light`.
    """

    numbers: Floats
    light: Floats

    def at(self, strength: float) -> Correction:
        """So much of it, in [0, 1].

        Up to 0.5 it grows to all that the network predicts, and no light of the place; from there
        on the light comes in, all of it at 1.
        """
        learned, lit = min(2 * strength, 1.0), max(2 * strength - 1, 0.0)
        return Correction(self.numbers * np.float32(learned), self.light * np.float32(lit))

    def table(self) -> Floats:
        """The curves: 256×3 float32, what each 8-bit value becomes, in 8-bit units."""
        curves = self.numbers[:-9].reshape(3, -1)
        slopes = np.exp(curves[:, 1:])
        pieces = slopes.shape[1]
        values = np.cumsum(np.column_stack([curves[:, :1], slopes / pieces]), axis=1)
        places = np.linspace(0, 255, pieces + 1)
        bent = [np.interp(np.arange(256), places, row * 255) for row in values]
        return np.stack(bent, axis=1).astype(np.float32)

    def matrix(self) -> Floats:
        """3×3 float32."""
        matrix = np.eye(3, dtype=np.float32) + self.numbers[-9:].reshape(3, 3)
        return np.asarray(np.exp(self.light)[:, None] * matrix, dtype=np.float32)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Apply it.

        Args:
            pixels: H×W×3 uint8 RGB.

        Returns:
            H×W×3 uint8 RGB.
        """
        table, matrix = self.table()[None], self.matrix()
        result = np.empty_like(pixels, order="C")
        for first in range(0, len(pixels), _STRIP):
            strip = slice(first, first + _STRIP)
            mixed = cv2.transform(cv2.LUT(np.ascontiguousarray(pixels[strip]), table), matrix)
            # Rounds, and stops at 0 and 255.
            result[strip] = cv2.convertScaleAbs(np.maximum(mixed, 0, out=mixed))
        return result


class Harmoniser:
    """Looks at composites and says how the person's colours should change."""

    def __init__(self, model: Path | None = None, *, threads: int = 1) -> None:
        """Open a model.

        Args:
            model: an ONNX file that ``livematte train-harmoniser`` wrote; None: the bundled one.
            threads: of one prediction.

        Raises:
            ModelError: the file is missing, damaged, no harmoniser, or not what the JSON beside
                it says.
        """
        from livematte.engines.onnx_function import OnnxFunction  # noqa: PLC0415

        path = HARMONISER.path if model is None else model
        content = _read(path)
        self._function = OnnxFunction(path, content, ("image", "alpha"), threads=threads)
        if self._function.spec is None:
            raise ModelError(f"{path}: says nothing about itself; export it again")
        self.spec = HarmoniserSpec.from_json(self._function.spec, source=str(path))
        _check_digest(path, content)
        told = (self.spec.name, self.spec.licence, self.spec.training_data)
        _log.info("harmoniser %s; licence: %s; trained on: %s", *told)

    def predict(
        self,
        foreground: NDArray[np.uint8],
        alpha: NDArray[np.float32],
        background: NDArray[np.uint8],
    ) -> Correction:
        """The correction for a person over a background.

        Args:
            foreground: H×W×3 uint8 RGB, the person's colours where alpha is above 0.
            alpha: H×W float32 in [0, 1].
            background: H×W×3 uint8 RGB.

        Raises:
            ModelError: the model fails.
        """
        side = self.spec.size
        # Composed at twice the size, lest the old room's colours leak in at the edge.
        person, behind = (shrink(x, 2 * side, 2 * side) for x in (foreground, background))
        share = shrink(alpha, 2 * side, 2 * side)
        composite = behind + share[..., None] * (person.astype(np.float32) - behind)
        small, matte = (
            cv2.resize(x, (side, side), interpolation=cv2.INTER_AREA) for x in (composite, share)
        )
        image = np.asarray(small.transpose(2, 0, 1)[None] / np.float32(255), np.float32)
        numbers = self._function(image=image, alpha=np.asarray(matte, np.float32)[None, None])[0]
        if numbers.shape != (3 * (1 + self.spec.segments) + 9,):
            raise ModelError(
                f"{self.spec.name}: answered with {numbers.shape} numbers, which its spec "
                "contradicts; export it again"
            )
        return Correction(numbers, background_light(person, share, behind))


def background_light(
    foreground: NDArray[np.uint8], alpha: Floats, background: NDArray[np.uint8]
) -> Floats:
    """Gains that let a person stand in the light of a background, taken for grey on average.

    A "grey world" (Buchsbaum, 1980) tells the light's colour by the mean; a lawn is no grey world,
    so gains go part of the way only and are limited.

    Args:
        foreground, background: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].

    Returns:
        Logarithm of each channel's gain, 3 float32.
    """
    total = alpha.reshape(-1) @ foreground.reshape(-1, 3).astype(np.float32)
    own = total / max(float(alpha.sum()), 1e-6)
    place = np.maximum(cv2.mean(background)[:3], _DARK)
    tint = np.log(place / place.mean())
    brightness = np.log(place.mean() / max(own.mean(), _DARK))
    light = np.clip(_TINT * tint + _BRIGHTNESS * brightness, -_MOST_LIGHT, _MOST_LIGHT)
    return np.asarray(light, dtype=np.float32)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror}); name a harmoniser's file, or install "
            "livematte again"
        ) from error


def _check_digest(path: Path, content: bytes) -> None:
    """Against the JSON beside the file, where there is one."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return
    expected = HarmoniserSpec.from_json(beside.read_text(encoding="utf-8"), source=str(beside))
    digest = hashlib.sha256(content).hexdigest()
    if expected.sha256 not in (None, digest):
        raise ModelError(
            f"{path}: not the file its spec describes (SHA-256 {digest[:12]}…); "
            "download or export it again"
        )
