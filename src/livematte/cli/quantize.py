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
    has_learnt_ranges,
    locate,
    print_report,
)
from livematte.cli.tuning import configure, tune
from livematte.errors import UsageError

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
            "--output",
            "-o",
            help="The file to write; default is the model's name with -int8. With --qat a folder.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="weight-only, dynamic, static or learnt; default is static with --calibration, "
            "learnt for a checkpoint of --qat (onnx, openvino), and else weight-only."
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
    qat: Annotated[
        bool,
        typer.Option(
            "--qat", help="Tune the checkpoint under the rounding first, on --data, into -o FOLDER."
        ),
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="With --qat: dataset folder, or a folder of sets.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="With --qat: epochs; default 5.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="With --qat: key=value into the recipe of the tuning."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="With --qat: go on from the last epoch.")
    ] = False,
    accelerator: Annotated[str, typer.Option(help="With --qat: cpu, gpu, or auto.")] = "auto",
    max_minutes: Annotated[
        float | None,
        typer.Option(help="With --qat: stop before the epoch that would pass this."),
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

    checkpoint, shipped = locate(model)
    target = choose_target(to or ("onnx" if qat else None), output)
    if qat:
        config = configure(
            data,
            output,
            epochs,
            overrides or [],
            resume=resume,
            accelerator=accelerator,
            max_minutes=max_minutes,
        )
        checkpoint = tune(checkpoint, config)
    elif data or epochs or overrides or resume or max_minutes:
        raise UsageError("--data, --epochs, --set, --resume and --max-minutes go with --qat")
    recipe, network = load_trained(checkpoint)
    learnt = has_learnt_ranges(recipe, target)
    if qat and not learnt:
        calibration = calibration or data
    spec = base_spec(recipe, shipped, size)
    spec = replace(spec, name=name or spec.name, metrics={})  # those of the float model
    place = default_output(spec.name, target, "int8")
    report = export_model(
        network,
        spec,
        output / place if qat and output else output or place,
        target=target,
        precision="int8",
        quantisation=choose_quantisation(
            method, calibration, spec, count=count, seed=seed, learnt=learnt
        ),
        photo=None if photo is None else fit_image(read_picture(photo).rgb, spec),
        tolerance=tolerance,
    )
    print_report(report)
