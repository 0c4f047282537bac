"""What a model file says about itself.

A :class:`ModelSpec` travels inside the file (ONNX ``metadata_props`` under :data:`METADATA_KEY`)
and is mirrored in a JSON beside it, which also holds the file's digest. A foreign file, one that
livematte did not write, is opened by giving its spec; the fields under "foreign files" exist for
those alone and keep their defaults in everything that livematte exports.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from livematte.errors import ModelError, one_line

__all__ = ["METADATA_KEY", "Activation", "Colour", "Fit", "Layout", "ModelSpec", "file_digest"]

METADATA_KEY = "livematte.spec"

Fit = Literal["stretch", "letterbox"]
Layout = Literal["nchw", "nhwc"]
Colour = Literal["rgb", "bgr"]
Activation = Literal["none", "sigmoid", "softmax"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "fit": get_args(Fit),
    "layout": get_args(Layout),
    "colour": get_args(Colour),
    "activation": get_args(Activation),
}
_MAX_SIDE = 8192
_DIGEST = re.compile("[0-9a-fA-F]{64}")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class ModelSpec:
    """The facts a consumer needs to run a model file.

    Making one raises :class:`ModelError` where a value has the wrong type or range.

    Attributes:
        name: the model's name, for people.
        height, width: input size in pixels.
        version: the model's own version.
        fit: how a frame is brought to the input size: ``stretch`` or ``letterbox`` (grey bars).
        step: the file takes all sides that are multiples of this; 0: only ``height`` × ``width``.
        stretch: how many times too wide the model saw things in training: 4/3 for pictures of
            480×640 brought to a square. :func:`livematte.transforms.shaped` goes by it.
        layout: order of the input's axes.
        prior: whether a second input takes the last matte (1×1×H×W, float32 in [0, 1]).
        precision: numeric type of the weights (``fp32``, ``fp16``, ``int8``).
        licence: licence of the weights.
        training_data: what the weights were trained on, with its terms.
        metrics: validation scores by name.
        sha256: digest of the model file; only in the JSON beside it.

        colour, mean, std: foreign files: channel order, and ``(x - mean) / std`` on x in [0, 1].
        channel: foreign files: the person's channel among the outputs.
        activation: foreign files: what turns the outputs into probabilities.
    """

    name: str
    height: int
    width: int
    version: str = "1"
    fit: Fit = "stretch"
    step: int = 0
    stretch: float = 1.0
    layout: Layout = "nchw"
    prior: bool = False
    precision: str = "fp32"
    licence: str = "unknown"
    training_data: str = "unknown"
    metrics: dict[str, float] = field(default_factory=dict)
    sha256: str | None = None
    colour: Colour = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    channel: int = 0
    activation: Activation = "none"

    def __post_init__(self) -> None:
        for name in ("name", "version", "precision", "licence", "training_data"):
            self._require(isinstance(getattr(self, name), str), f"{name} must be text")
        self._require(self.name != "", "name must not be empty")
        for name, allowed in _CHOICES.items():
            self._require(getattr(self, name) in allowed, f"{name} must be one of {allowed}")
        self._require(
            all(_is_integer(side) and 1 <= side <= _MAX_SIDE for side in (self.height, self.width)),
            f"height and width must be integers from 1 to {_MAX_SIDE}",
        )
        self._require(_is_integer(self.step) and self.step >= 0, "step must be an integer, or 0")
        self._require(
            _is_finite(self.stretch) and self.stretch > 0, "stretch must be a number above 0"
        )
        self._require(isinstance(self.prior, bool), "prior must be true or false")
        self._require(
            _is_integer(self.channel) and self.channel >= 0, "channel must be an integer, 0 or more"
        )
        for name in ("mean", "std"):
            values = getattr(self, name)
            sound = isinstance(values, tuple) and len(values) == 3 and all(map(_is_finite, values))
            self._require(sound, f"{name} must be three finite numbers")
        self._require(0 not in self.std, "std must not be 0")
        self._require(
            isinstance(self.metrics, dict)
            and all(isinstance(k, str) and _is_finite(v) for k, v in self.metrics.items()),
            "metrics must be finite numbers by name",
        )
        self._require(
            self.sha256 is None
            or (isinstance(self.sha256, str) and _DIGEST.fullmatch(self.sha256) is not None),
            "sha256 must be 64 hexadecimal digits",
        )

    def _require(self, sound: bool, message: str) -> None:
        if not sound:
            raise ModelError(f"spec of {self.name!r}: {message}")

    def to_json(self) -> str:
        """The spec as JSON text, keys in declaration order."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str) -> ModelSpec:
        """Read a spec; ``source`` names its file in the :class:`ModelError` of a bad one."""
        try:
            raw: Any = json.loads(text)
            if not isinstance(raw, dict):
                raise ModelError("not a model spec (no JSON object)")
            if "kind" in raw:
                raise ModelError(f"a {raw['kind']}, which gives no mattes; name another model")
            unknown = sorted(set(raw) - {f.name for f in fields(cls)})
            if unknown:
                raise ModelError(f"unknown keys in the model spec: {', '.join(unknown)}")
            for key in ("mean", "std"):
                if key in raw:
                    raw[key] = tuple(raw[key])
            return cls(**raw)
        except (ValueError, TypeError, RecursionError) as error:
            raise ModelError(f"{source}: not a model spec ({one_line(error)})") from error
        except ModelError as error:
            raise ModelError(f"{source}: {error}") from None

    def with_digest(self, model_file: Path) -> ModelSpec:
        """The same spec holding ``model_file``'s digest."""
        return replace(self, sha256=file_digest(model_file))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
