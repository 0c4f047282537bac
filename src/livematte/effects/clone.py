"""Seamless cloning: the person's colours shifted so that the seam with the background vanishes.

Poisson cloning (Pérez, Gangnet and Blake, "Poisson Image Editing", 2003) keeps the gradients of
what is pasted and takes its boundary from what is pasted over. That is the same as adding a
membrane to it: the difference of new and old surroundings, continued inside without a bump
(Laplace's equation; as Farbman et al., "Coordinates for Instant Image Cloning", 2009, put it too).
The membrane is smooth, so it is solved on a small picture; the person stays sharp, and, unlike with
``cv2.seamlessClone``, which centres the mask's rectangle on a point, on the pixels where they were.

The seam runs just outside the matte, where the old room is still seen; the matte then decides what
is shown, so that no strip of the old room is.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.effects.blur import room_weight
from livematte.effects.memory import Steady
from livematte.effects.shot import Shot
from livematte.refinement import work_size
from livematte.transforms import shrink

__all__ = ["SeamlessClone", "membrane", "seam_difference", "shift_colours"]

Floats = NDArray[np.float32]

_SIDE = 160  # longest side of the membrane
_ROUNDS = 12  # of relaxation, on each level
_WHOLE = np.float32(0.99)
_TINY = np.float32(1e-6)
_NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4


def membrane(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Continue values into where they are unknown, without a bump (``Δh = 0``).

    At the picture's border the membrane is free: it runs into it level. Solved from coarse to
    fine; each level is relaxed from what the coarser one gives (nested iteration).

    Args:
        values: h×w×3 float32; read only where known.
        known: h×w.

    Returns:
        h×w×3 float32: the values where known; 0 everywhere if nothing is known.
    """
    if not known.any():
        return np.zeros_like(values)
    height, width = known.shape
    if known.all():
        return values.copy()
    if max(height, width) <= 2:
        start = np.broadcast_to(values[known].mean(axis=0), values.shape)
    else:
        size = (-(-width // 2), -(-height // 2))
        share = known.astype(np.float32)
        less = cv2.resize(share, size, interpolation=cv2.INTER_AREA)
        total = cv2.resize(values * share[..., None], size, interpolation=cv2.INTER_AREA)
        coarse: Floats = (total / np.maximum(less, _TINY)[..., None]).astype(np.float32)
        # A mean over a part of a cell lies beside its centre; it counts where there is no other.
        whole = less > _WHOLE
        solved = membrane(coarse, whole if whole.any() else less > 0)
        start = cv2.resize(solved, (width, height), interpolation=cv2.INTER_LINEAR)
    there = np.repeat(known[..., None], 3, axis=2)
    field = np.where(there, values, start).astype(np.float32)
    for _ in range(_ROUNDS):
        relaxed = cv2.filter2D(field, -1, _NEIGHBOURS, borderType=cv2.BORDER_REPLICATE)
        np.copyto(relaxed, values, where=there)
        field = np.asarray(relaxed, dtype=np.float32)
    return field


def seam_difference(
    frame: NDArray[np.uint8],
    alpha: Floats,
    background: NDArray[np.uint8],
    *,
    opacity: Floats | None = None,
) -> Floats:
    """The membrane between the new surroundings and the old.

    Args:
        frame, background: H×W×3 uint8 RGB.
        alpha: H×W float32 in [0, 1].
        opacity: H×W float32 in [0, 1], the frame's own alpha channel; None: opaque.

    Returns:
        h×w×3 float32, grey levels of 255, the longest side at most 160.
    """
    rows, columns = work_size(alpha.shape[0], alpha.shape[1], _SIDE)
    known = room_weight(alpha, opacity, rows, columns) > 0.5
    new = shrink(background, rows, columns).astype(np.float32)
    return membrane(new - shrink(frame, rows, columns), known)


def shift_colours(colours: NDArray[np.uint8], shift: Floats) -> NDArray[np.uint8]:
    """Add a small field of shifts, enlarged, to a picture.

    Args:
        colours: H×W×3 uint8 RGB.
        shift: h×w×3 float32, in grey levels.

    Returns:
        H×W×3 uint8 RGB.
    """
    size = (colours.shape[1], colours.shape[0])
    lighter, darker = (
        cv2.resize(np.rint(np.clip(part, 0, 255)).astype(np.uint8), size)
        for part in (shift, -shift)
    )
    return np.asarray(cv2.subtract(cv2.add(colours, lighter), darker), dtype=np.uint8)


class SeamlessClone:
    """The effect: the person in the new room's light, smoothly over a film."""

    def __init__(self, strength: float = 0.5) -> None:
        self._strength = np.float32(strength)
        self._steady = Steady()

    def __call__(self, shot: Shot) -> Shot:
        """Other colours of the person."""
        if shot.background is None or self._strength == 0:
            return shot
        field = seam_difference(shot.frame, shot.alpha, shot.background, opacity=shot.opacity)
        shift = self._steady(field.astype(np.float64), shot).astype(np.float32)
        return replace(shot, foreground=shift_colours(shot.colours(), self._strength * shift))
