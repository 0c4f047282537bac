"""``livematte quantize --qat``: the tuning before the export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from livematte.cli.reading import reading_bar
from livematte.errors import UsageError
from livematte.machine import keep_freed_memory

if TYPE_CHECKING:
    from livematte.training.qat import QatConfig

__all__ = ["configure", "tune"]


def configure(
    data: Path | None,
    output: Path | None,
    epochs: int | None,
    overrides: list[str],
    *,
    resume: bool,
    accelerator: str,
    max_minutes: float | None,
) -> QatConfig:
    """The options of the tuning; :class:`UsageError` where a needed one is missing."""
    from livematte.training.qat import QatConfig  # noqa: PLC0415

    if data is None:
        raise UsageError("--qat tunes on masks: give a dataset (--data FOLDER)")
    if output is None or output.suffix:
        raise UsageError("--qat writes checkpoints and a model: give a folder (-o FOLDER)")
    chosen = {} if epochs is None else {"epochs": epochs}
    return QatConfig(
        data,
        output,
        overrides=overrides,
        resume=resume,
        accelerator=accelerator,
        max_minutes=max_minutes,
        **chosen,
    )


def tune(checkpoint: Path, config: QatConfig) -> Path:
    """Run the tuning with a bar; gives the best checkpoint."""
    from livematte.training.qat import train_aware  # noqa: PLC0415

    keep_freed_memory(any_size=True)
    console = Console(stderr=True)
    with reading_bar(console) as progress:
        result = train_aware(checkpoint, config, progress=progress)
    console.print(f"best mean IoU on validation, rounded as integers are: {result.miou:.4f}")
    print(result.best)
    return result.best
