"""Frame in, matte out, with a memory: for video."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from livematte.engines import Engine
from livematte.errors import UsageError
from livematte.refinement import Cleaning, ColourMatte, Steadiness, colour_matte
from livematte.refinement.region import Box, Region, View, reseen
from livematte.refinement.scene import SceneCuts
from livematte.spec import ModelSpec
from livematte.transforms import crop_matte, fit_image, resize, shaped, shrink

__all__ = [
    "Fitted",
    "Found",
    "MatteStream",
    "SegmenterStream",
    "Small",
    "Steady",
    "check_frame",
]

Floats = NDArray[np.float32]

Steady = Callable[[Floats, Floats, bool], Floats]
"""``(matte, image, fresh) -> matte``, called for each frame in order: h×w float32 in [0, 1] at the
model's size, the fitted image (h×w×3 float32 RGB in [0, 1]), and whether nothing before counts
(the first frame, or one after a cut). :class:`livematte.refinement.Steadiness` is one."""

_WORK_SIDE = 256  # of the refinement: a third of the time that a still picture gets
_LIVE = 0.6  # of the pixels of a model's own size
_LARGE = 480  # pixels of the shorter side
_ENOUGH = 128  # pixels of the shorter side, to notice a cut by


class MatteStream(Protocol):
    """What cuts the frames of one video out, in three steps: the pipeline takes any.

    ``fit`` and ``infer`` run in turn on one thread, ``finish`` may run on another; what they hand
    on is their own matter, and holds all that is needed of the frame: no matte meets another one.

    Attributes:
        cuts: scene cuts so far.
    """

    cuts: int

    def fit(self, frame: NDArray[np.uint8]) -> Any:
        """Prepare the next frame, H×W×3 uint8 RGB."""
        ...

    def infer(self, fitted: Any) -> Any:
        """Find the people in it."""
        ...

    def finish(self, found: Any) -> Floats:
        """Their matte, H×W float32 in [0, 1]."""
        ...


@dataclass(frozen=True, eq=False)
class Fitted:
    """A frame at a model's size.

    Attributes:
        image: h×w×3 float32 RGB in [0, 1].
        spec: the model's, at this size.
        view: the part of the frame that it shows.
        seen: that part as edges are looked for in it, uint8 RGB: of its size, or half of it.
        cut: whether another scene begins.
        whole: all of the frame, as ``image``, where there is need to look at it too.
    """

    image: Floats
    spec: ModelSpec
    view: View
    seen: NDArray[np.uint8]
    cut: bool
    whole: Floats | None = None


@dataclass(frozen=True, eq=False)
class Small:
    """A model's matte (h×w float32 in [0, 1]), and the part of the frame that it covers.

    Attributes:
        matte: as the model sees the part.
        spec: the model's, at this size.
        view: the part of the frame.
    """

    matte: Floats
    spec: ModelSpec
    view: View

    def cropped(self) -> Floats:
        """The matte without letterbox bars: all of the view, and nothing else."""
        return crop_matte(self.matte, self.view.height, self.view.width, self.spec)


@dataclass(frozen=True, eq=False)
class Found:
    """What a model found in a part of a frame.

    Attributes:
        matte: h×w float32 in [0, 1], all of ``view``.
        view: the part of the frame.
        seen: as in :class:`Fitted`.
        colours: how the matte follows the colours of ``seen``; None: it is not refined.
    """

    matte: Floats
    view: View
    seen: NDArray[np.uint8]
    colours: ColourMatte | None


class SegmenterStream:
    """Segments the frames of one video, in order (a :class:`MatteStream`).

    A model with a prior gets its own last matte; after a scene cut it starts anew.

    Attributes:
        cuts: scene cuts so far.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        steady: Steady | None = None,
        region: bool = False,
        cleaning: Cleaning | None = None,
        work_side: int = _WORK_SIDE,
        live: bool = False,
    ) -> None:
        """
        Args:
            engine: runs the model.
            steady: keeps the matte still where the picture is still.
            region: follow a small person with a view of their own.
            cleaning: what to tidy in each matte.
            work_side: see :func:`livematte.refinement.refine_matte`.
            live: come to less, sooner: a smaller input, where the model offers it, and edges of
                large frames at half their size.
        """
        self.engine = engine
        self.cuts = 0
        self._steady, self._work_side = steady, work_side
        self._cleaning, self._live = cleaning, live
        self._spec = engine.spec
        self._size: tuple[int, ...] = ()  # of the frames that it is shaped for
        self._region = Region(self._spec) if region else None
        self._scenes = SceneCuts()
        self._last: Small | None = None

    @property
    def spec(self) -> ModelSpec:
        """What the model says about itself."""
        return self.engine.spec

    def segment(self, frame: NDArray[np.uint8], *, refine: bool = True) -> Floats:
        """The matte of the next frame.

        Args, Returns, Raises: as :meth:`livematte.segmenter.Segmenter.segment`.
        """
        return self.finish(self.infer(self.fit(frame), refine=refine))

    def fit(self, frame: NDArray[np.uint8]) -> Fitted:
        """The first step: the frame (H×W×3 uint8 RGB) at the model's size.

        Raises:
            UsageError: ``frame`` is not H×W×3 uint8 or has no pixels.
        """
        check_frame(frame)
        self._shape_for(frame)
        every = max(min(frame.shape[:2]) // _ENOUGH, 1)
        cut = self._scenes.is_cut(frame[::every, ::every])
        view = View.whole(*frame.shape[:2])
        whole = None
        if self._region is not None:
            if cut:
                self._region.forget()
            view = self._region.view(*frame.shape[:2])
            if self._region.wants_whole():
                whole = fit_image(frame, self._spec, quick=True)
        seen = self._seen(view.of(frame))
        image = fit_image(seen, self._spec, quick=True)
        return Fitted(image, self._spec, view, seen, cut, whole)

    def infer(self, fitted: Fitted, *, refine: bool = True) -> Found:
        """The second step: the model's matte, and how it follows the colours, at a small size.

        Raises:
            ModelError, DeviceError: as :meth:`livematte.segmenter.Segmenter.segment`.
        """
        if fitted.cut:
            self.cuts += 1
            self._last = None
        spec, view = fitted.spec, fitted.view
        if self._last is not None and (self._last.spec, self._last.view.size) != (spec, view.size):
            self._last = None
        last = self._last
        if last is not None and last.view != view and isinstance(self._steady, Steadiness):
            self._steady.follow(Region.matrix(last.view, view, spec))
        raw = self.engine.run(fitted.image, self._prior(view))
        matte = raw
        if self._steady is not None:
            matte = self._steady(raw, fitted.image, last is None)
        if self._region is not None:
            others = self._others(fitted, self._region)
            self._region.follow(Small(matte, spec, view).cropped(), others)
        self._last = Small(raw, spec, view)
        matte = Small(matte, spec, view).cropped()
        if self._cleaning is not None:
            matte = self._cleaning(matte)
        colours = None
        if refine:
            colours = colour_matte(matte, fitted.seen, work_side=self._work_side)
        return Found(matte, view, fitted.seen, colours)

    def finish(self, found: Found) -> Floats:
        """The third step: the matte at the frame's size (H×W float32 in [0, 1])."""
        matte = found.matte if found.colours is None else found.colours.of(found.seen)
        return found.view.put(resize(matte, found.view.height, found.view.width))

    def forget(self) -> None:
        """Take the next frame for the first one."""
        self._last = None
        if self._region is not None:
            self._region.forget()

    def _seen(self, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A part of a frame as edges are looked for in it."""
        height, width = part.shape[:2]
        halved = self._live and min(height, width) >= _LARGE
        return shrink(part, height // 2, width // 2) if halved else part

    def _prior(self, view: View) -> Floats | None:
        """The last matte as seen from ``view``, for a model that wants it."""
        if self._last is None or not self.spec.prior:
            return None
        return reseen(self._last.matte, self._last.view, view, self._last.spec)

    def _shape_for(self, frame: NDArray[np.uint8]) -> None:
        """The model's input for frames of this size, and a region of its proportions."""
        if frame.shape == self._size:
            return
        self._size = frame.shape
        height, width = frame.shape[:2]
        spec = shaped(height, width, self.engine.spec, share=_LIVE if self._live else 1.0)
        if spec != self._spec:
            self._spec = spec
            self._region = None if self._region is None else Region(spec)

    def _others(self, fitted: Fitted, region: Region) -> Box | None:
        """Who is elsewhere, where all of the frame was to be looked at."""
        if fitted.whole is None:
            return None
        view = View.whole(*fitted.view.size)
        matte = self.engine.run(fitted.whole, self._prior(view))
        return region.others_in(Small(matte, fitted.spec, view).cropped())


def check_frame(frame: NDArray[np.uint8]) -> None:
    """Refuse what is no frame.

    Raises:
        UsageError: ``frame`` is not H×W×3 uint8 or has no pixels.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or frame.size == 0:
        raise UsageError(f"a frame is H×W×3 uint8 RGB, not {frame.dtype} of shape {frame.shape}")
