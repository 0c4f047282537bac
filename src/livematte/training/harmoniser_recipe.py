"""Everything that decides how a harmoniser is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from livematte.data.augment import AugmentConfig
from livematte.errors import UsageError
from livematte.training.configuration import as_yaml, parse_as
from livematte.training.disturbing import DisturbanceConfig
from livematte.training.recipe import DataConfig

__all__ = ["HarmoniserRecipe", "load_harmoniser_recipe"]

_BUNDLED = Path(__file__).parent / "harmoniser.yaml"


@dataclass(frozen=True)
class HarmoniserRecipe:
    """What is trained, on what, for how long.

    Attributes:
        name: of the run.
        size, segments, width: of :class:`livematte.networks.harmoniser.Harmoniser`.
        steps: of the optimiser; ``every`` so many the network is validated and kept.
        batch_size: pictures per step.
        rate: learning rate of AdamW after ``warmup`` steps of linear rise; then half a cosine
            to zero.
        decay: of the weights.
        average: decay of the averaged weights, which are validated and shipped.
        clip: largest gradient norm.
        seed: of everything drawn.
        smooth: weight of the loss on bends of the curves.
        plain: weight of the loss on the distance in RGB, beside the one in Lab.
        whole_p, whole_amount: how often, and how strongly, a photograph is disturbed as a whole
            before its person is: so that an evening's light is not taken for a fault.
        grown: how often more than the matte is disturbed, so that hair outside of it does not
            tell the true colours.
        data: which sets are drawn how often; ``data.epoch``, cut-outs, negatives and priors play
            no part.
        geometry: flips, zooms and shifts; the texture fields play no part.
        disturbance: what the person's colours go through.
    """

    name: str
    size: int = 48
    segments: int = 8
    width: int = 24
    steps: int = 3500
    every: int = 250
    batch_size: int = 32
    rate: float = 0.003
    warmup: int = 100
    decay: float = 0.01
    average: float = 0.995
    clip: float = 1.0
    seed: int = 1
    smooth: float = 0.02
    plain: float = 5.0
    whole_p: float = 0.6
    whole_amount: float = 0.5
    grown: float = 0.5
    data: DataConfig = field(default_factory=lambda: DataConfig(stored_size=96))
    geometry: AugmentConfig = field(default_factory=AugmentConfig)
    disturbance: DisturbanceConfig = field(default_factory=DisturbanceConfig)

    def __post_init__(self) -> None:
        if min(self.steps, self.every, self.batch_size, self.warmup) < 1:
            raise UsageError(
                f"recipe {self.name}: steps, every, batch_size and warmup must be 1 or more"
            )

    def to_yaml(self) -> str:
        """The recipe as YAML that :func:`load_harmoniser_recipe` reads back."""
        return as_yaml(self)


def load_harmoniser_recipe(
    path: Path | None = None, overrides: Sequence[str] = ()
) -> HarmoniserRecipe:
    """Read a recipe: the bundled one, or any YAML file.

    Args:
        path: None for that of the bundled weights.
        overrides: as for :func:`livematte.training.recipe.load_recipe`.

    Raises:
        UsageError: no such file, unknown key, or a value of the wrong type.
    """
    source = _BUNDLED if path is None else path
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{source}: not a recipe that can be read ({error})") from error
    return parse_as(HarmoniserRecipe, text, str(source), overrides)
