"""Write many composites to a folder, so that a run can be stopped and taken up again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from livematte.data.dataset import Dataset
from livematte.data.files import write_picture
from livematte.data.synthesis import Composite, SynthesisConfig, synthesize
from livematte.errors import InputError, OutputError
from livematte.files import write_atomically

__all__ = ["MANIFEST", "produce"]

MANIFEST = "manifest.json"
_QUALITY = 92
_SAVE_EVERY = 50

Progress = Callable[[int, int], None]


def produce(
    people: Dataset,
    backgrounds: Dataset,
    folder: Path,
    *,
    count: int,
    seed: int,
    config: SynthesisConfig,
    progress: Progress | None = None,
) -> int:
    """Write ``images/``, ``masks/`` and ``manifest.json``: a dataset of the plain layout.

    Composite number i depends on the seed, i, the options and the sources alone, so an interrupted
    run goes on where it stopped, and a larger ``count`` adds to what is there. Each file appears
    whole or not at all.

    Args:
        people: pictures with mattes.
        backgrounds: pictures without people.
        folder: where to write.
        count: how many composites there shall be in the end.
        seed: seed of the draw.
        config: what composites are like.
        progress: called with the number done and in all.

    Returns:
        How many composites were made in this run.

    Raises:
        InputError: a source cannot be read.
        OutputError: the folder holds something else or cannot be written.
    """
    settings = {
        "seed": seed,
        "people": len(people),
        "backgrounds": len(backgrounds),
        "options": json.loads(json.dumps(asdict(config))),
    }
    made = 0
    try:
        for name in ("images", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        items = _read_manifest(folder, settings)
        try:
            for i in range(count):
                name = f"{i:06d}"
                if name not in items or not _is_there(folder, name):
                    rng = np.random.default_rng([seed, i])
                    composite = synthesize(people, backgrounds, rng, config)
                    _write(folder, name, composite)
                    items[name] = composite.record
                    made += 1
                    if made % _SAVE_EVERY == 0:
                        _write_manifest(folder, settings, items)
                if progress is not None:
                    progress(i + 1, count)
        finally:  # also on Ctrl-C, or the next run would redo the last few
            _write_manifest(folder, settings, items)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error}); choose another folder"
        ) from error
    return made


def _is_there(folder: Path, name: str) -> bool:
    return all(path.is_file() for path in _paths(folder, name))


def _paths(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / "images" / f"{name}.jpg", folder / "masks" / f"{name}.png"


def _write(folder: Path, name: str, composite: Composite) -> None:
    image_path, mask_path = _paths(folder, name)
    alpha = np.rint(composite.alpha * 255).astype(np.uint8)
    write_picture(mask_path, alpha, optimize=True)
    write_picture(image_path, composite.image, quality=_QUALITY, subsampling=0)


def _read_manifest(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The composites that an earlier run with the same settings left."""
    path = folder / MANIFEST
    if not path.is_file():
        if any((folder / "images").iterdir()) or any((folder / "masks").iterdir()):
            raise OutputError(f"{folder}: holds pictures but no {MANIFEST}; choose an empty folder")
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        items = dict(manifest.pop("items"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: not a manifest ({error}); choose an empty folder") from error
    if manifest != settings:
        changed = [key for key, value in settings.items() if manifest.get(key) != value]
        raise OutputError(
            f"{folder}: was begun with other settings ({', '.join(changed)}); "
            "give the same ones to go on, or choose an empty folder"
        )
    return items


def _write_manifest(folder: Path, settings: dict[str, Any], items: dict[str, Any]) -> None:
    content = {**settings, "items": dict(sorted(items.items()))}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / MANIFEST, text.encode())
