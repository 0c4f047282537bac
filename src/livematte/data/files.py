"""Write files that appear whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["write_picture", "write_whole"]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place first, then move it there; OSError when that fails."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def write_picture(path: Path, array: NDArray[np.uint8], **options: Any) -> None:
    """Write H×W or H×W×3 uint8 in the format of the suffix; ``options`` go to Pillow."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, Image.registered_extensions()[path.suffix], **options)
    write_whole(path, stream.getvalue())
