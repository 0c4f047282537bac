"""The small size that slowly varying things are computed at."""

from __future__ import annotations

__all__ = ["work_size"]


def work_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Rows and columns of a ``height`` × ``width`` picture shrunk to a longest side of ``side``.

    A smaller picture keeps its size; neither side goes below 1.
    """
    scale = min(1.0, side / max(height, width))
    return max(round(height * scale), 1), max(round(width * scale), 1)
