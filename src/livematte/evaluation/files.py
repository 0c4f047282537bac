"""Write an evaluation into a folder."""

from __future__ import annotations

from pathlib import Path

import cv2

from livematte.evaluation.report import to_dict, to_json, to_markdown
from livematte.evaluation.result import EvaluationResult
from livematte.evaluation.worst import draw_worst
from livematte.files import write_atomically

__all__ = ["write_report"]

_PICTURE = "worst.png"


def write_report(
    result: EvaluationResult, folder: Path, *, dataset: str, split: str | None
) -> tuple[Path, ...]:
    """Write ``report.json``, ``report.md`` and, where there is a worst image, ``worst.png``.

    Files of an earlier run are replaced; none is ever half-written.

    Returns:
        The paths, in this order.

    Raises:
        OutputError: the folder or a file cannot be written.
    """
    contents = {
        "report.json": to_json(to_dict(result, dataset=dataset, split=split)).encode(),
        "report.md": to_markdown(
            result,
            dataset=dataset,
            split=split,
            worst_picture=_PICTURE if result.worst else None,
        ).encode(),
    }
    if result.worst:
        sheet = cv2.cvtColor(draw_worst(result.worst), cv2.COLOR_RGB2BGR)
        contents[_PICTURE] = cv2.imencode(".png", sheet)[1].tobytes()
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return tuple(folder / name for name in contents)
