"""A recipe: everything that decides how a network is trained, read from one YAML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from livematte.data.augment import AugmentConfig
from livematte.errors import UsageError
from livematte.training.configuration import as_yaml, parse_as

__all__ = [
    "DataConfig",
    "LossConfig",
    "OptimiserConfig",
    "Recipe",
    "ScheduleConfig",
    "Stage",
    "bundled_recipes",
    "load_recipe",
    "parse_recipe",
]


@dataclass(frozen=True)
class LossConfig:
    """Weight of each loss; 0 leaves it out. See :mod:`livematte.training.losses`.

    Attributes:
        cross_entropy: over all pixels.
        boundary: cross-entropy over the boundary band alone; ``boundary_kernel`` is its width in
            pixels of the mask it is computed on.
        dice, l1, laplacian: over the probabilities.
        edge: focal loss of the boundary head.
        consistency: KL divergence from the plain to the texture-augmented view; also scores the
            plain view's mask, as PortraitNet does.
        coarse: cross-entropy of the encoder's own low-resolution answer, with its band
            (``coarse_kernel``).
        distillation: KL divergence from a teacher's matte.
        steady: how far the matte's change since the moment before is from the true change; needs
            :attr:`DataConfig.prior_own`.
    """

    cross_entropy: float = 1.0
    boundary: float = 0.0
    boundary_kernel: int = 15
    dice: float = 0.0
    l1: float = 0.0
    laplacian: float = 0.0
    edge: float = 0.0
    consistency: float = 0.0
    coarse: float = 0.0
    coarse_kernel: int = 5
    distillation: float = 0.0
    steady: float = 0.0

    def __post_init__(self) -> None:
        for name in ("boundary_kernel", "coarse_kernel"):
            if getattr(self, name) % 2 == 0:
                raise UsageError(f"loss: {name} must be odd, to have a middle pixel")


@dataclass(frozen=True)
class Stage:
    """A stretch of training with one batch size, input size, learning rate and loss.

    Attributes:
        epochs: how often :attr:`DataConfig.epoch` pictures are drawn.
        batch_size: pictures per step and process.
        size: (height, width) of the input.
        more_sizes: others; each step draws one of them all.
        rate: learning rate, before the schedule.
        freeze_encoder: leave the encoder's weights and norms as they are.
        freeze_levels: leave so many of the encoder's first feature maps (of five) as they
            are. The early layers are the dearest to train, and change least.
        freeze_ranges: of a network in quantisation-aware training: leave the ranges of its features
            as they are.
        loss: what is minimised.
    """

    epochs: int
    batch_size: int
    size: tuple[int, int]
    rate: float
    freeze_encoder: bool = False
    freeze_levels: int = 0
    freeze_ranges: bool = False
    loss: LossConfig = LossConfig()
    more_sizes: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.freeze_levels <= 5:
            raise UsageError(f"freeze_levels is {self.freeze_levels}, not one of 0 to 5")

    @property
    def freezes(self) -> bool:
        """Whether any of the encoder stays as it is."""
        return self.freeze_encoder or self.freeze_levels > 0


@dataclass(frozen=True)
class OptimiserConfig:
    """Adam or AdamW, with separate decay for depthwise kernels and for norms and biases.

    Attributes:
        encoder: share of the rate that the encoder's weights get: one that starts trained keeps
            more of what it knows at a small one.
    """

    kind: Literal["adam", "adamw"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    decay: float = 0.0
    decay_depthwise: float | None = None
    decay_rest: float | None = None
    encoder: float = 1.0


@dataclass(frozen=True)
class ScheduleConfig:
    """How the learning rate moves.

    ``constant``; ``cosine`` to ``floor`` × rate over all stages; ``steps``: × ``factor`` at each
    of ``milestones`` (epochs), or every ``every`` epochs; ``plateau``: × ``factor`` after more
    than ``patience`` epochs without a better validation loss, until the first stage's rate is
    ``minimum``. All start with ``warmup`` steps of linear rise. ``per_stage`` counts steps and
    epochs anew in every stage.
    """

    kind: Literal["constant", "cosine", "steps", "plateau"] = "cosine"
    warmup: int = 0
    floor: float = 0.0
    factor: float = 0.5
    milestones: tuple[int, ...] = ()
    every: int = 0
    patience: int = 10
    minimum: float = 1e-6
    per_stage: bool = False


@dataclass(frozen=True)
class DataConfig:
    """Which pictures are drawn, and how.

    Attributes:
        stored_size: side of the square in which pictures wait in memory.
        weights: how often each set is drawn, by folder name; empty draws all pictures alike.
        cutouts: sets that are only used in front of ``backgrounds``.
        backgrounds: folders of pictures without people.
        negatives: share of the batch that is a background alone.
        replaced: chance that a picture which is no cut-out gets another background, too.
        crowd: chance that another person of the batch stands behind the one before a background.
        upper_body: sets of full-body pictures that are cropped to the upper half of the person.
        validate: sets that are scored after each epoch; empty takes all that are left.
        epoch: pictures drawn in an epoch; 0 draws as many as there are.
        prior_p: chance that a prior network sees a distorted matte rather than an empty one.
        prior_own: chance that it sees its own answer to a moment before instead, when person and
            room had each moved a little and the noise was another.
        prior_cut: chance that this answer is one to another picture, as after a scene cut.
        moments: how many moments the clip before such an answer has, each but the first with the
            answer to the one before it as its prior.
    """

    stored_size: int = 320
    weights: Mapping[str, float] = field(default_factory=dict)
    cutouts: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    negatives: float = 0.0
    replaced: float = 0.0
    crowd: float = 0.0
    upper_body: tuple[str, ...] = ()
    validate: tuple[str, ...] = ()
    epoch: int = 0
    prior_p: float = 0.5
    prior_own: float = 0.0
    prior_cut: float = 0.1
    moments: int = 1


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained.

    Attributes:
        name: name of the run.
        source: where the hyper-parameters come from.
        network, options, prior: arguments of :func:`livematte.networks.create`.
        pretrained: starting weights, see :func:`livematte.networks.create`.
        teacher: checkpoint whose mattes are distilled.
        precision: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        ema: decay of the averaged weights that are validated and shipped; 0 turns it off.
        clip: largest gradient norm; 0 turns it off.
        compile: compile the network on CUDA devices: a minute or two, for faster steps after.
    """

    name: str
    network: str
    source: str
    stages: tuple[Stage, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    prior: bool = False
    pretrained: str | None = None
    teacher: str | None = None
    seed: int = 1
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    ema: float = 0.0
    clip: float = 0.0
    compile: bool = False
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    data: DataConfig = DataConfig()
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        distils = any(stage.loss.distillation > 0 for stage in self.stages)
        steady = any(stage.loss.steady > 0 for stage in self.stages)
        remembers = self.prior and self.data.prior_own > 0
        frozen = any(stage.freezes and stage.epochs for stage in self.stages)
        for wrong, remedy in (
            (not self.stages, "a recipe needs at least one stage"),
            (distils and not self.teacher, "a distillation loss needs a teacher"),
            (bool(self.teacher) and not distils, "a teacher needs a stage with loss.distillation"),
            (
                frozen and not self.pretrained,
                "a frozen encoder needs pretrained weights; give "
                "pretrained, or set the stage's epochs to 0",
            ),
            (steady and not remembers, "loss.steady needs prior: true and data.prior_own"),
            (self.data.moments < 1, "data.moments counts from 1"),
            (
                max(self.data.negatives, self.data.replaced, self.data.crowd) > 0
                and not self.data.backgrounds,
                "data.negatives, data.replaced and data.crowd need data.backgrounds",
            ),
            (
                bool(self.data.cutouts) and not self.data.backgrounds,
                "data.cutouts needs data.backgrounds to put them in front of",
            ),
        ):
            if wrong:
                raise UsageError(f"recipe {self.name}: {remedy}")

    def to_yaml(self) -> str:
        """The recipe as YAML that :func:`load_recipe` reads back."""
        return as_yaml(self)

    def without_folders(self) -> Recipe:
        """The same, ``pretrained`` and ``teacher`` named by their files alone."""
        return replace(
            self,
            pretrained=Path(self.pretrained).name if self.pretrained else None,
            teacher=Path(self.teacher).name if self.teacher else None,
        )

    def differences(self, other: Recipe) -> list[str]:
        """The fields in which ``other`` trains something else.

        A file that is named by both may have moved, within its folder: of ``runs/a/best.ckpt``
        and ``runs/b/best.ckpt`` the folder is what tells them apart.
        """
        names = [f.name for f in fields(self)]
        return [n for n in names if _told(getattr(self, n), n) != _told(getattr(other, n), n)]


def _told(value: Any, name: str) -> Any:
    """A field's value, of a file its name and its folder's alone."""
    return Path(value).parts[-2:] if value and name in ("pretrained", "teacher") else value


def bundled_recipes() -> dict[str, Path]:
    """The recipes that come with livematte, by name."""
    folder = Path(str(resources.files("livematte.training") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a bundled recipe by name, or any YAML file.

    Args:
        name_or_path: such as ``portraitnet`` or ``my/recipe.yaml``.
        overrides: ``key=value`` with dots into the tree (``stages.0.batch_size=16``); values are
            YAML.

    Raises:
        UsageError: no such recipe, unknown key, or a value of the wrong type.
    """
    path = bundled_recipes().get(name_or_path, Path(name_or_path))
    if not path.is_file():
        raise UsageError(
            f"{name_or_path}: no such recipe; give a YAML file or one of "
            f"{', '.join(bundled_recipes())}"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a recipe that can be read ({error})") from error
    return parse_recipe(text, str(path), overrides)


def parse_recipe(text: str, place: str, overrides: Sequence[str] = ()) -> Recipe:
    """Make a recipe of YAML text; ``place`` names its source in errors."""
    return parse_as(Recipe, text, place, overrides)
