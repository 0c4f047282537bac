"""The models that ship: a file, its spec as JSON, and its card as Markdown, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from livematte.errors import ModelError
from livematte.spec import ModelSpec

__all__ = [
    "DEFAULT",
    "DEFAULT_VIDEO",
    "HARMONISER",
    "BundledFile",
    "BundledModel",
    "bundled",
    "find",
]

DEFAULT = "livematte-m"
DEFAULT_VIDEO = "livematte-video"
"""What videos are cut out by: it remembers its last matte."""

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class BundledFile:
    """A model file of the package, told by its stem.

    Attributes:
        name: the stem.
        path: the file.
    """

    name: str
    path: Path

    @property
    def card(self) -> str:
        """The model card (Markdown); empty where there is none."""
        source = self.path.with_suffix(".md")
        return source.read_text(encoding="utf-8") if source.is_file() else ""


HARMONISER = BundledFile("harmoniser", _FOLDER / "harmoniser.onnx")
"""No matting model: what :mod:`livematte.effects.harmonise` predicts colours with."""


@dataclass(frozen=True)
class BundledModel(BundledFile):
    """A matting model of the package; its name is what ``livematte.load`` and ``--model`` take."""

    @property
    def checkpoint(self) -> Path | None:
        """The weights to train on, which only a checkout of the repository has beside the file."""
        source = self.path.with_suffix(".ckpt")
        return source if source.is_file() else None

    @property
    def spec(self) -> ModelSpec:
        """The spec beside the file; :class:`ModelError` where it cannot be read."""
        source = self.path.with_suffix(".json")
        try:
            return ModelSpec.from_json(source.read_text(encoding="utf-8"), source=str(source))
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(
                f"{source}: the bundled model's spec cannot be read; install livematte again"
            ) from error


def bundled(folder: Path = _FOLDER) -> tuple[BundledModel, ...]:
    """The matting models of the package (or of another folder), the default first, then by name."""
    files = sorted(folder.glob("*.onnx"), key=lambda path: (path.stem != DEFAULT, path.stem))
    return tuple(BundledModel(path.stem, path) for path in files if path != HARMONISER.path)


def find(name: str = DEFAULT, folder: Path = _FOLDER) -> BundledModel:
    """A bundled model by its name.

    Raises:
        ModelError: there is none of that name; the message lists those there are.
    """
    models = bundled(folder)
    for model in models:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in models) or "none; install livematte again"
    raise ModelError(f"no bundled model {name!r} (there are: {names})")
