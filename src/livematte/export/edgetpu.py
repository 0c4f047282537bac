"""The Edge TPU: a ``.tflite`` all in 8-bit integers, checked against what the device takes."""

from __future__ import annotations

from pathlib import Path

from livematte.export.edgetpu_check import check_edgetpu
from livematte.export.litert import add_metadata, convert
from livematte.export.targets import Built, Job
from livematte.spec import METADATA_KEY

__all__ = ["build"]


def build(job: Job) -> Built:
    """``NAME.tflite``, its inputs and its output in integers too, and the checker's report.

    Our engines take and give floats around it, by the scales that the file holds.

    Raises:
        MissingExtra, ModelError: as :func:`livematte.export.litert.build`.
    """
    content = convert(job, integer_io=True)
    content = add_metadata(content, {METADATA_KEY: job.spec.to_json().encode()})
    name = f"{job.name}.tflite"
    *lines, summary = check_edgetpu(content, Path(name)).lines()
    refused = [line for line in lines if "processor: " in line]
    note = f"not compiled: where Google's compiler is, run  edgetpu_compiler {name}"
    return Built({name: content}, (*refused, summary, note))
