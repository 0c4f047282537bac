"""Decide doubtful pixels by the picture's colours: GrabCut, for still pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.refinement.scaling import work_size
from livematte.transforms import resize, shrink

__all__ = ["grabcut_matte"]

Floats = NDArray[np.float32]

_SIDE = 512  # of the picture that is cut; the time grows with its square
_ROUNDS = 3
_SURE = 0.02  # of the longer side: who is farther from the outline than that is not asked


def grabcut_matte(matte: Floats, image: NDArray[np.uint8]) -> Floats:
    """The matte with its outline where the colours of person and room part.

    Around the matte's outline, and wherever the matte is undecided, a colour model of the person
    and one of the room are learned in turn with a minimal cut between the two (Rother, Kolmogorov
    and Blake, "GrabCut", 2004). What lies farther inside or outside stays as it is. It helps where
    the two have colours of their own, and harms where they share them.

    Args:
        matte: h×w float32 in [0, 1], covering the whole picture.
        image: H×W×3 uint8 RGB.

    Returns:
        float32 in [0, 1], with a hard outline softened by a pixel, at most 512 pixels long; the
        matte itself where there is nobody, or nobody else.
    """
    rows, columns = work_size(image.shape[0], image.shape[1], _SIDE)
    small = resize(matte, rows, columns)
    trimap = _trimap(small)
    sure = (trimap == cv2.GC_FGD).any() and (trimap == cv2.GC_BGD).any()
    if not sure:
        return matte
    picture = np.ascontiguousarray(shrink(image, rows, columns)[..., ::-1])
    person, room = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # the colour models begin with chance
    cv2.grabCut(picture, trimap, (0, 0, 0, 0), room, person, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    cut = ((trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(cv2.blur(cut, (3, 3), borderType=cv2.BORDER_REPLICATE), np.float32)


def _trimap(matte: Floats) -> NDArray[np.uint8]:
    """Sure and probable person and room, in GrabCut's numbers."""
    person = (matte > 0.5).astype(np.uint8)
    reach = max(round(_SURE * max(matte.shape)), 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    trimap = np.where(person > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[(cv2.erode(person, disc) > 0) & (matte > 0.9)] = cv2.GC_FGD
    trimap[(cv2.dilate(person, disc) == 0) & (matte < 0.1)] = cv2.GC_BGD
    return trimap
