"""The bar that the training commands show while they read their pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

__all__ = ["reading_bar"]


@contextmanager
def reading_bar(console: Console, *, visible: bool = True) -> Iterator[Callable[[int, int], None]]:
    """Gives what is called with (pictures read, pictures in all); gone when all are read."""
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("reading pictures", visible=visible)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            if done == total:
                bar.stop()

        yield progress
