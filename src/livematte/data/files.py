"""Write the pictures and the folders of a dataset."""

from __future__ import annotations

import io
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livematte.errors import OutputError
from livematte.files import write_atomically

__all__ = ["new_folder", "write_picture"]


def write_picture(path: Path, array: NDArray[np.uint8], **options: Any) -> None:
    """Write H×W or H×W×3 uint8 in the format of the suffix; ``options`` go to Pillow.

    Raises:
        OutputError: it cannot be written.
    """
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, Image.registered_extensions()[path.suffix], **options)
    write_atomically(path, stream.getvalue())


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """A folder to fill, which gets the name ``output`` once it is full: whole or not at all.

    Raises:
        OutputError: ``output`` exists with something in it, or cannot be written.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise OutputError(f"{output}: exists; remove it or choose another folder")
    part = output.parent / f".livematte-{secrets.token_hex(6)}.part"
    try:
        part.mkdir(parents=True)
        yield part
        part.replace(output)
    except OSError as error:
        raise OutputError(
            f"{output}: cannot be written ({error.strerror}); check the folder, its permissions "
            "and the space left"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
