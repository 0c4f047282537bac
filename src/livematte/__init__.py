"""Real-time portrait matting with tiny networks.

import livematte

segmenter = livematte.load()
alpha = segmenter.segment(image)  # H×W×3 uint8 RGB in, H×W float32 in [0, 1] out
"""

from typing import TYPE_CHECKING

from livematte.errors import (
    DeviceError,
    InputError,
    LivematteError,
    MissingExtra,
    ModelError,
    OutputError,
    TrainingError,
    UsageError,
)
from livematte.spec import ModelSpec

if TYPE_CHECKING:
    from livematte.segmenter import Segmenter, load

__all__ = [
    "DeviceError",
    "InputError",
    "LivematteError",
    "MissingExtra",
    "ModelError",
    "ModelSpec",
    "OutputError",
    "Segmenter",
    "TrainingError",
    "UsageError",
    "__version__",
    "load",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """NumPy, OpenCV and the runtime come with the first use: the command starts faster."""
    if name in ("Segmenter", "load"):
        from livematte import segmenter  # noqa: PLC0415

        return getattr(segmenter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
