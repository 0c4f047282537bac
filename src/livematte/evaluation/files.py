"""Write an evaluation into a folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import cv2

from livematte.errors import OutputError
from livematte.evaluation.report import to_dict, to_json, to_markdown
from livematte.evaluation.result import EvaluationResult
from livematte.evaluation.worst import draw_worst

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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _replace(folder / name, content)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder with -o"
        ) from error
    return tuple(folder / name for name in contents)


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
