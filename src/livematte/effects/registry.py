"""Effects by their names, and chains of them.

An effect changes a layer of a :class:`Shot`: the matte, the background, or the person's colours.
The layers are laid over each other once, at the end, whatever the effects; so they can be combined
freely, and are always taken in the order of their stages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from livematte.effects.blend import as_background, lay_over, lay_person_over, on_nothing
from livematte.effects.blur import Blur
from livematte.effects.bokeh import Bokeh
from livematte.effects.checks import check_frame, check_share
from livematte.effects.clone import SeamlessClone
from livematte.effects.edges import Edges
from livematte.effects.harmonise import Harmonise
from livematte.effects.shot import Effect, Shot
from livematte.effects.smoothstep import SmoothStep
from livematte.effects.transfer import ColourTransfer, monge_kantorovich, reinhard
from livematte.effects.wrap import LightWrap
from livematte.errors import UsageError
from livematte.refinement.scene import SceneCuts

__all__ = [
    "EFFECTS",
    "Chain",
    "Entry",
    "Stage",
    "check_effects",
    "find_effect",
    "makes_background",
    "open_chain",
]

_THINNED = 180  # rows or columns that are looked at for a cut


class Stage(IntEnum):
    """Which layer an effect changes; earlier ones go first."""

    MATTE = 0
    BACKGROUND = 1
    COLOURS = 2
    LIGHT = 3


@dataclass(frozen=True)
class Entry:
    """An effect that can be had by its name.

    Attributes:
        name: as it is given to ``--effect``.
        summary: what it does, in a few words.
        stage: the layer that it changes. Those of BACKGROUND make one from the frame's room where
            none is given.
        strength: in [0, 1], if none is asked for; at 0 nothing changes.
        open: makes the effect of a strength for one film or picture.
        needs_background: whether it has nothing to go by without one.
    """

    name: str
    summary: str
    stage: Stage
    strength: float
    open: Callable[[float], Effect]
    needs_background: bool = False


def _reinhard(strength: float) -> Effect:
    return ColourTransfer(strength, reinhard)


def _monge_kantorovich(strength: float) -> Effect:
    return ColourTransfer(strength, monge_kantorovich)


_ENTRIES = (
    Entry("smooth-step", "a firmer edge", Stage.MATTE, 1.0, SmoothStep),
    Entry("blur", "the background out of focus", Stage.BACKGROUND, 0.5, Blur),
    Entry("bokeh", "the same, lamps as bright discs", Stage.BACKGROUND, 0.5, Bokeh),
    Entry("edges", "the background drawn", Stage.BACKGROUND, 1.0, Edges),
    Entry(
        "colour-transfer",
        "the person in the background's tone",
        Stage.COLOURS,
        0.2,
        _reinhard,
        needs_background=True,
    ),
    Entry(
        "colour-mapping",
        "the same, in its whole palette",
        Stage.COLOURS,
        0.2,
        _monge_kantorovich,
        needs_background=True,
    ),
    Entry(
        "harmonise",
        "colours that go with the background",
        Stage.COLOURS,
        0.5,
        Harmonise,
        needs_background=True,
    ),
    Entry(
        "seamless-clone",
        "no seam with the background",
        Stage.COLOURS,
        0.35,
        SeamlessClone,
        needs_background=True,
    ),
    Entry(
        "light-wrap",
        "the background's glow over the edge",
        Stage.LIGHT,
        0.5,
        LightWrap,
        needs_background=True,
    ),
)
EFFECTS: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})


def find_effect(name: str) -> Entry:
    """The effect of a name.

    Raises:
        UsageError: there is none; the message lists those that there are.
    """
    if name not in EFFECTS:
        raise UsageError(f"no effect is called {name!r}; there are {', '.join(EFFECTS)}")
    return EFFECTS[name]


def makes_background(names: Iterable[str]) -> bool:
    """Whether any of these effects makes a background from the frame's room.

    Raises:
        UsageError: an unknown name.
    """
    return any(find_effect(name).stage is Stage.BACKGROUND for name in names)


def check_effects(names: Sequence[str], *, background: bool) -> None:
    """Raise :class:`UsageError` unless :func:`open_chain` can make a chain of these names."""
    entries = [find_effect(name) for name in names]
    if len(set(names)) < len(names):
        raise UsageError(f"an effect is given twice: {', '.join(names)}")
    lacking = [entry.name for entry in entries if entry.needs_background]
    if lacking and not (background or makes_background(names)):
        makers = [entry.name for entry in EFFECTS.values() if entry.stage is Stage.BACKGROUND]
        raise UsageError(
            f"{lacking[0]} needs a background to go by: give one, or {' or '.join(makers)} too"
        )


def open_chain(
    names: Sequence[str] = (),
    *,
    strength: float | Mapping[str, float] | None = None,
    background: bool = False,
) -> Chain:
    """Effects made ready for one picture or one film.

    Args:
        names: of effects, in any order (the stages decide; within a stage this order).
        strength: in [0, 1], of all of them or by name; None, or a name that is not there: each
            one's own.
        background: whether the calls will give one.

    Raises:
        UsageError: a name that is unknown or given twice, a strength outside [0, 1], or an effect
            that needs a background where there is none.
    """
    check_effects(names, background=background)
    effects: list[Effect] = []
    for entry in sorted(map(find_effect, names), key=lambda entry: entry.stage):
        share = strength.get(entry.name) if isinstance(strength, Mapping) else strength
        share = entry.strength if share is None else share
        if not 0 <= share <= 1:  # NaN neither
            raise UsageError(f"the strength of {entry.name} lies in [0, 1], not {share}")
        effects.append(entry.open(share))
    return Chain(effects)


class Chain:
    """Applies effects to one frame after another, and composes them.

    Attributes:
        effects: in the order in which they are applied.
    """

    def __init__(self, effects: Sequence[Effect]) -> None:
        self.effects = tuple(effects)
        self._frames, self._backgrounds = SceneCuts(), SceneCuts()
        self._began = False

    def __call__(
        self,
        frame: NDArray[np.uint8],
        alpha: NDArray[np.float32],
        background: NDArray[np.uint8] | tuple[int, int, int] | None = None,
        *,
        opacity: NDArray[np.float32] | None = None,
        time: float = 0.0,
        cut: bool = False,
        work_side: int = 640,
    ) -> NDArray[np.uint8]:
        """Compose one picture.

        Args:
            frame: H×W×3 uint8 RGB.
            alpha: H×W float32 in [0, 1].
            background: H×W×3 uint8 RGB, or one colour; None: none is given.
            opacity: H×W float32 in [0, 1], the frame's own alpha channel; None: opaque.
            time: when it is shown, in seconds; it rises from call to call.
            cut: nothing that was seen before counts. The first call and cuts between scenes are
                noticed without it.
            work_side: longest side of the small pictures that smooth things are computed on.

        Returns:
            H×W×3 uint8 RGB; H×W×4 RGBA (straight alpha) where no background is given and no
            effect makes one.

        Raises:
            UsageError: other shapes, types or ranges.
        """
        check_frame(frame)
        check_share(alpha, frame, "a matte")
        check_share(opacity, frame, "an opacity")
        behind = None if background is None else as_background(background, frame)
        cut = self._is_cut(frame, behind) or cut
        shot = Shot(frame, alpha, behind, opacity, time, cut, work_side)
        for effect in self.effects:
            shot = effect(shot)
        if shot.background is not None and shot.foreground is None and opacity is None:
            return lay_person_over(frame, shot.alpha, shot.background, work_side=work_side)
        share = shot.alpha if opacity is None else shot.alpha * opacity
        if shot.background is None:
            return on_nothing(shot.colours(), share)
        return lay_over(shot.colours(), share, shot.background)

    def _is_cut(self, frame: NDArray[np.uint8], behind: NDArray[np.uint8] | None) -> bool:
        """Whether what was seen before counts no more."""
        cut = not self._began
        self._began = True
        if not self.effects:
            return cut
        cut |= self._frames.is_cut(_thinned(frame))
        return (behind is not None and self._backgrounds.is_cut(_thinned(behind))) or cut


def _thinned(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Some of the rows and columns: enough to notice a cut, and several times as fast."""
    step = max(min(picture.shape[:2]) // _THINNED, 1)
    return np.ascontiguousarray(picture[::step, ::step])
