"""``livematte quantize``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from livematte.cli.exporting import (
    base_spec,
    choose_quantisation,
    choose_target,
    default_output,
    locate,
    print_report,
)

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
            help="onnx, openvino, litert, mediapipe, browser or edgetpu; default by the output's "
            "name.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The file to write; default is the model's name with -int8."
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="weight-only, dynamic or static; default is static with --calibration, and "
            "weight-only without."
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Pictures like those the model will see, or a dataset; for static.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="How many of them to take.")] = 100,
    seed: Annotated[int, typer.Option(help="Decides which of them.")] = 0,
    size: Annotated[
        str | None, typer.Option(help="HEIGHTxWIDTH of the input; default as trained.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The model's name; default the recipe's.")
    ] = None,
    photo: Annotated[
        Path | None, typer.Option(help="Picture to compare on; default is a portrait.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="What the matte's IoU with the float one may lack of 1, and the largest mean "
            "difference; default the target's."
        ),
    ] = None,
) -> None:
    """Put a trained network into 8-bit integers, and export it.

    The file is run on a photo and compared with the float network before it is written; it takes
    and gives floats, so every engine and command opens it as any other. The same as livematte
    export --precision int8, with a choice of methods.
    """
    from livematte.export.exporter import export_model  # noqa: PLC0415
    from livematte.images import read_picture  # noqa: PLC0415
    from livematte.training.checkpoint import load_trained  # noqa: PLC0415
    from livematte.transforms import fit_image  # noqa: PLC0415

    target = choose_target(to, output)
    checkpoint, shipped = locate(model)
    recipe, network = load_trained(checkpoint)
    spec = base_spec(recipe, shipped, size)
    spec = replace(spec, name=name or spec.name, metrics={})  # those of the float model
    report = export_model(
        network,
        spec,
        output or default_output(spec.name, target, "int8"),
        target=target,
        precision="int8",
        quantisation=choose_quantisation(method, calibration, spec, count=count, seed=seed),
        photo=None if photo is None else fit_image(read_picture(photo).rgb, spec),
        tolerance=tolerance,
    )
    print_report(report)
