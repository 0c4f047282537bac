"""How far a film has come: frames, their rate, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["film_bar"]


@contextmanager
def film_bar(
    total: int | None,
    *,
    visible: bool = True,
    console: Console | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Callable[[int], None]]:
    """A bar where the console is a terminal; gives what to call with the frames written so far.

    Args:
        total: frames that are expected; None: unknown.
        visible: False: no bar at all.
        console: by default stderr.
        clock: seconds.
    """
    console = console or Console(stderr=True)
    columns = (
        TextColumn("{task.completed} frames"),
        BarColumn(),
        TextColumn("{task.fields[fps]:.1f} fps"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=False,
        get_time=clock,
        disable=not (visible and console.is_terminal),
    ) as bar:
        task = bar.add_task("", total=total, fps=0.0)
        began = clock()

        def advance(written: int) -> None:
            fps = written / max(clock() - began, 1e-6)
            bar.update(task, completed=written, fps=fps)

        yield advance
