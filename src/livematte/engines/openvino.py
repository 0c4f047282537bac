"""OpenVINO: runs its own files (``.xml`` with the ``.bin`` beside it) and ONNX files."""

from __future__ import annotations

import hashlib
import logging
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.engines.base import (
    Shape,
    check_shapes,
    choose_spec,
    decode,
    encode_inputs,
    spec_for,
)
from livematte.engines.onnx_file import check_onnx, read_embedded_spec
from livematte.errors import DeviceError, MissingExtra, ModelError, UsageError, one_line
from livematte.spec import METADATA_KEY, ModelSpec

__all__ = ["WEIGHTS_KEY", "OpenVinoEngine", "openvino_core"]

_log = logging.getLogger(__name__)

WEIGHTS_KEY = "livematte.weights_sha256"
"""Where an ``.xml`` keeps the digest of its ``.bin``: the file's own digest then covers both."""

_WEIGHTS_DIGEST = re.compile(rf'<{re.escape(WEIGHTS_KEY)} value="([0-9a-f]{{64}})"'.encode())
_DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU"}
_TYPES = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
_FLOATS: dict[str, type[np.floating[Any]]] = {"f32": np.float32, "f16": np.float16}


class OpenVinoEngine:
    """Runs a model on an Intel or AMD processor, an Intel graphics unit or neural unit."""

    name = "openvino"

    def __init__(
        self,
        path: Path,
        model: bytes,
        spec: ModelSpec | None,
        *,
        fallback: ModelSpec | None = None,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "fp32",
    ) -> None:
        """Open a model.

        Args:
            path: the model's file, for messages, and to find the weights of an ``.xml``.
            model: its content.
            spec: goes before the embedded one.
            fallback: for a file that embeds none.
            device: ``auto`` (the CPU), ``cpu``, ``gpu`` or ``npu``.
            threads: of one run on the CPU; None leaves the choice to OpenVINO.
            precision: ``fp32``, or ``bf16`` or ``fp16`` where the device computes in it. Left
                alone, OpenVINO would take a shorter type wherever the processor has one.

        Raises:
            ModelError: a damaged file, one that keeps weights in other files, one without spec,
                or one of other shapes than its spec says.
            DeviceError: ``device``, or ``precision`` on it, cannot be had.
            MissingExtra: openvino is not installed.
        """
        if device not in ("auto", *_DEVICES):
            raise UsageError(f"OpenVINO has no device {device!r}: take auto, {', '.join(_DEVICES)}")
        core = openvino_core()
        import openvino  # noqa: PLC0415

        self.device = "cpu" if device == "auto" else device
        _check_device(self.device, core.available_devices)
        graph = _read_graph(core, path, model)
        self.spec = choose_spec(path, spec, _embedded_spec(path, graph, model), fallback)
        self.threads = threads
        inputs = [_shape(value) for value in graph.inputs]
        check_shapes(path, self.spec, inputs, _shape(_answer(graph)))
        self._types = [_input_type(path, value) for value in graph.inputs]
        self._compile = partial(_compile, core, path, graph, self.device, threads, precision)
        self._plan(self.spec)
        _log.info("%s: OpenVINO %s on %s", path, openvino.__version__, _DEVICES[self.device])

    def run(
        self, image: NDArray[np.float32], prior: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """See :meth:`livematte.engines.base.Engine.run`."""
        spec = spec_for(image, self.spec)
        values = encode_inputs(image, prior, spec, len(self._types))
        if (spec.height, spec.width) != self._size:
            self._plan(spec)
        feed = [v.astype(t, copy=False) for v, t in zip(values, self._types, strict=True)]
        try:
            output = self._request.infer(feed, share_inputs=True)[self._output]
        except RuntimeError as error:
            reason = one_line(error, 300)
            if self.device != "cpu":
                raise DeviceError(
                    f"{self.spec.name}: {self.device} failed ({reason}); use --device cpu"
                ) from error
            raise ModelError(f"{self.spec.name}: OpenVINO cannot run it ({reason})") from error
        return decode(output, spec)

    def _plan(self, spec: ModelSpec) -> None:
        """Prepare for inputs of this size; free sides would be a quarter slower."""
        compiled = self._compile(spec)
        self._output, self._request = _answer(compiled), compiled.create_infer_request()
        self._size = (spec.height, spec.width)


def _check_device(device: str, available: list[str]) -> None:
    """``available`` counts several of one kind: ``GPU.0``, ``GPU.1``."""
    if not any(name.partition(".")[0] == _DEVICES[device] for name in available):
        raise DeviceError(
            f"{_DEVICES[device]} was asked for, but OpenVINO sees only "
            f"{', '.join(available) or 'no device'}: check the driver, or use --device cpu"
        )


def openvino_core() -> Any:
    """The process's one core, which is never let go.

    On processors with AMX each core's CPU plugin gives the thread a signal stack and puts the last
    one back when it goes (OpenVINO 2026.4): cores that go in another order leave a freed one, and
    the next Ctrl-C ends in a segmentation fault.

    Raises:
        MissingExtra: openvino is not installed.
    """
    try:
        import openvino  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("openvino", "openvino") from error
    return _core_of(openvino)


@cache
def _core_of(openvino: Any) -> Any:
    return openvino.Core()


def _read_graph(core: Any, path: Path, model: bytes) -> Any:
    if path.suffix.lower() == ".onnx":
        check_onnx(path, model)
        weights = b""
    else:
        weights = _read_weights(path, model)
    try:
        return core.read_model(model=model, weights=weights)
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"{path}: OpenVINO cannot open it ({one_line(error, 300)}); download or export it again"
        ) from error


