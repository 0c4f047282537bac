"""The graph that every export writes: image (and prior) in, alpha out."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from livematte.errors import ModelError, one_line
from livematte.networks.base import Network
from livematte.silence import quiet

if TYPE_CHECKING:
    from livematte.export.targets import Job

__all__ = [
    "HalfGraph",
    "MatteGraph",
    "calibration_feeds",
    "example_inputs",
    "trace",
    "unsupported",
]

_MOST_IMAGES = 1024
_NODE = re.compile(r"(?:translating node %|[Ww]hile executing %|Unsupported fx node )(\w+)")
_OPERATOR = re.compile(r"Operator torch\._ops\.([\w.]+) is not in")


class MatteGraph(nn.Module):
    """A network with its sigmoid, in evaluation mode.

    Takes N×3×H×W RGB in [0, 1], and N×1×H×W for a network with a prior; gives N×1×H×W alpha in
    [0, 1]. Normalisation is inside the network already.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, image: Tensor, prior: Tensor | None = None) -> Tensor:
        return torch.sigmoid(self.network(image, prior).mask)


class HalfGraph(nn.Module):
    """The same, computed in 16-bit floats between 32-bit inputs and a 32-bit sigmoid."""

    def __init__(self, graph: MatteGraph) -> None:
        super().__init__()
        self.network = copy.deepcopy(graph.network).half().eval()

    def forward(self, image: Tensor, prior: Tensor | None = None) -> Tensor:
        last = None if prior is None else prior.half()
        return torch.sigmoid(self.network(image.half(), last).mask.float())


def example_inputs(network: Network, size: tuple[int, int], batch: int = 1) -> tuple[Tensor, ...]:
    """Random inputs of the right shapes, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(batch, 3, *size, generator=generator)
    if not network.prior:
        return (image,)
    return image, torch.rand(batch, 1, *size, generator=generator)


def calibration_feeds(job: Job) -> list[tuple[NDArray[np.float32], ...]]:
    """What a network is fed on the calibration pictures of a job, with channels first.

    A network with a prior takes none for every other picture, as on a first frame, and its own
    matte of the same picture for the rest, as on a still video.
    """
    if job.quantisation is None or job.quantisation.calibration is None:
        return []
    images = job.quantisation.calibration.batches()
    if not job.spec.prior:
        return [(image,) for image in images]
    feeds: list[tuple[NDArray[np.float32], ...]] = []
    for index, image in enumerate(images):
        prior = torch.zeros(1, 1, *image.shape[2:])
        if index % 2:
            with torch.no_grad():
                prior = job.graph(torch.from_numpy(image), prior)
        feeds.append((image, prior.numpy()))
    return feeds


def trace(
    graph: nn.Module, inputs: tuple[Tensor, ...], *, free_batch: bool = False
) -> torch.export.ExportedProgram:
    """The operations of a graph, from which every converter starts.

    Args:
        graph: :class:`MatteGraph` or :class:`HalfGraph`.
        inputs: of a batch of one.
        free_batch: leave the batch axis free.

    Raises:
        ModelError: the network does something that depends on the values of its input.
    """
    shapes = None
    if free_batch:
        batch = torch.export.Dim("batch", min=1, max=_MOST_IMAGES)
        # An example of one image would be taken for a rule.
        inputs = tuple(torch.cat([x, x]) for x in inputs)
        shapes = tuple({0: batch} for _ in inputs)
    try:
        with quiet(), torch.no_grad():
            return torch.export.export(graph, inputs, dynamic_shapes=shapes)
    except Exception as error:  # whatever the network's own code raises when traced
        where = re.search(r"raised this error:\s*\n(.*\n.*)", str(error))
        reason = str(error).strip().splitlines()[0]
        line = f" at {one_line(ValueError(where[1]))}" if where else ""
        raise ModelError(
            f"{_name(graph)} cannot be exported: its graph depends on its input{line} ({reason})"
        ) from error


def unsupported(
    graph: nn.Module, program: torch.export.ExportedProgram, target: str, error: Exception
) -> ModelError:
    """The error of a converter, telling the operator it does not know and its layer.

    Args:
        graph: what was converted.
        program: its operations, which the converter was given.
        target: the format, for people.
        error: what the converter raised.
    """
    with quiet():
        nodes = {node.name: node for node in program.run_decompositions().graph.nodes}
    nodes |= {node.name: node for node in program.graph.nodes}
    cause: BaseException | None = error
    text = ""
    while cause is not None:
        text += f"\n{cause}"
        reason, cause = cause, cause.__cause__
    found = next((name for name in _NODE.findall(text) if name in nodes), None)
    if found is None and (operator := _OPERATOR.search(text)):
        found = next((key for key, node in nodes.items() if str(node.target) == operator[1]), None)
    layer = f" in layer {_layer(nodes[found])}" if found else ""
    kind = f" operator {nodes[found].target}" if found else ""
    return ModelError(
        f"{_name(graph)} cannot be exported to {target}:{kind}{layer} ({one_line(reason)})"
    )


def _layer(node: Any) -> str:
    """The innermost module that a node comes from, such as ``encoder.blocks.3``."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    inner = path.removeprefix("network").removeprefix(".")
    return f"{inner or 'the network itself'} ({str(kind).rpartition('.')[2]})"


def _name(graph: nn.Module) -> str:
    return type(getattr(graph, "network", graph)).__name__
