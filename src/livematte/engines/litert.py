"""LiteRT (TensorFlow Lite): runs ``.tflite`` files on the CPU."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.engines.base import check_shapes, choose_spec, decode, encode_inputs
from livematte.engines.litert_file import read_embedded_spec
from livematte.errors import DeviceError, MissingExtra, ModelError, UsageError, one_line
from livematte.silence import native_stderr_silenced
from livematte.spec import ModelSpec

__all__ = ["LiteRtEngine", "open_interpreter"]

_log = logging.getLogger(__name__)


class LiteRtEngine:
    """Runs a LiteRT file; quantised inputs and outputs go through their scale and zero point."""

    name = "litert"
    device = "cpu"

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
            device: ``auto`` or ``cpu``.
            threads: of one run; None leaves the choice to LiteRT.

        Raises:
            ModelError: a damaged file, one without spec, or integers without a scale.
            DeviceError: a device other than the CPU.
            MissingExtra: ai-edge-litert is not installed.
        """
        if device not in ("auto", "cpu", "cuda"):
            raise UsageError(f"LiteRT has no device {device!r}: take auto or cpu")
        if device == "cuda":
            raise DeviceError(
                "CUDA was asked for, but LiteRT files run on the CPU here: use --device cpu, "
                "or an ONNX file"
            )
        self._interpreter = open_interpreter(path, model, threads)
        self.spec = choose_spec(path, spec, read_embedded_spec(model), fallback)
        self.threads = threads
        self._inputs = self._interpreter.get_input_details()
        self._output = self._interpreter.get_output_details()[0]
        shapes = [[int(side) for side in detail["shape"]] for detail in self._inputs]
        check_shapes(path, self.spec, shapes, [])
        for detail in (*self._inputs, self._output):
            if not (np.issubdtype(detail["dtype"], np.floating) or detail["quantization"][0]):
                raise ModelError(
                    f"{path}: takes or gives integers without a scale, which mean nothing; "
                    "convert it again with quantised inputs and outputs, or with float ones"
                )
        _log.info("%s: LiteRT on the CPU", path)

    def run(
        self, image: NDArray[np.float32], prior: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """See :meth:`livematte.engines.base.Engine.run`."""
        values = encode_inputs(image, prior, self.spec, len(self._inputs))
        try:
            for detail, value in zip(self._inputs, values, strict=True):
                self._interpreter.set_tensor(detail["index"], _quantise(value, detail))
            self._interpreter.invoke()
            output = self._interpreter.get_tensor(self._output["index"])
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{self.spec.name}: LiteRT cannot run the model ({error})") from error
        return decode(_dequantise(output, self._output), self.spec)


def open_interpreter(path: Path, model: bytes, threads: int | None) -> Any:
    """An interpreter ready to run, with the fast delegate where it takes the model."""
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("ai-edge-litert", "litert") from error
    # XNNPACK refuses some older quantised files that the built-in kernels still run.
    failure: Exception | None = None
    for resolver in (OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
        try:
            with native_stderr_silenced():  # XNNPACK says that it is there, and errors are raised
                interpreter = Interpreter(
                    model_content=model, num_threads=threads, experimental_op_resolver_type=resolver
                )
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            failure = failure or error
            continue
        if failure is not None:
            _log.info("%s: runs without LiteRT's delegates, slower (%s)", path, failure)
        return interpreter
    assert failure is not None
    raise ModelError(
        f"{path}: LiteRT cannot open it ({one_line(failure, 300)}); download or export it again"
    ) from failure


def _quantise(value: NDArray[np.float32], detail: dict[str, Any]) -> NDArray[np.generic]:
    """Real numbers to the input's type: ``q = round(x / scale) + zero_point``."""
    dtype = detail["dtype"]
    if np.issubdtype(dtype, np.floating):
        return value.astype(dtype, copy=False)
    scale, zero_point = detail["quantization"]
    limits = np.iinfo(dtype)
    quantised = np.rint(value / np.float32(scale)) + zero_point
    return np.asarray(np.clip(quantised, limits.min, limits.max), dtype=dtype)


def _dequantise(value: NDArray[np.generic], detail: dict[str, Any]) -> NDArray[np.float32]:
    """The output's type to real numbers: ``x = (q - zero_point) · scale``."""
    real = value.astype(np.float32)
    if np.issubdtype(detail["dtype"], np.floating):
        return real
    scale, zero_point = detail["quantization"]
    return (real - np.float32(zero_point)) * np.float32(scale)
