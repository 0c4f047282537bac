"""What the empty room looks like, and which pixels of a frame do not: one class per method.

Pictures are h×w×3 uint8 RGB at the work size, blurred, in the light of the learned room. Masks are
h×w bool.
"""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.errors import UsageError

__all__ = ["METHODS", "Method", "Room", "open_room"]

Method = Literal["mean", "mog2", "knn"]
METHODS: tuple[Method, ...] = get_args(Method)

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_UPDATE = 0.01  # of the difference, per frame, outside the person: a memory of three seconds


class Room(Protocol):
    """A model of the empty room."""

    def learn(self, picture: Picture) -> None:
        """See the empty room once more."""
        ...

    def differs(self, picture: Picture) -> Mask:
        """Where a frame is not the room."""
        ...

    def update(self, picture: Picture, person: Mask) -> None:
        """Follow what changes slowly in the room; ``person`` hides it."""
        ...

    def picture(self) -> Picture:
        """The empty room."""
        ...


class _Mean:
    """The mean of the empty frames; what differs from it in grey by more than a threshold."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._mean: NDArray[np.float32] | None = None
        self._seen = 0

    def learn(self, picture: Picture) -> None:
        self._seen += 1
        if self._mean is None:
            self._mean = picture.astype(np.float32)
        else:
            self._mean += (picture - self._mean) / np.float32(self._seen)

    def differs(self, picture: Picture) -> Mask:
        new, old = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (picture, self.picture()))
        return np.asarray(cv2.absdiff(new, old) > self._threshold)

    def update(self, picture: Picture, person: Mask) -> None:
        assert self._mean is not None
        self._mean += _UPDATE * (picture - self._mean) * ~person[..., None]

    def picture(self) -> Picture:
        assert self._mean is not None
        return np.rint(self._mean).astype(np.uint8)


class _ByOpenCV:
    """A density of each pixel's colours: OpenCV's mixture of Gaussians, or nearest neighbours."""

    def __init__(
        self, subtractor: cv2.BackgroundSubtractorMOG2 | cv2.BackgroundSubtractorKNN
    ) -> None:
        self._subtractor = subtractor

    def learn(self, picture: Picture) -> None:
        self._subtractor.apply(picture)

    def differs(self, picture: Picture) -> Mask:
        # 127 is shadow, 255 something new.
        return np.asarray(np.asarray(self._subtractor.apply(picture, learningRate=0)) == 255)

    def update(self, picture: Picture, person: Mask) -> None:
        # A person who stands still must not become furniture: their place shows the room.
        shown = np.where(person[..., None], self.picture(), picture)
        self._subtractor.apply(shown, learningRate=_UPDATE)

    def picture(self) -> Picture:
        return np.asarray(self._subtractor.getBackgroundImage(), dtype=np.uint8)


def open_room(method: Method, threshold: float, learn: int) -> Room:
    """An empty room of which nothing is known yet.

    Args:
        method: ``mean``; ``mog2`` (Zivkovic, "Improved Adaptive Gaussian Mixture Model for
            Background Subtraction", 2004); ``knn`` (Zivkovic and van der Heijden, 2006).
        threshold: the difference that counts, in 8-bit steps.
        learn: frames that will be learned from.

    Raises:
        UsageError: no such method.
    """
    if method == "mean":
        return _Mean(threshold)
    if method == "mog2":
        mixture = cv2.createBackgroundSubtractorMOG2(history=learn, varThreshold=16)
        # The mixture counts in standard deviations: four of the least one are the threshold.
        least = (threshold / 4) ** 2
        mixture.setVarMin(least)
        mixture.setVarInit(least)
        return _ByOpenCV(mixture)
    if method == "knn":
        return _ByOpenCV(
            cv2.createBackgroundSubtractorKNN(history=learn, dist2Threshold=threshold**2)
        )
    raise UsageError(f"method {method!r}: choose from {', '.join(METHODS)}")
