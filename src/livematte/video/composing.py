"""What a matted frame becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from livematte.effects import Fit, fit_picture, open_chain
from livematte.video.backdrop import Backdrop
from livematte.video.frames import Matted

__all__ = ["Composer", "FrameComposer", "compose_over", "matte_only", "side_by_side"]

Pixels = NDArray[np.uint8]

_WORK_SIDE = 256  # of estimated colours and blurred rooms: they are smooth


class Composer(Protocol):
    """Makes the pixels of a frame (see :class:`livematte.video.frames.Composed`)."""

    def __call__(self, matted: Matted) -> Pixels: ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class FrameComposer:
    """A composer out of a function, and of what it must close."""

    def __init__(
        self, function: Callable[[Matted], Pixels], close: Callable[[], None] | None = None
    ) -> None:
        self._function, self._close = function, close

    def __call__(self, matted: Matted) -> Pixels:
        return self._function(matted)

    def close(self) -> None:
        """Give back what it holds."""
        if self._close is not None:
            self._close()


def matte_only() -> FrameComposer:
    """The matte in grey, H×W."""
    return FrameComposer(lambda matted: np.rint(matted.alpha * 255).astype(np.uint8))


def compose_over(
    background: Backdrop | Pixels | tuple[int, int, int] | Literal["blur"] | None = None,
    *,
    effects: Sequence[str] = (),
    strength: float | Mapping[str, float] | None = None,
    fit: Fit = "fill",
) -> FrameComposer:
    """The person over something else.

    Args:
        background: None: nothing (RGBA comes out), or what an effect makes of the room; ``blur``:
            the effect of that name; a colour; a picture (h×w×3 uint8 RGB); or a video.
        effects, strength: as for :func:`livematte.effects.open_chain`.
        fit: how a picture is brought to the frame's size; a video has its own.

    Raises:
        UsageError: effects that cannot be, or not without a background.
    """
    if isinstance(background, str):
        effects, background = (background, *effects), None
    chain = open_chain(effects, strength=strength, background=background is not None)
    behind = background
    if isinstance(behind, tuple):
        behind = np.array([[behind]], dtype=np.uint8)
    fitted: dict[tuple[int, ...], Pixels] = {}

    def over(matted: Matted) -> Pixels:
        size, time = matted.alpha.shape, matted.frame.time
        if isinstance(behind, Backdrop):
            picture = behind.at(time, size)
        elif behind is None:
            picture = None
        else:
            if size not in fitted:
                fitted[size] = fit_picture(behind, size[0], size[1], fit)
            picture = fitted[size]
        return chain(
            matted.frame.image, matted.alpha, picture, time=float(time), work_side=_WORK_SIDE
        )

    return FrameComposer(over, behind.close if isinstance(behind, Backdrop) else None)


def side_by_side(composer: Composer) -> FrameComposer:
    """The frame as it was on the left, what ``composer`` makes of it on the right.

    A matte is shown in grey; a cut-out on a checkerboard.
    """

    def both(matted: Matted) -> Pixels:
        made = composer(matted)
        if made.ndim == 2:
            made = np.repeat(made[..., None], 3, axis=2)
        elif made.shape[2] == 4:
            made = _on_checks(made)
        return np.hstack([matted.frame.image, made])

    return FrameComposer(both, composer.close)


def _on_checks(rgba: Pixels) -> Pixels:
    """Straight RGBA over grey and white squares of 16 pixels, as editors show transparency."""
    height, width = rgba.shape[:2]
    odd = (np.arange(height)[:, None] // 16 + np.arange(width) // 16) % 2
    checks = np.where(odd[..., None] == 1, np.float32(204), np.float32(255))
    share = rgba[..., 3:].astype(np.float32) / np.float32(255)
    mixed = checks + share * (rgba[..., :3] - checks)
    return np.asarray(np.rint(mixed), dtype=np.uint8)
