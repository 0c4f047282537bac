"""Pictures of a run: loss, accuracy and learning rate, from its CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from matplotlib.figure import Figure

__all__ = ["draw_curves"]

_PANELS = (
    ("loss.png", "loss", ("train/loss", "val/loss")),
    ("accuracy.png", "accuracy and mean IoU on validation", ("val/accuracy", "val/miou")),
    ("rate.png", "learning rate", ("rate",)),
)


def draw_curves(log: Path) -> list[Path]:
    """Draw ``loss.png``, ``accuracy.png`` and ``rate.png`` beside a ``metrics.csv``.

    Returns:
        The pictures that were written; none of a column that the log does not have.
    """
    with log.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    written = []
    for name, title, columns in _PANELS:
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for column in columns:
            points = [(int(r["step"]), float(r[column])) for r in rows if r.get(column)]
            if points:
                axes.plot(*zip(*points, strict=True), label=column)
        if not axes.lines:
            continue
        axes.set_xlabel("step")
        axes.set_title(title)
        axes.grid(alpha=0.3)
        axes.legend()
        path = log.with_name(name)
        figure.savefig(path, dpi=120)
        written.append(path)
    return written
