"""Pictures of a run: loss, accuracy and learning rate, from its CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from matplotlib.figure import Figure

__all__ = ["draw_curves"]

_PANELS = (
    (
        "loss.png",
        "loss: weighted sum in training, cross-entropy in training and on validation",
        ("train/loss", "train/cross_entropy", "val/loss"),
    ),
    ("accuracy.png", "accuracy and mean IoU on validation", ("val/accuracy", "val/miou")),
    ("rate.png", "learning rate", ("rate",)),
)


def draw_curves(run: Path) -> list[Path]:
    """Gather the logs of a run and its resumptions, and draw them.

    Writes ``metrics.csv``, ``loss.png``, ``accuracy.png`` and ``rate.png`` into the run's folder.
    Where a resumed run did an epoch again, its numbers replace the older ones.

    Returns:
        The pictures that were written; none of a column that the logs do not have.
    """
    rows = _gather(run)
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
        path = run / name
        figure.savefig(path, dpi=120)
        written.append(path)
    return written


def _gather(run: Path) -> list[dict[str, str]]:
    """One row per epoch out of ``log/version_*/metrics.csv``, written to ``metrics.csv``."""
    epochs: dict[int, dict[str, str]] = {}
    logs = (run / "log").glob("version_*/metrics.csv")
    for log in sorted(logs, key=lambda path: int(path.parent.name.removeprefix("version_"))):
        with log.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                filled = {key: value for key, value in row.items() if value}
                epochs.setdefault(int(row["epoch"]), {}).update(filled)
    rows = [epochs[epoch] for epoch in sorted(epochs)]
    columns = sorted({key for row in rows for key in row}, key=lambda key: (key != "epoch", key))
    with (run / "metrics.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
    return rows
