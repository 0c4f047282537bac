"""What ``livematte export`` and ``livematte quantize`` have in common."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from livematte.errors import ModelError, UsageError
from livematte.export.targets import EDGETPU, TARGETS, get_target
from livematte.spec import ModelSpec
from livematte.weights import bundled, find

if TYPE_CHECKING:
    from livematte.export.exporter import ExportReport
    from livematte.quantization.methods import Quantisation
    from livematte.training.recipe import Recipe

__all__ = [
    "CHECKPOINT",
    "base_spec",
    "choose_quantisation",
    "choose_target",
    "default_output",
    "has_learnt_ranges",
    "locate",
    "print_report",
]

CHECKPOINT = ".ckpt"


def locate(model: str) -> tuple[Path, ModelSpec | None]:
    """A checkpoint; that of a bundled model with the model's spec."""
    path = Path(model)
    if path.suffix or path.name != model or model not in {entry.name for entry in bundled()}:
        return path, None
    shipped = find(model)
    if shipped.checkpoint is None:
        raise ModelError(
            f"{model}: its checkpoint is not part of the installed package, only of the source "
            f"tree: export src/livematte/weights/{model}{CHECKPOINT}"
        )
    return shipped.checkpoint, shipped.spec


def choose_target(to: str | None, output: Path | None) -> str:
    """The target that was asked for, or that of the output's name."""
    if to is not None:
        get_target(to)
        return to
    by_suffix = {t.suffix: name for name, t in reversed(TARGETS.items()) if not t.folder}
    if output is None or output.suffix not in by_suffix:
        raise UsageError(
            f"{output or 'export'}: say what to export to (--to {', '.join(TARGETS)}), or give a "
            f"name that ends in {', '.join(sorted(by_suffix))} or {CHECKPOINT}"
        )
    return by_suffix[output.suffix]


def base_spec(recipe: Recipe, shipped: ModelSpec | None, size: str | None) -> ModelSpec:
    """The spec of a bundled model, or what the recipe knows."""
    height, width = recipe.stages[-1].size
    spec = shipped or ModelSpec(recipe.name, height, width, prior=recipe.prior)
    if size is None:
        return spec
    height, width = _parse_size(size)
    return replace(spec, height=height, width=width)


def default_output(name: str, target: str, precision: str) -> Path:
    """The model's name, here; what is not in floats says so."""
    kind = TARGETS[target]
    stem = f"{name}-int8" if precision == "int8" else name
    if target == EDGETPU:
        stem = f"{name}-edgetpu"  # int8 is all there is
    return Path(f"{stem}-{target}" if kind.folder else f"{stem}{kind.suffix}")


def choose_quantisation(
    method: str | None,
    folder: Path | None,
    spec: ModelSpec,
    *,
    count: int,
    seed: int,
    learnt: bool = False,
) -> Quantisation:
    """``static`` where pictures are given and ``weight-only`` where not, unless told otherwise.

    Where ranges were ``learnt`` and the target takes them, by these instead.
    """
    from livematte.quantization.calibration import open_calibration  # noqa: PLC0415
    from livematte.quantization.methods import Quantisation  # noqa: PLC0415

    method = method or ("static" if folder else "learnt" if learnt else "weight-only")
    pictures = None
    if folder is not None:
        if method != "static":
            raise UsageError(f"--calibration is for static, {method} needs no pictures")
        pictures = open_calibration(folder, spec, count=count, seed=seed)
    return Quantisation(method, pictures)


def has_learnt_ranges(recipe: Recipe, target: str) -> bool:
    """Whether a checkpoint is of quantisation-aware training, and the target takes its ranges."""
    return bool(recipe.options.get("quantised")) and "learnt" in TARGETS[target].methods


def print_report(report: ExportReport) -> None:
    """The files, the comparison with torch, and what the target says."""
    for path in report.files:
        print(f"{path}  {path.stat().st_size / 1e6:.2f} MB")
    if report.largest is None:
        print("not compared with torch: livematte has no engine for this format")
    elif report.spec.precision == "int8":
        print(
            f"IoU with the float matte {report.iou:.4f}, mean difference {report.mean:.2g} "
            f"({report.engine})"
        )
    else:
        print(
            f"largest difference from torch {report.largest:.2g}, mean {report.mean:.2g} "
            f"({report.engine})"
        )
    for note in report.notes:
        print(note)


def _parse_size(text: str) -> tuple[int, int]:
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError as error:
        raise UsageError(f"--size {text}: expected HEIGHTxWIDTH, such as 256x256") from error
    return height, width
