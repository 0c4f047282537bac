"""What a queue leaves behind, in one flat folder that is small enough to carry away."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from livematte.errors import InputError, OutputError
from livematte.files import write_atomically
from livematte.training.checkpoint import save_for_release
from livematte.training.queue import Outcome

__all__ = ["MEGABYTES", "carry"]

MEGABYTES = 16.0
_CURVES = ("loss.png", "accuracy.png", "rate.png")


def carry(
    outcomes: Sequence[Outcome], runs: Path, target: Path, *, megabytes: float = MEGABYTES
) -> list[str]:
    """Gather each entry's best weights, numbers and curves, and one report of all.

    Writes ``NAME.ckpt`` (weights and recipe, to start others from or to export), ``NAME.csv``,
    ``NAME-loss.png`` and its like, ``scores.json`` and ``report.md``. A checkpoint that would be
    too large has its kernels stored as 16-bit floats, which the report says.

    Args:
        outcomes: what :func:`livematte.training.queue.run_queue` returned.
        runs: the folder of the run folders.
        target: the folder to write.
        megabytes: size of a file at most, in units of 10⁶ bytes.

    Returns:
        What could not be carried, with its remedy; empty when all is there.

    Raises:
        OutputError: the folder cannot be written.
    """
    rows, problems = [], []
    for outcome in outcomes:
        row = _describe(outcome, runs / outcome.entry.name)
        try:
            row.update(_copy(outcome.entry.name, runs, target, int(megabytes * 1e6)))
        except (OutputError, InputError) as error:
            problems.append(str(error))
        rows.append(row)
    report = {"device": _device(), "torch": torch.__version__, "entries": rows}
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    write_atomically(target / "scores.json", text.encode())
    write_atomically(target / "report.md", _to_markdown(report, problems).encode())
    return problems


def _describe(outcome: Outcome, run: Path) -> dict[str, Any]:
    entry = outcome.entry
    return {
        "name": entry.name,
        "network": entry.recipe.network,
        "seed": entry.recipe.seed,
        "state": outcome.state,
        "epochs": outcome.epochs,
        "epochs_in_all": entry.epochs,
        "seconds": round(outcome.seconds, 1),
        "error": outcome.error,
        "scores": _scores(run / "metrics.csv"),
    }


def _scores(metrics: Path) -> dict[str, float]:
    """The validation's numbers in the epoch of the best mean IoU."""
    if not metrics.is_file():
        return {}
    with metrics.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row.get("val/miou")]
    if not rows:
        return {}
    best = max(rows, key=lambda row: float(row["val/miou"]))
    return {key: float(value) for key, value in best.items() if key.startswith("val/") and value}


def _copy(name: str, runs: Path, target: Path, limit: int) -> dict[str, Any]:
    """Write one entry's files; tells how its checkpoint is stored."""
    run, found = runs / name, {}
    sources = {f"{name}.csv": run / "metrics.csv"}
    sources.update({f"{name}-{curve}": run / curve for curve in _CURVES})
    for file, source in sources.items():
        if source.is_file():
            content = source.read_bytes()
            _check(source, len(content), limit)
            write_atomically(target / file, content)
    best = next((p for p in (run / "best.ckpt", run / "last.ckpt") if p.is_file()), None)
    if best is not None:
        path = target / f"{name}.ckpt"
        for half in (False, True):
            save_for_release(best, path, half=half)
            size = path.stat().st_size
            if size <= limit:
                break
        else:
            path.unlink()
            _check(best, size, limit)
        found = {"checkpoint": path.name, "bytes": size, "floats": 16 if half else 32}
    return found


def _check(source: Path, size: int, limit: int) -> None:
    if size > limit:
        raise OutputError(
            f"{source}: {size / 1e6:.1f} MB to carry, more than {limit / 1e6:g} MB; allow more, or "
            "fetch it itself"
        )


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()


def _to_markdown(report: dict[str, Any], problems: list[str]) -> str:
    lines = [
        "# Queue",
        "",
        f"On {report['device']}, torch {report['torch']}. Scores are the validation's at input "
        "size, of the epoch with the best mean IoU.",
        "",
        "| entry | network | state | epochs | minutes | mean IoU | of each set | checkpoint |",
        "|---|---|---|--:|--:|--:|---|---|",
    ]
    for row in report["entries"]:
        scores = dict(row["scores"])
        miou = f"{scores.pop('val/miou') * 100:.2f} %" if "val/miou" in scores else ""
        sets = ", ".join(
            f"{key.removeprefix('val/miou/')} {value * 100:.2f}"
            for key, value in sorted(scores.items())
            if key.startswith("val/miou/")
        )
        stored = ""
        if "checkpoint" in row:
            half = ", kernels as 16-bit floats" if row["floats"] == 16 else ""
            stored = f"{row['checkpoint']} ({row['bytes'] / 1e6:.1f} MB{half})"
        lines.append(
            f"| {row['name']} | {row['network']} | {row['state']} "
            f"| {row['epochs']}/{row['epochs_in_all']} | {row['seconds'] / 60:.1f} | {miou} "
            f"| {sets} | {stored} |"
        )
    failures = [f"{row['name']}: {row['error']}" for row in report["entries"] if row["error"]]
    for title, items in (("Failed", failures), ("Not carried", problems)):
        if items:
            lines += ["", f"## {title}", "", *(f"- {item}" for item in items)]
    return "\n".join(lines) + "\n"