def _read_weights(path: Path, model: bytes) -> bytes:
    """The ``.bin`` beside an ``.xml``, which is checked where the ``.xml`` knows its digest."""
    source = path.with_suffix(".bin")
    try:
        weights = source.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{source}: the weights beside an .xml cannot be read ({error.strerror}); "
            "keep both files together"
        ) from error
    expected = _WEIGHTS_DIGEST.search(model)
    if expected and hashlib.sha256(weights).hexdigest().encode() != expected[1]:
        raise ModelError(
            f"{source}: not the weights that belong to {path.name}; download or export both again"
        )
    return weights


def _embedded_spec(path: Path, graph: Any, model: bytes) -> str | None:
    if path.suffix.lower() == ".onnx":
        return read_embedded_spec(model)
    return _entry(graph, METADATA_KEY)


def _entry(graph: Any, key: str) -> str | None:
    return str(graph.get_rt_info([key]).astype(str)) if graph.has_rt_info([key]) else None


def _shape(value: Any) -> Shape:
    shape = value.get_partial_shape()
    if shape.rank.is_dynamic:
        return []
    return [None if side.is_dynamic else side.get_length() for side in shape]


def _answer(graph: Any) -> Any:
    """The output named ``alpha``, or the first one."""
    named = [value for value in graph.outputs if "alpha" in value.get_names()]
    return (named or graph.outputs)[0]


def _input_type(path: Path, value: Any) -> type[np.floating[Any]]:
    kind = value.get_element_type().get_type_name()
    if kind not in _FLOATS:
        raise ModelError(f"{path}: input {value.get_any_name()!r} takes {kind}, not floats")
    return _FLOATS[kind]


def _fix_sides(graph: Any, spec: ModelSpec) -> None:
    """A batch of one, and the spec's sides where free: then OpenVINO can plan its memory."""
    shapes = {}
    for value in graph.inputs:
        shape = value.get_partial_shape()
        if shape.rank.is_dynamic:
            continue
        shape[0] = 1
        if spec.step:
            first = 2 if spec.layout == "nchw" else 1
            shape[first], shape[first + 1] = spec.height, spec.width
        shapes[value] = shape
    graph.reshape(shapes)


def _compile(
    core: Any,
    path: Path,
    graph: Any,
    device: str,
    threads: int | None,
    precision: str,
    spec: ModelSpec,
) -> Any:
    """A graph ready to run on ``device`` in ``precision``, or an error that says what is not so."""
    _fix_sides(graph, spec)
    name = _DEVICES[device]
    capabilities = core.get_property(name, "OPTIMIZATION_CAPABILITIES")
    if precision != "fp32" and precision.upper() not in capabilities:
        raise DeviceError(f"{name} does not compute in {precision} here: leave out the precision")
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": _TYPES[precision],
    }
    if device == "cpu":
        # A pinned thread waits for its core while others are idle: on a machine with other work
        # a run took twice as long.
        options["ENABLE_CPU_PINNING"] = False
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
    try:
        return core.compile_model(graph, name, options)
    except RuntimeError as error:
        reason = one_line(error, 300)
        if device != "cpu":
            raise DeviceError(f"{path}: {name} cannot take it ({reason})") from error
        raise ModelError(f"{path}: OpenVINO cannot prepare it ({reason})") from error
