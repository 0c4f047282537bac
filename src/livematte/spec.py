"""What a model file says about itself.

A :class:`ModelSpec` travels inside the file (ONNX ``metadata_props`` under :data:`METADATA_KEY`)
and is mirrored in a JSON beside it, which also holds the file's digest. A foreign file, one that
livematte did not write, is opened by giving its spec; the fields under "foreign files" exist for
those alone and keep their defaults in everything that livematte exports.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from livematte.errors import ModelError

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


@dataclass(frozen=True)
class ModelSpec:
    """The facts a consumer needs to run a model file.

    Attributes:
        name: the model's name, for people.
        height, width: input size in pixels.
        version: the model's own version.
        fit: how a frame is brought to the input size: ``stretch`` or ``letterbox`` (grey bars).
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
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ModelError(f"spec of {self.name!r}: {name} must be one of {allowed}")
        if not (isinstance(self.height, int) and isinstance(self.width, int)) or (
            min(self.height, self.width) < 1
        ):
            raise ModelError(f"spec of {self.name!r}: height and width must be positive integers")
        if len(self.mean) != 3 or len(self.std) != 3 or 0.0 in self.std:
            raise ModelError(f"spec of {self.name!r}: mean and std are three numbers, std not 0")

    def to_json(self) -> str:
        """The spec as JSON text, keys in declaration order."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str) -> ModelSpec:
        """Read a spec; ``source`` names its file in the :class:`ModelError` of a bad one."""
        try:
            raw: dict[str, Any] = json.loads(text)
            known = {f.name for f in fields(cls)}
            unknown = sorted(set(raw) - known)
            if unknown:
                raise ModelError(f"{source}: unknown keys in the model spec: {', '.join(unknown)}")
            for key in ("mean", "std"):
                if key in raw:
                    raw[key] = tuple(float(v) for v in raw[key])
            return cls(**raw)
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{source}: not a model spec ({error})") from error

    def with_digest(self, model_file: Path) -> ModelSpec:
        """The same spec holding ``model_file``'s digest."""
        return replace(self, sha256=file_digest(model_file))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
