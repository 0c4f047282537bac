"""ONNX Runtime: the default engine, on the CPU or on whatever its installed build offers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

from livematte.engines.base import (
    Shape,
    check_shapes,
    choose_spec,
    decode,
    encode_inputs,
    spec_for,
)
from livematte.engines.onnx_file import check_onnx, read_embedded_spec
from livematte.errors import DeviceError, ModelError, UsageError, one_line
from livematte.spec import ModelSpec

__all__ = ["OnnxRuntimeEngine"]

_log = logging.getLogger(__name__)

_CPU = "CPUExecutionProvider"
_PROVIDERS = {
    "cpu": _CPU,
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "qnn": "QNNExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
}
# The package that brings a provider, where it is one of its own.
_PACKAGES = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "directml": "onnxruntime-directml",
    "migraphx": "onnxruntime-migraphx",
    "qnn": "onnxruntime-qnn",
}
_RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"
_TYPES: dict[str, type[np.floating[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}
# Errors only. Its warnings are about how a graph was written (one line per initializer), and the
# one that matters, a provider that was not taken, is checked for below.
_LOG_ERRORS = 3


class OnnxRuntimeEngine:
    """Runs an ONNX file on the CPU, or on a device that the installed build has a provider for."""

    name = "onnxruntime"

    def __init__(
        self,
        path: Path,
        model: bytes,
        spec: ModelSpec | None,
        *,
        fallback: ModelSpec | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Open a model.

        Args:
            path: the model's file, for messages.
            model: its content.
            spec: goes before the embedded one.
            fallback: for a file that embeds none.
            device: ``cpu``, ``cuda``, ``tensorrt``, ``migraphx``, ``directml``, ``coreml``,
                ``qnn``, ``webgpu``, or ``auto``: CUDA where it works, else the CPU.
            threads: of one run; None: one per physical core.

        Raises:
            ModelError: a damaged file, one that keeps weights in other files, one without spec,
                or one of other shapes than its spec says.
            DeviceError: ``device`` cannot be had, or takes no part of the model.
        """
        check_onnx(path, model)
        self.threads = threads
        self._session, self.device = _open_session(path, model, device, threads)
        self.spec = choose_spec(path, spec, read_embedded_spec(model), fallback)
        outputs = self._session.get_outputs()
        answer = next((o for o in outputs if o.name == "alpha"), outputs[0])
        inputs = self._session.get_inputs()
        check_shapes(path, self.spec, [_shape(i) for i in inputs], _shape(answer))
        self._inputs = [(i.name, _input_type(path, i)) for i in inputs]
        self._output = answer.name

    def run(
        self, image: NDArray[np.float32], prior: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """See :meth:`livematte.engines.base.Engine.run`."""
        spec = spec_for(image, self.spec)
        values = encode_inputs(image, prior, spec, len(self._inputs))
        feed = {
            name: value.astype(dtype, copy=False)
            for (name, dtype), value in zip(self._inputs, values, strict=True)
        }
        try:
            (output,) = self._session.run([self._output], feed)
        except Exception as error:  # the runtime's exceptions share no base of their own
            there = self.device != "cpu" and self.device in str(error).lower()
            if isinstance(error, EPFail) or there:
                raise DeviceError(
                    f"{self.spec.name}: {self.device} failed ({one_line(error, 300)}); "
                    "use --device cpu"
                ) from error
            raise ModelError(
                f"{self.spec.name}: ONNX Runtime cannot run the model ({one_line(error, 300)})"
            ) from error
        return decode(output, spec)


def _open_session(path: Path, model: bytes, device: str, threads: int | None) -> tuple[Any, str]:
    """A session, and the device it is on."""
    if device not in ("auto", *_PROVIDERS):
        raise UsageError(
            f"ONNX Runtime has no device {device!r}: take auto or one of {', '.join(_PROVIDERS)}"
        )
    offered = ort.get_available_providers()
    if device != "auto" and _PROVIDERS[device] not in offered:
        package = _PACKAGES.get(device)
        remedy = f"pip install {package}" if package else "install a build that has it"
        raise DeviceError(
            f"{device} was asked for, but the installed onnxruntime has no provider for it: "
            f"{remedy}, or use --device cpu"
        )
    options = ort.SessionOptions()
    options.log_severity_level = _LOG_ERRORS
    if threads is not None:
        options.intra_op_num_threads = threads
    wanted = device
    if device == "auto":
        wanted = "cuda" if _PROVIDERS["cuda"] in offered else "cpu"
    if wanted == "cpu":
        session = _open_on_cpu(path, model, options)
    else:
        session, failure = _open_on(path, model, options, wanted)
        if failure is not None:
            if device != "auto":
                raise DeviceError(f"{device} was asked for, but {failure}, or use --device cpu")
            _log.warning("%s is offered, but %s", wanted, failure)
            wanted = "cpu"
    _log.info("%s: ONNX Runtime %s on %s", path, ort.__version__, wanted)
    return session, wanted


def _open_on_cpu(path: Path, model: bytes, options: Any) -> Any:
    try:
        return _create(model, options, [_CPU])
    except Exception as error:  # the runtime's exceptions share no base of their own
        raise ModelError(
            f"{path}: ONNX Runtime cannot open it ({one_line(error, 300)}); "
            "download or export it again"
        ) from error


def _open_on(path: Path, model: bytes, options: Any, device: str) -> tuple[Any, str | None]:
    """A session on ``device``; where that fails, one on the CPU and what went wrong."""
    provider = _PROVIDERS[device]
    options.add_session_config_entry(_RECORD_ASSIGNMENT, "1")
    try:
        session = _create(model, options, [provider, _CPU])
    except Exception:  # a sound file opens on the CPU: then the device is to blame
        session = _open_on_cpu(path, model, options)
    if session.get_providers()[0] != provider:
        return session, (
            "ONNX Runtime fell back to the CPU: check the driver and the libraries of the device"
        )
    # Older builds cannot tell which provider took which part.
    assignment = getattr(session, "get_provider_graph_assignment_info", None)
    if assignment is not None and all(part.ep_name != provider for part in assignment()):
        return session, "it takes no part of this model, all of which would run on the CPU"
    return session, None


def _create(model: bytes, options: Any, providers: list[str]) -> Any:
    """A session that fails where a provider fails.

    By default it would go over to the CPU, at opening or in the middle of a run, and say so on
    standard output.
    """
    return ort.InferenceSession(model, options, providers=providers, enable_fallback=0)


def _shape(value: Any) -> Shape:
    """Free sides have a name, or none, in place of a number."""
    return [side if isinstance(side, int) else None for side in value.shape or ()]


def _input_type(path: Path, value: Any) -> type[np.floating[Any]]:
    if value.type not in _TYPES:
        raise ModelError(f"{path}: input {value.name!r} takes {value.type}, not floats")
    return _TYPES[value.type]
