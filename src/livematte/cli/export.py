"""``livematte export``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livematte.errors import MissingExtra, ModelError, UsageError
from livematte.export.targets import EDGETPU, TARGETS, get_target
from livematte.spec import ModelSpec
from livematte.weights import bundled, find

if TYPE_CHECKING:
    from livematte.export.exporter import ExportReport
    from livematte.training.recipe import Recipe

__all__ = ["command"]

_CHECKPOINT = ".ckpt"


def command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT|NAME",
            help="A checkpoint that livematte train wrote, or a bundled model's name.",
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            help=f"{', '.join(TARGETS)}; default by the output's name. With {EDGETPU} a .tflite "
            "is checked and nothing written.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file to write, or the folder of a target that needs one; default is the "
            "model's name, here.",
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="fp32 or fp16, as far as the target offers it.")
    ] = "fp32",
    size: Annotated[
        str | None, typer.Option(help="HEIGHTxWIDTH of the input; default as trained.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The model's name; default the recipe's.")
    ] = None,
    photo: Annotated[
        Path | None, typer.Option(help="Picture to compare on; default is a portrait.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the weights.")] = None,
    training_data: Annotated[
        str | None, typer.Option(help="What they were trained on, and its terms.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Largest difference from torch, a tenth of it in the mean; default the target's."
        ),
    ] = None,
    flat: Annotated[
        bool,
        typer.Option("--flat", help="Give the matte as one row of H·W numbers (litert)."),
    ] = False,
    reports: Annotated[
        list[Path] | None,
        typer.Option(
            "--metrics",
            metavar="REPORT.json",
            help="Put the scores of this report, which livematte eval -o wrote, into the spec; "
            "may be repeated.",
        ),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="KEY=VALUE",
            help="Build the network with another option than it was trained with; may be repeated.",
        ),
    ] = None,
) -> None:
    """Export a trained network, with its spec inside and beside it.

    The file is run on a photo and compared with torch before it is written. A name ending in .ckpt
    writes the weights and the recipe alone, to start other runs from.
    """
    from livematte.export.exporter import export_model  # noqa: PLC0415
    from livematte.images import read_picture  # noqa: PLC0415
    from livematte.training.checkpoint import load_trained, save_for_release  # noqa: PLC0415
    from livematte.transforms import fit_image  # noqa: PLC0415

    if to == EDGETPU and model.endswith(".tflite"):
        _check_edgetpu(Path(model))
        return
    checkpoint, shipped = _locate(model)
    if output is not None and output.suffix == _CHECKPOINT:
        if to or reports or options:
            raise UsageError("--to, --metrics and --option are not for .ckpt: it stays as trained")
        save_for_release(checkpoint, output)
        print(output)
        return
    target = _choose_target(to, output)
    metrics = _read_metrics(reports or [])
    recipe, network = load_trained(checkpoint, options or [])
    spec = _base_spec(recipe, shipped, size)
    if not (options or size):
        metrics = metrics or spec.metrics  # those of a bundled model hold for it as it is
    spec = replace(
        spec,
        name=name or spec.name,
        licence=licence or spec.licence,
        training_data=training_data or spec.training_data,
        metrics=metrics,
    )
    report = export_model(
        network,
        spec,
        output or _default_output(spec.name, target),
        target=target,
        precision=precision,
        photo=None if photo is None else fit_image(read_picture(photo).rgb, spec),
        tolerance=tolerance,
        flat=flat,
    )
    _print(report)


def _check_edgetpu(path: Path) -> None:
    """Print what the Edge TPU's compiler would map; fail where it is not all."""
    try:
        from livematte.export.edgetpu import check_edgetpu  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "ai-edge-litert", "litert") from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    report = check_edgetpu(content, path)
    for line in report.lines():
        print(line)
    if count := len(report.falling_back):
        raise ModelError(
            f"{path}: {count} operator{'s' if count > 1 else ''} would fall back to the processor"
        )


def _locate(model: str) -> tuple[Path, ModelSpec | None]:
    """A checkpoint; that of a bundled model with the model's spec."""
    path = Path(model)
    if path.suffix or path.name != model or model not in {entry.name for entry in bundled()}:
        return path, None
    shipped = find(model)
    checkpoint = shipped.path.with_suffix(_CHECKPOINT)
    if not checkpoint.is_file():
        raise ModelError(
            f"{model}: its checkpoint is not part of the installed package, only of the source "
            "tree: export src/livematte/weights/" + checkpoint.name
        )
    return checkpoint, shipped.spec


def _choose_target(to: str | None, output: Path | None) -> str:
    if to is not None:
        get_target(to)
        return to
    by_suffix = {t.suffix: name for name, t in reversed(TARGETS.items()) if not t.folder}
    if output is None or output.suffix not in by_suffix:
        raise UsageError(
            f"{output or 'export'}: say what to export to (--to {', '.join(TARGETS)}), or give a "
            f"name that ends in {', '.join(sorted(by_suffix))} or {_CHECKPOINT}"
        )
    return by_suffix[output.suffix]


def _base_spec(recipe: Recipe, shipped: ModelSpec | None, size: str | None) -> ModelSpec:
    """The spec of a bundled model, or what the recipe knows."""
    height, width = recipe.stages[-1].size
    spec = shipped or ModelSpec(recipe.name, height, width, prior=recipe.prior)
    if size is None:
        return spec
    height, width = _parse_size(size)
    return replace(spec, height=height, width=width)


def _default_output(name: str, target: str) -> Path:
    kind = TARGETS[target]
    return Path(f"{name}-{target}" if kind.folder else f"{name}{kind.suffix}")


def _read_metrics(reports: list[Path]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    if not reports:
        return metrics
    from livematte.evaluation.files import read_main_scores  # noqa: PLC0415

    for path in reports:
        scores = read_main_scores(path)
        if twice := sorted(scores.keys() & metrics.keys()):
            raise UsageError(f"--metrics {path}: {twice[0]} is in an earlier report already")
        metrics |= scores
    return metrics


def _parse_size(text: str) -> tuple[int, int]:
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError as error:
        raise UsageError(f"--size {text}: expected HEIGHTxWIDTH, such as 256x256") from error
    return height, width


def _print(report: ExportReport) -> None:
    sizes = {path: path.stat().st_size / 1e6 for path in report.files}
    for path in report.files:
        print(f"{path}  {sizes[path]:.2f} MB")
    if report.engine is None:
        print("not compared with torch: livematte has no engine for this format")
    else:
        print(
            f"largest difference from torch {report.largest:.2g}, mean {report.mean:.2g} "
            f"({report.engine})"
        )
    for note in report.notes:
        print(note)
