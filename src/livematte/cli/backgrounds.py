"""What ``--background`` means."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PIL import ImageColor

from livematte.cli.paths import exists
from livematte.errors import UsageError

__all__ = ["parse_background"]


def parse_background(text: str) -> Path | tuple[int, int, int] | Literal["blur"]:
    """A colour, a file's path, or the word ``blur``.

    Raises:
        UsageError: none of them.
    """
    if text == "blur":
        return "blur"
    try:
        colour = ImageColor.getrgb(text)
    except ValueError:
        path = Path(text)
        if path.suffix or exists(path):
            return path
        raise UsageError(
            f"--background {text}: not a colour (red, #00b140, rgb(0,177,64)), a file, or blur"
        ) from None
    if len(colour) == 4:
        raise UsageError(
            f"--background {text}: a colour behind a person cannot be transparent: leave out its "
            "fourth part, or leave out --background"
        )
    return colour
