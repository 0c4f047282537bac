"""What ``--region``, ``--clean`` and ``--steady`` mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from livematte.errors import UsageError

if TYPE_CHECKING:
    from livematte.refinement import Cleaning
    from livematte.segmenter import Segmenter
    from livematte.stream import SegmenterStream

__all__ = ["Clean", "Region", "Steady", "Steadying", "parse_clean", "stream_of"]

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
Steadying = Literal["auto", "off", "motion", "flow"]
Steady = Annotated[
    Steadying,
    typer.Option(
        help="Keep the matte still: where the picture is still, or also along its motion; "
        "auto is motion for models that do not remember their last matte."
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


def stream_of(segmenter: Segmenter, steady: Steadying, *, live: bool) -> SegmenterStream:
    """A segmenter for the frames of one film, steadied as asked."""
    from livematte.refinement import Steadiness  # noqa: PLC0415

    if steady == "off" or (steady == "auto" and segmenter.spec.prior):
        return segmenter.stream(live=live)
    return segmenter.stream(steady=Steadiness(flow=steady == "flow"), live=live)
