"""Frame in, matte out, by what is not the empty room."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.errors import InputError, UsageError
from livematte.refinement import (
    close_matte,
    fill_holes,
    largest_person,
    open_matte,
    refine_matte,
    work_size,
)
from livematte.stream import check_frame
from livematte.subtraction.camera import CameraWatch, Moved
from livematte.subtraction.light import relit
from livematte.subtraction.rooms import Method, open_room
from livematte.transforms import resize, shrink

__all__ = ["Blurred", "Found", "Subtraction", "SubtractionStream", "Subtractor"]

Floats = NDArray[np.float32]

_SIDE = 320  # of the frames that are compared
_WORK_SIDE = 256  # of the refinement, as in livematte.stream
_BLUR = 1.2  # pixels of the work size
_OPENING, _CLOSING = 0.004, 0.016  # radii, in parts of the longer side
_LEAST = 0.005  # of the picture: nobody is smaller
_GUARD = 0.03  # of the longer side: around the person the room is not learned
_STRANGE = 0.75  # of the picture that differs: it is another picture
_PATIENCE = 15  # frames in a row


@dataclass(frozen=True)
class Subtraction:
    """How to subtract a background.

    Attributes:
        method: see :func:`livematte.subtraction.rooms.open_room`.
        learn: frames at the beginning that show the empty room.
        threshold: the difference that counts, in 8-bit steps; lower finds more person, and more
            that is none.

    Raises:
        UsageError: fewer than one frame, or no threshold above 0.
    """

    method: Method = "knn"
    learn: int = 30
    threshold: float = 20.0

    def __post_init__(self) -> None:
        if self.learn < 1:
            raise UsageError(f"learning from {self.learn} frames: give 1 or more")
        if not 0 < self.threshold < 256:
            raise UsageError(f"a threshold of {self.threshold:g}: give one from 1 to 255")


class Subtractor:
    """Stands where a :class:`livematte.segmenter.Segmenter` may stand, for films.

    Args:
        how: see :class:`Subtraction`.
        name: of the film, for messages.
    """

    def __init__(self, how: Subtraction = Subtraction(), *, name: str = "the video") -> None:
        self.how = how
        self.name = name

    def stream(self) -> SubtractionStream:
        """For the frames of one film."""
        return SubtractionStream(self.how, name=self.name)


@dataclass(frozen=True, eq=False)
class Blurred:
    """A frame, and the same at the work size and blurred; both uint8 RGB."""

    frame: NDArray[np.uint8]
    small: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Found:
    """A frame (H×W×3 uint8 RGB), and its matte at the work size (h×w float32 in [0, 1])."""

    frame: NDArray[np.uint8]
    matte: Floats


class SubtractionStream:
    """Cuts out what is not the empty room (a :class:`livematte.stream.MatteStream`).

    The first frames are the empty room; their mattes are empty. Of each later frame: blur,
    difference from the room, threshold, opening and closing, filled holes, the largest piece. The
    light may change slowly, as a whole (:mod:`livematte.subtraction.light`) and, outside the
    person, in places. The camera must stand still.

    Attributes:
        cuts: always 0: a cut is an error.
    """

    def __init__(self, how: Subtraction, *, name: str) -> None:
        self.cuts = 0
        self._how, self._name = how, name
        self._room = open_room(how.method, how.threshold, how.learn)
        self._camera = CameraWatch()
        self._person: NDArray[np.bool_] | None = None
        self._number = 0
        self._strange = 0

    def segment(self, frame: NDArray[np.uint8], *, refine: bool = True) -> Floats:
        """The matte of the next frame.

        Args:
            frame: H×W×3 uint8 RGB.
            refine: lift the matte along the picture's edges; False: bilinearly.

        Returns:
            H×W float32 in [0, 1].

        Raises:
            UsageError: ``frame`` is not H×W×3 uint8, has no pixels, or changed its size.
            InputError: the camera moved, or everything changed.
        """
        return self.finish(self.infer(self.fit(frame)), refine=refine)

    def fit(self, frame: NDArray[np.uint8]) -> Blurred:
        """The first step: the frame at the work size, blurred.

        Raises:
            UsageError: see :meth:`segment`.
        """
        check_frame(frame)
        rows, columns = work_size(frame.shape[0], frame.shape[1], _SIDE)
        if self._person is not None and self._person.shape != (rows, columns):
            raise UsageError(f"{self._name}: the frames of one video have one size")
        small = shrink(np.ascontiguousarray(frame), rows, columns)
        return Blurred(frame, np.asarray(cv2.GaussianBlur(small, (0, 0), _BLUR), dtype=np.uint8))

    def infer(self, fitted: Blurred) -> Found:
        """The second step: the matte at the work size.

        Raises:
            InputError: see :meth:`segment`.
        """
        return Found(fitted.frame, self._small_matte(fitted.small))

    def finish(self, found: Found, *, refine: bool = True) -> Floats:
        """The third step: the matte at the frame's size (H×W float32 in [0, 1])."""
        if refine:
            return refine_matte(found.matte, found.frame, work_side=_WORK_SIDE)
        return resize(found.matte, found.frame.shape[0], found.frame.shape[1])

    def _small_matte(self, fitted: NDArray[np.uint8]) -> Floats:
        number, self._number = self._number, self._number + 1
        if self._person is None:
            self._person = np.zeros(fitted.shape[:2], bool)
        if number:
            self._check_camera(fitted, learning=number < self._how.learn)
        if number < self._how.learn:
            self._room.learn(fitted)
            return np.zeros(fitted.shape[:2], np.float32)
        picture = relit(fitted, self._room.picture(), self._person)
        differs = self._room.differs(picture)
        self._check_strange(differs)
        matte = _tidied(differs)
        self._person = _guarded(matte)
        self._room.update(picture, self._person)
        return matte

    def _check_camera(self, fitted: NDArray[np.uint8], *, learning: bool) -> None:
        assert self._person is not None
        room = self._room.picture()
        moved = self._camera.look(relit(fitted, room, self._person), room)
        if moved is None:
            return
        when = "while" if learning else "since"
        raise InputError(
            f"{self._name}: frame {self._number - 1}: the camera has moved {_words(moved)} {when} "
            "the empty room was learned; keep it still and film again, or use livematte video, "
            "whose camera may move"
        )

    def _check_strange(self, differs: NDArray[np.bool_]) -> None:
        """Another scene, a light that was switched on, a hand before the lens."""
        self._strange = self._strange + 1 if differs.mean() > _STRANGE else 0
        if self._strange >= _PATIENCE:
            raise InputError(
                f"{self._name}: frame {self._number - _PATIENCE}: nearly everything differs from "
                "the empty room from here on; end the video before it (--duration), begin after "
                "it (--start), or use livematte video"
            )


def _words(moved: Moved) -> str:
    """``by 1.2 % of the picture's width``."""
    return f"by {100 * np.hypot(moved.right, moved.down):.1f} % of the picture's width"


def _tidied(differs: NDArray[np.bool_]) -> Floats:
    """One person without holes, with edges a pixel soft; nobody where nobody is large enough."""
    matte = differs.astype(np.float32)
    matte = close_matte(open_matte(matte, _OPENING), _CLOSING)
    matte = largest_person(fill_holes(matte, largest=1.0))
    if np.count_nonzero(matte > 0.5) < _LEAST * matte.size:
        return np.zeros_like(matte)
    return np.asarray(cv2.GaussianBlur(matte, (0, 0), 1.0), dtype=np.float32)


def _guarded(matte: Floats) -> NDArray[np.bool_]:
    """The person and a little around them."""
    side = 2 * max(round(_GUARD * max(matte.shape)), 1) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate((matte > 0.5).astype(np.uint8), disc) > 0)
