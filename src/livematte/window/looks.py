"""Compose each frame as the window's user wants it at that moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livematte.effects.registry import Chain, open_chain
from livematte.errors import UsageError
from livematte.video.frames import Matted
from livematte.window.backgrounds import Background
from livematte.window.controls import Controls, Look

__all__ = ["LiveComposer", "above"]

_WORK_SIDE = 256


class LiveComposer:
    """Makes H×W×3 uint8 RGB of each matted frame.

    Attributes:
        complaint: why the last frame is not what was asked for; empty where it is.
    """

    def __init__(self, controls: Controls, backgrounds: Sequence[Background]) -> None:
        self.complaint = ""
        self._controls, self._backgrounds = controls, backgrounds
        self._chain: tuple[tuple[bool, tuple[str, ...]], Chain] | None = None
        self._behind: Background | None = None

    def __call__(self, matted: Matted) -> NDArray[np.uint8]:
        """The frame with the look of now."""
        look = self._controls.look
        frame, alpha = matted.frame, above(matted.alpha, look.threshold)
        behind = self._background(look)
        if behind is None and not look.blur:
            self._chain = None
            self.complaint = "an effect needs a background: 1 to 9, or B" if look.held else ""
            return frame.image
        background = None if behind is None else behind.at(frame.time, alpha.shape)
        chain = self._open(look, background is not None)
        return chain(frame.image, alpha, background, time=float(frame.time), work_side=_WORK_SIDE)

    def close(self) -> None:
        """Give back the backgrounds."""
        for background in self._backgrounds:
            background.close()

    def _background(self, look: Look) -> Background | None:
        behind = None
        if look.background and not look.blur:
            behind = self._backgrounds[look.background - 1]
        if self._behind is not None and self._behind is not behind:
            self._behind.leave()
        self._behind = behind
        return behind

    def _open(self, look: Look, background: bool) -> Chain:
        """The chain of the look's effects; the same for as long as they stay."""
        key = (look.blur, look.held)
        if self._chain is None or self._chain[0] != key:
            behind = ("blur",) if look.blur else ()
            self.complaint = ""
            try:
                chain = open_chain((*behind, *look.held), background=background)
            except UsageError as error:
                self.complaint = str(error)
                chain = open_chain(behind, background=background)
            self._chain = (key, chain)
        return self._chain[1]


def above(alpha: NDArray[np.float32], threshold: float) -> NDArray[np.float32]:
    """What of a matte lies above a threshold, stretched to [0, 1]: at 0 all of it, as it is.

    Args:
        alpha: H×W float32 in [0, 1].
        threshold: in [0, 1).
    """
    if threshold <= 0:
        return alpha
    stretched = (alpha - np.float32(threshold)) * np.float32(1 / (1 - threshold))
    return np.asarray(np.clip(stretched, 0, 1, out=stretched), dtype=np.float32)
