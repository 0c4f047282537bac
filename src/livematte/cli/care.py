"""What ``--region`` and ``--clean`` mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from livematte.errors import UsageError

if TYPE_CHECKING:
    from livematte.refinement import Cleaning

__all__ = ["Clean", "Region", "parse_clean"]

_CLEANINGS = {"open": "opening", "close": "closing", "holes": "holes", "largest": "largest"}

Region = Annotated[
    Literal["auto", "off"],
    typer.Option(help="Look closer where the person is small, or not."),
]
Clean = Annotated[
    str,
    typer.Option(
        metavar="WHAT[,WHAT...]",
        help="Tidy the matte: open (take threads away), close (fill cracks), holes (fill them), "
        "largest (keep one person).",
    ),
]


def parse_clean(text: str) -> Cleaning | None:
    """``holes,largest`` as what to do; nothing as None.

    Raises:
        UsageError: an unknown word.
    """
    from livematte.refinement import Cleaning  # noqa: PLC0415

    if not text:
        return None
    words = [word.strip() for word in text.split(",")]
    unknown = [word for word in words if word not in _CLEANINGS]
    if unknown:
        raise UsageError(f"--clean {unknown[0]!r}: choose from {', '.join(_CLEANINGS)}")
    return Cleaning(**{_CLEANINGS[word]: True for word in words})
