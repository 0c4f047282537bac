"""Real-time portrait matting with tiny networks.

import livematte

segmenter = livematte.load()
alpha = segmenter.segment(image)  # H×W×3 uint8 RGB in, H×W float32 in [0, 1] out
"""

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
from livematte.segmenter import Segmenter, load
from livematte.spec import ModelSpec

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
