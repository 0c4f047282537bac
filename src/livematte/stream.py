"""Frame in, matte out, with a memory: for video."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from livematte.engines import Engine
from livematte.errors import UsageError
from livematte.refinement import refine_matte
from livematte.refinement.scene import SceneCuts
from livematte.spec import ModelSpec
from livematte.transforms import crop_matte, fit_image, resize

__all__ = ["SegmenterStream", "Steady"]

Steady = Callable[[NDArray[np.float32], NDArray[np.float32], bool], NDArray[np.float32]]
"""``(matte, image, fresh) -> matte``, called for each frame in order: h×w float32 in [0, 1] at the
model's size, the fitted image (h×w×3 float32 RGB in [0, 1]), and whether nothing before counts
(the first frame, or one after a cut)."""

_WORK_SIDE = 256  # of the refinement: a third of the time that a still picture gets


class SegmenterStream:
    """Segments the frames of one video, in order.

    A model with a prior gets its own last matte; after a scene cut it starts anew. The three
    steps of :meth:`segment` may run on three threads, each step on one of them, in order.

    Attributes:
        cuts: scene cuts so far.
    """

    def __init__(
        self, engine: Engine, *, steady: Steady | None = None, work_side: int = _WORK_SIDE
    ) -> None:
        """
        Args:
            engine: runs the model.
            steady: keeps the matte still where the picture is still.
            work_side: see :func:`livematte.refinement.refine_matte`.
        """
        self.engine = engine
        self.cuts = 0
        self._steady, self._work_side = steady, work_side
        self._scenes = SceneCuts()
        self._prior: NDArray[np.float32] | None = None
        self._fresh = True

    @property
    def spec(self) -> ModelSpec:
        """What the model says about itself."""
        return self.engine.spec

    def segment(self, frame: NDArray[np.uint8], *, refine: bool = True) -> NDArray[np.float32]:
        """The matte of the next frame.

        Args, Returns, Raises: as :meth:`livematte.segmenter.Segmenter.segment`.
        """
        return self.finish(self.infer(self.fit(frame)), frame, refine=refine)

    def fit(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The first step: the frame (H×W×3 uint8 RGB) at the model's size.

        Raises:
            UsageError: ``frame`` is not H×W×3 uint8 or has no pixels.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or frame.size == 0:
            raise UsageError(
                f"a frame is H×W×3 uint8 RGB, not {frame.dtype} of shape {frame.shape}"
            )
        return fit_image(frame, self.spec, quick=True)

    def infer(self, fitted: NDArray[np.float32]) -> NDArray[np.float32]:
        """The second step: the fitted frame to the model's matte, at the model's size.

        Raises:
            ModelError, DeviceError: as :meth:`livematte.segmenter.Segmenter.segment`.
        """
        if self._scenes.is_cut(fitted):
            self.cuts += 1
            self.forget()
        matte = self.engine.run(fitted, self._prior)
        if self._steady is not None:
            matte = self._steady(matte, fitted, self._fresh)
        self._fresh = False
        if self.spec.prior:
            self._prior = matte
        return matte

    def finish(
        self, matte: NDArray[np.float32], frame: NDArray[np.uint8], *, refine: bool = True
    ) -> NDArray[np.float32]:
        """The third step: the model's matte at the frame's size (H×W float32 in [0, 1])."""
        height, width = frame.shape[:2]
        matte = crop_matte(matte, height, width, self.spec)
        if refine:
            return refine_matte(matte, frame, work_side=self._work_side)
        return resize(matte, height, width)

    def forget(self) -> None:
        """Take the next frame for the first one."""
        self._prior = None
        self._fresh = True
