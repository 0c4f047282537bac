"""Write the pictures of a dataset."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livematte.files import write_atomically

__all__ = ["write_picture"]


def write_picture(path: Path, array: NDArray[np.uint8], **options: Any) -> None:
    """Write H×W or H×W×3 uint8 in the format of the suffix; ``options`` go to Pillow.

    Raises:
        OutputError: it cannot be written.
    """
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, Image.registered_extensions()[path.suffix], **options)
    write_atomically(path, stream.getvalue())
