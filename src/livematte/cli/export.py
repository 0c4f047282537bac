"""``livematte export``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from livematte.cli.console import counted
from livematte.cli.exporting import (
    CHECKPOINT,
    base_spec,
    choose_quantisation,
    choose_target,
    default_output,
    has_learnt_ranges,
    locate,
    print_report,
)
from livematte.errors import MissingExtra, ModelError, UsageError
from livematte.export.targets import EDGETPU, TARGETS

__all__ = ["command"]


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
        str | None,
        typer.Option(
            help="fp32, fp16 or int8, as far as the target offers it; default is its first."
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Pictures to measure features on, for int8; see livematte quantize.",
        ),
    ] = None,
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
            help="Largest difference from torch, a tenth of it in the mean; for int8 what the IoU "
            "lacks of 1, and the largest mean difference. Default is the target's."
        ),
    ] = None,
    flat: Annotated[
        bool,
        typer.Option("--flat", help="Give the matte as one row of H·W numbers (litert)."),
    ] = False,
    any_size: Annotated[
        bool,
        typer.Option(
            "--any-size",
            help="Leave height and width free, so that films and wide pictures are seen in their "
            "own proportions (onnx).",
        ),
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
    from livematte.quantization.calibration import CALIBRATION_COUNT  # noqa: PLC0415
    from livematte.training.checkpoint import load_trained, save_for_release  # noqa: PLC0415
    from livematte.transforms import fit_image  # noqa: PLC0415

    if to == EDGETPU and model.endswith(".tflite"):
        _check_edgetpu(Path(model))
        return
    checkpoint, shipped = locate(model)
    if output is not None and output.suffix == CHECKPOINT:
        if to or reports or options:
            raise UsageError("--to, --metrics and --option are not for .ckpt: it stays as trained")
        save_for_release(checkpoint, output)
        print(output)
        return
    target = choose_target(to, output)
    metrics = _read_metrics(reports or [])
    recipe, network = load_trained(checkpoint, options or [])
    spec = base_spec(recipe, shipped, size)
    if not (options or size or precision == "int8"):
        metrics = metrics or spec.metrics  # those of a bundled model hold for it as it is
    spec = replace(
        spec,
        name=name or spec.name,
        licence=licence or spec.licence,
        training_data=training_data or spec.training_data,
        metrics=metrics,
    )
    precision = precision or next(iter(TARGETS[target].precisions))
    if calibration is not None and precision != "int8":
        raise UsageError(f"--calibration is for --precision int8, not for {precision}")
    quantisation = None
    if precision == "int8":
        quantisation = choose_quantisation(
            None,
            calibration,
            spec,
            count=CALIBRATION_COUNT,
            seed=0,
            learnt=has_learnt_ranges(recipe, target),
        )
    report = export_model(
        network,
        spec,
        output or default_output(spec.name, target, precision),
        target=target,
        precision=precision,
        quantisation=quantisation,
        photo=None if photo is None else fit_image(read_picture(photo).rgb, spec),
        tolerance=tolerance,
        flat=flat,
        any_size=any_size,
    )
    print_report(report)


def _check_edgetpu(path: Path) -> None:
    """Print what the Edge TPU's compiler would map; fail where it is not all."""
    try:
        from livematte.export.edgetpu_check import check_edgetpu  # noqa: PLC0415
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
        raise ModelError(f"{path}: {counted(count, 'operator')} would fall back to the processor")


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
