"""ExecuTorch: a ``.pte`` for phones and small devices, on XNNPACK."""

from __future__ import annotations

import torch
from torch import Tensor

from livematte.export.graph import trace, unsupported
from livematte.export.targets import Built, Job
from livematte.silence import import_quietly, silenced

__all__ = ["SPEC_METHOD", "build", "run"]

SPEC_METHOD = "livematte_spec"
"""A method of the program that takes nothing and gives the spec: the format has no metadata."""

_PARTITIONER = "executorch.backends.xnnpack.partition.xnnpack_partitioner"


def build(job: Job) -> Built:
    """``NAME.pte``: ``forward`` takes what the graph takes; the spec is what a second method gives.

    Raises:
        MissingExtra: executorch is not installed.
        ModelError: an operator that ExecuTorch does not have, with its layer.
    """
    exir = import_quietly("executorch.exir", "executorch")
    xnnpack = import_quietly(_PARTITIONER, "executorch")
    program = trace(job.graph, job.example)
    try:
        with silenced(), torch.no_grad():
            lowered = exir.to_edge_transform_and_lower(
                program,
                partitioner=[xnnpack.XnnpackPartitioner()],
                constant_methods={SPEC_METHOD: job.spec.to_json()},
            )
            content = bytes(lowered.to_executorch().buffer)
    except Exception as error:  # of many kinds, from the converter's passes
        raise unsupported(job.graph, program, "ExecuTorch", error) from error
    name = f"{job.name}.pte"
    return Built({name: content}, runner=lambda files, inputs: run(files[name], inputs))


def run(content: bytes, inputs: tuple[Tensor, ...]) -> Tensor:
    """What ExecuTorch's own runtime answers; for the comparison, since we have no engine of it.

    Raises:
        MissingExtra: executorch is not installed.
        RuntimeError: the file is damaged, or fails.
    """
    runtime = import_quietly("executorch.runtime", "executorch")
    with silenced():
        program = runtime.Runtime.get().load_program(content)
        (alpha,) = program.load_method("forward").execute(list(inputs))
        answer: Tensor = alpha.clone()
    return answer
