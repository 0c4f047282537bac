"""Write an evaluation into a folder, and take its main scores out again."""

from __future__ import annotations

import json
from pathlib import Path

import cv2

from livematte.errors import InputError
from livematte.evaluation.report import to_dict, to_json, to_markdown
from livematte.evaluation.result import EvaluationResult
from livematte.evaluation.worst import draw_worst
from livematte.files import write_atomically

__all__ = ["MAIN_SCORES", "read_main_scores", "write_report"]

MAIN_SCORES = ("miou", "boundary_f", "mad")
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


def read_main_scores(path: Path) -> dict[str, float]:
    """The :data:`MAIN_SCORES` of a ``report.json``, for a model's spec.

    Returns:
        Plain fractions to five decimals by the dataset's name and the score's, such as
        ``portraits_miou``; without scores that are undefined there.

    Raises:
        InputError: the file is missing or not a report, or holds none of them.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        values = {
            f"{report['dataset']}_{name}": report["scores"][name]["value"] for name in MAIN_SCORES
        }
        found = {name: round(float(v), 5) for name, v in values.items() if v is not None}
    except FileNotFoundError:
        raise InputError(f"{path}: no such report; livematte eval -o writes it") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path}: not a report ({error}); give the report.json that livematte eval -o wrote"
        ) from error
    if not found:
        raise InputError(f"{path}: none of {', '.join(MAIN_SCORES)} is defined there")
    return found
