"""ONNX Runtime: the default engine."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

from livematte.engines.base import decode, encode_inputs
from livematte.engines.onnx_file import has_external_data
from livematte.errors import DeviceError, ModelError, UsageError, one_line
from livematte.spec import METADATA_KEY, ModelSpec

__all__ = ["OnnxRuntimeEngine"]

_log = logging.getLogger(__name__)

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_TYPES: dict[str, type[np.floating[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}
# Errors only. Its warnings are about how a graph was written (one line per initializer), and the
# one that matters, a provider that was not taken, is checked for below.
_LOG_ERRORS = 3


class OnnxRuntimeEngine:
    """Runs an ONNX file on the CPU, or on CUDA where onnxruntime-gpu is installed."""

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
            device: ``auto``, ``cpu`` or ``cuda``.
            threads: of one run; None: one per physical core.

        Raises:
            ModelError: a damaged file, one that keeps weights in other files, or one without spec.
            DeviceError: ``device`` cannot be had.
        """
        try:
            external = has_external_data(model)
        except ModelError as error:
            raise ModelError(f"{path}: {error}; download or export it again") from error
        if external:
            raise ModelError(
                f"{path}: keeps weights in other files, which livematte does not open; "
                "save the model as one file"
            )
        self.threads = threads
        self._session = _open_session(path, model, device, threads)
        self.device = "cuda" if self._session.get_providers()[0] == _CUDA else "cpu"
        self.spec = spec or _embedded_spec(path, self._session, fallback)
        self._inputs = [(i.name, _input_type(path, i)) for i in self._session.get_inputs()]
        names = [o.name for o in self._session.get_outputs()]
        self._output = "alpha" if "alpha" in names else names[0]

    def run(
        self, image: NDArray[np.float32], prior: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """See :meth:`livematte.engines.base.Engine.run`."""
        values = encode_inputs(image, prior, self.spec, len(self._inputs))
        feed = {
            name: value.astype(dtype, copy=False)
            for (name, dtype), value in zip(self._inputs, values, strict=True)
        }
        try:
            (output,) = self._session.run([self._output], feed)
        except Exception as error:  # the runtime's exceptions share no base of their own
            on_cuda = self.device == "cuda" and "cuda" in str(error).lower()
            if isinstance(error, EPFail) or on_cuda:
                raise DeviceError(
                    f"{self.spec.name}: {self.device} failed ({one_line(error, 300)}); "
                    "use --device cpu"
                ) from error
            raise ModelError(
                f"{self.spec.name}: ONNX Runtime cannot run the model ({one_line(error, 300)})"
            ) from error
        return decode(output, self.spec)


def _open_session(path: Path, model: bytes, device: str, threads: int | None) -> Any:
    """A session on ``device``; ``auto`` takes CUDA where it works."""
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"ONNX Runtime has no device {device!r}: take auto, cpu or cuda")
    offered = _CUDA in ort.get_available_providers()
    if device == "cuda" and not offered:
        raise DeviceError(
            "CUDA was asked for, but the installed onnxruntime has no CUDA provider: "
            "pip install onnxruntime-gpu, or use --device cpu"
        )
    options = ort.SessionOptions()
    options.log_severity_level = _LOG_ERRORS
    if threads is not None:
        options.intra_op_num_threads = threads
    wanted = offered and device != "cpu"
    try:
        session = _create(model, options, [_CUDA, _CPU] if wanted else [_CPU])
    except Exception as error:  # the runtime's exceptions share no base of their own
        if not wanted:
            raise _cannot_open(path, error) from error
        try:  # a sound file opens here: then the device is to blame
            session = _create(model, options, [_CPU])
        except Exception as again:
            raise _cannot_open(path, again) from again
    taken = session.get_providers()[0]
    if wanted and taken != _CUDA:
        message = (
            "ONNX Runtime fell back to the CPU: check the driver and the CUDA libraries, "
            "or use --device cpu"
        )
        if device == "cuda":
            raise DeviceError(f"CUDA was asked for, but {message}")
        _log.warning("CUDA is offered, but %s", message)
    _log.info("%s: ONNX Runtime %s on %s", path, ort.__version__, taken)
    return session


def _create(model: bytes, options: Any, providers: list[str]) -> Any:
    """A session that fails where a provider fails.

    By default it would go over to the CPU, at opening or in the middle of a run, and say so on
    standard output.
    """
    return ort.InferenceSession(model, options, providers=providers, enable_fallback=0)


def _cannot_open(path: Path, error: Exception) -> ModelError:
    reason = one_line(error, 300)
    return ModelError(
        f"{path}: ONNX Runtime cannot open it ({reason}); download or export it again"
    )


def _embedded_spec(path: Path, session: Any, fallback: ModelSpec | None) -> ModelSpec:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is not None:
        return ModelSpec.from_json(text, source=str(path))
    if fallback is not None:
        return fallback
    raise ModelError(
        f"{path}: the file says nothing about itself; give its spec as JSON (--spec FILE)"
    )


def _input_type(path: Path, value: Any) -> type[np.floating[Any]]:
    if value.type not in _TYPES:
        raise ModelError(f"{path}: input {value.name!r} takes {value.type}, not floats")
    return _TYPES[value.type]
