"""What effects hand on to each other: one picture, taken apart into its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livematte.refinement import estimate_foreground

__all__ = ["Effect", "Shot"]


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture to be composed; nobody writes into its arrays.

    Attributes:
        frame: H×W×3 uint8 RGB, as it was taken.
        alpha: H×W float32 in [0, 1], the matte.
        background: H×W×3 uint8 RGB, what the person is laid over; None: the room of the frame.
        opacity: H×W float32 in [0, 1], the frame's own alpha channel; None: opaque.
        time: when it is shown, in seconds; it rises within a film.
        cut: nothing that was seen before counts for this picture: a still, the first frame of a
            film, or of another scene.
        work_side: longest side of the small pictures that smooth things are computed on.
        foreground: H×W×3 uint8 RGB, the person's own colours where alpha is above 0; None: not
            estimated yet. Effects take it from :meth:`colours`.
    """

    frame: NDArray[np.uint8]
    alpha: NDArray[np.float32]
    background: NDArray[np.uint8] | None = None
    opacity: NDArray[np.float32] | None = None
    time: float = 0.0
    cut: bool = True
    work_side: int = 640
    foreground: NDArray[np.uint8] | None = None

    def colours(self) -> NDArray[np.uint8]:
        """The person's own colours: ``foreground``, or what is estimated from the frame."""
        if self.foreground is not None:
            return self.foreground
        return estimate_foreground(self.frame, self.alpha, work_side=self.work_side)

    def behind(self) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32] | None]:
        """What lies behind the person: a picture, who stands in it (a matte), and its opacity.

        It is the given background, where nobody stands, or else the frame itself.
        """
        if self.background is not None:
            return self.background, np.zeros_like(self.alpha), None
        return self.frame, self.alpha, self.opacity


# A picture in its layers becomes another: other alpha, background or foreground colours
# (dataclasses.replace). One that has a memory belongs to one film, and forgets where shot.cut.
Effect = Callable[[Shot], Shot]
