"""``livematte export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from livematte.errors import UsageError

__all__ = ["command"]


def command(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint that livematte train wrote.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The .onnx file to write, or .ckpt.")
    ],
    size: Annotated[
        str | None, typer.Option(help="HEIGHTxWIDTH of the input; default as trained.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The model's name; default the recipe's.")
    ] = None,
    photo: Annotated[
        Path | None, typer.Option(help="Picture to compare on; default is noise.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "unknown",
    training_data: Annotated[
        str, typer.Option(help="What they were trained on, and its terms.")
    ] = "unknown",
    tolerance: Annotated[float, typer.Option(help="Largest difference from torch.")] = 1e-3,
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
    """Export a trained network to ONNX, with its spec inside and beside it.

    A name ending in .ckpt writes the weights and the recipe alone, to start other runs from.
    """
    from livematte.export.onnx import export_onnx  # noqa: PLC0415
    from livematte.images import read_picture  # noqa: PLC0415
    from livematte.spec import ModelSpec  # noqa: PLC0415
    from livematte.training.checkpoint import load_trained, save_for_release  # noqa: PLC0415
    from livematte.transforms import fit_image  # noqa: PLC0415

    if output.suffix == ".ckpt":
        if reports or options:
            raise UsageError("--metrics and --option are for .onnx; a .ckpt stays as trained")
        save_for_release(checkpoint, output)
        print(output)
        return
    if output.suffix != ".onnx":
        raise UsageError(f"{output}: give a name that ends in .onnx or .ckpt")
    metrics = _read_metrics(reports or [])
    recipe, network = load_trained(checkpoint, options or [])
    height, width = _parse_size(size) if size else recipe.stages[-1].size
    spec = ModelSpec(
        name=name or recipe.name,
        height=height,
        width=width,
        prior=recipe.prior,
        licence=licence,
        training_data=training_data,
        metrics=metrics,
    )
    picture = None if photo is None else fit_image(read_picture(photo).rgb, spec)
    report = export_onnx(network, spec, output, photo=picture, tolerance=tolerance)
    print(f"{report.path}  largest difference {report.largest:.2g}, mean {report.mean:.2g}")


def _read_metrics(reports: list[Path]) -> dict[str, float]:
    from livematte.evaluation.files import read_main_scores  # noqa: PLC0415

    metrics: dict[str, float] = {}
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
