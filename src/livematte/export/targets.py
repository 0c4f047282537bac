"""What a network can be exported to.

The list holds what can be said without importing a converter; what builds a target is the function
``build`` of the module with its name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from livematte.errors import MissingExtra, UsageError
from livematte.spec import Layout, ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

    from livematte.export.graph import MatteGraph
    from livematte.quantization.methods import Quantisation

__all__ = [
    "EDGETPU",
    "INTEGERS",
    "TARGETS",
    "Built",
    "Job",
    "Runner",
    "Target",
    "Tolerance",
    "get_target",
    "load_builder",
]


@dataclass(frozen=True)
class Tolerance:
    """How far an export's matte may be from torch's.

    Attributes:
        largest, mean: absolute difference.
        iou: what the two must share of the person, where alpha is above one half.
    """

    largest: float
    mean: float
    iou: float = 0.0


@dataclass(frozen=True)
class Job:
    """What a builder is given.

    Attributes:
        graph: the network with its sigmoid, on the CPU, in 32-bit floats.
        spec: what the file says about itself; its precision and layout are the target's.
        example: inputs of a batch of one: a photo, and a prior for a network that takes one.
        name: of the files, without suffix.
        flat: give the matte as one row of H·W numbers.
        quantisation: how, where the precision is int8.
    """

    graph: MatteGraph
    spec: ModelSpec
    example: tuple[Tensor, ...]
    name: str
    flat: bool = False
    quantisation: Quantisation | None = None


Runner = Callable[[Mapping[str, bytes], "tuple[Tensor, ...]"], "Tensor"]


@dataclass(frozen=True)
class Built:
    """What a builder gives.

    Attributes:
        files: content by name, below the folder that they are written to. The model itself is
            ``job.name`` and the target's suffix.
        further: other models among the files, with the engines that run them; each gets its own
            spec beside it, and is compared as well.
        runner: runs the files on the graph's inputs where livematte has no engine for them.
        notes: lines for the user: what to do next, what was not checked.
    """

    files: Mapping[str, bytes]
    notes: tuple[str, ...] = ()
    further: Mapping[str, str] = field(default_factory=dict)
    runner: Runner | None = None


Builder = Callable[[Job], Built]

EXACT = Tolerance(1e-3, 1e-4)


@dataclass(frozen=True)
class Target:
    """A kind of model file.

    Attributes:
        title: the format's own name.
        suffix: of the model file.
        precisions: what it can be built in, and how far that may be from torch.
        engine: runs the file for the comparison: one of :data:`livematte.engines.ENGINES`, or a
            runtime that the builder calls; None where nothing here runs it, as the user is told.
        extra: brings what the builder imports.
        folder: several files belong together, in a folder of their own.
        prior: networks with a prior can be exported to it.
        layout: of the input's axes.
        flat: it can give the matte as one row.
        methods: of :data:`livematte.quantization.methods.METHODS`, for int8.
        any_size: its input's height and width can be left free.
    """

    title: str
    suffix: str
    precisions: Mapping[str, Tolerance] = field(default_factory=lambda: {"fp32": EXACT})
    engine: str | None = "onnxruntime"
    extra: str = "train"
    folder: bool = False
    prior: bool = True
    layout: Layout = "nchw"
    flat: bool = False
    methods: tuple[str, ...] = ()
    any_size: bool = False


# 16-bit weights, computed in 32 bits: as exact. Computed in 16 bits: edges move by a shade.
_STORED_HALF = {"fp32": EXACT, "fp16": EXACT}
_COMPUTED_HALF = {"fp32": EXACT, "fp16": Tolerance(0.05, 0.005)}
# Single pixels of hair and edges may turn; the person may not.
INTEGERS = Tolerance(1.0, 0.02, iou=0.97)
_STORED_SHORT = {**_STORED_HALF, "int8": INTEGERS}
_ALL_METHODS = ("weight-only", "dynamic", "static")
_TWO_METHODS = ("weight-only", "static")

EDGETPU = "edgetpu"

TARGETS: dict[str, Target] = {
    "onnx": Target(
        "ONNX", ".onnx", _STORED_SHORT, methods=(*_ALL_METHODS, "learnt"), any_size=True
    ),
    "openvino": Target(
        "OpenVINO",
        ".xml",
        _STORED_SHORT,
        engine="openvino",
        extra="openvino",
        methods=(*_TWO_METHODS, "learnt"),
    ),
    "litert": Target(
        "LiteRT",
        ".tflite",
        _STORED_SHORT,
        engine="litert",
        extra="litert-export",
        layout="nhwc",
        flat=True,
        methods=_ALL_METHODS,
    ),
    "mediapipe": Target(
        "MediaPipe",
        ".tflite",
        _STORED_SHORT,
        engine="litert",
        extra="litert-export",
        prior=False,
        layout="nhwc",
        methods=_TWO_METHODS,
    ),
    "coreml": Target(
        "Core ML",
        ".mlpackage",
        {"fp32": EXACT, "fp16": Tolerance(0.05, 0.005)},
        engine=None,
        extra="coreml",
    ),
    "executorch": Target("ExecuTorch", ".pte", engine="executorch", extra="executorch"),
    "browser": Target(
        "browser",
        ".tflite",
        _STORED_SHORT,
        engine="litert",
        extra="litert-export",
        folder=True,
        layout="nhwc",
        methods=_TWO_METHODS,
    ),
    "tensorrt": Target("TensorRT", ".onnx", _COMPUTED_HALF, folder=True),
    "deepstream": Target("DeepStream", ".onnx", _COMPUTED_HALF, folder=True, prior=False),
    EDGETPU: Target(
        "Edge TPU",
        ".tflite",
        {"int8": INTEGERS},
        engine="litert",
        extra="litert-export",
        layout="nhwc",
        methods=("static",),
    ),
}


def get_target(name: str) -> Target:
    """A target by its name; :class:`UsageError` lists those there are."""
    if name not in TARGETS:
        raise UsageError(f"no target {name!r}: take one of {', '.join(TARGETS)}")
    return TARGETS[name]


def load_builder(name: str) -> Builder:
    """What builds a target.

    Raises:
        UsageError: no such target.
        MissingExtra: what it imports is not installed.
    """
    target = get_target(name)
    try:
        builder: Builder = importlib.import_module(f"livematte.export.{name}").build
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or name, target.extra) from error
    return builder
