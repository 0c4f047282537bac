"""TensorRT: runs engine files (``.engine``, ``.plan``) on an NVIDIA GPU.

Such a file is made for one kind of GPU and one version of TensorRT, so it is built where it runs
(``build_engine.py`` of an export, see ``docs/targets/tensorrt.md``). The calls follow NVIDIA's
documentation of TensorRT 10 and 11 and of CUDA Python; the tests run them against stand-ins.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.engines.base import Shape, check_shapes, choose_spec, decode, encode_inputs
from livematte.errors import DeviceError, MissingExtra, ModelError, UsageError
from livematte.spec import ModelSpec

__all__ = ["TensorRtEngine"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Tensor:
    """An input or output: its name, and where it lies in the GPU's memory."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    address: int

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


class TensorRtEngine:
    """Runs a TensorRT engine; there is no other device to go over to."""

    name = "tensorrt"
    device = "cuda"
    threads = None

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
        """Open an engine file.

        Args:
            path: the file, for messages.
            model: its content.
            spec: goes before ``fallback``; an engine file itself holds none.
            fallback: the JSON beside the file.
            device: ``auto`` or ``cuda``, the first GPU that CUDA shows.
            threads: without meaning here.

        Raises:
            ModelError: a damaged file, one of another GPU or TensorRT, one without spec, or one
                of other shapes than its spec says.
            DeviceError: there is no GPU, or another device was asked for.
            MissingExtra: tensorrt or cuda-python is not installed.
        """
        if device not in ("auto", "cpu", "cuda"):
            raise UsageError(f"TensorRT has no device {device!r}: take auto or cuda")
        if device == "cpu":
            raise DeviceError(
                "the CPU was asked for, but a TensorRT engine runs on an NVIDIA GPU only: "
                "use the .onnx file it was built from"
            )
        try:
            import tensorrt  # noqa: PLC0415
            from cuda.bindings import runtime as cuda  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtra(error.name or "tensorrt", "tensorrt") from error
        self._cuda = cuda
        code, count = cuda.cudaGetDeviceCount()
        if int(code) != 0 or count == 0:
            raise DeviceError(
                "TensorRT was asked for, but CUDA sees no GPU: check the driver, "
                "or use the .onnx file on the CPU"
            )
        self.spec = choose_spec(path, spec, None, fallback)
        self._logger = tensorrt.Logger(tensorrt.Logger.ERROR)
        self._runtime = tensorrt.Runtime(self._logger)
        engine = self._runtime.deserialize_cuda_engine(model)
        if engine is None:
            raise ModelError(
                f"{path}: TensorRT {tensorrt.__version__} cannot open it: damaged, or built for "
                "another GPU or version; build it here (build_engine.py)"
            )
        self._engine = engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        taken = [n for n in names if engine.get_tensor_mode(n) == tensorrt.TensorIOMode.INPUT]
        # The image goes first, whatever the order in the file.
        taken.sort(key=lambda name: name == "prior")
        given = [n for n in names if n not in taken]
        answer = "alpha" if "alpha" in given else given[0]
        shapes = [_shape(engine, name) for name in taken]
        check_shapes(path, self.spec, shapes, _shape(engine, answer))
        self._context = engine.create_execution_context()
        self._stream = self._call(cuda.cudaStreamCreate)
        for name, shape in zip(taken, shapes, strict=True):
            self._context.set_input_shape(name, (1, *shape[1:]))
        kinds = tensorrt.nptype
        self._inputs = [
            self._place(name, np.dtype(kinds(engine.get_tensor_dtype(name)))) for name in taken
        ]
        outputs = [
            self._place(name, np.dtype(kinds(engine.get_tensor_dtype(name)))) for name in given
        ]
        self._output = outputs[given.index(answer)]
        _log.info("%s: TensorRT %s on CUDA", path, tensorrt.__version__)

    def run(
        self, image: NDArray[np.float32], prior: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """See :meth:`livematte.engines.base.Engine.run`."""
        kinds = self._cuda.cudaMemcpyKind
        values = encode_inputs(image, prior, self.spec, len(self._inputs))
        for tensor, value in zip(self._inputs, values, strict=True):
            source = np.ascontiguousarray(value, dtype=tensor.dtype)
            # Pageable memory: the call returns when the values have left it.
            self._call(
                self._cuda.cudaMemcpyAsync,
                tensor.address,
                source.ctypes.data,
                tensor.size,
                kinds.cudaMemcpyHostToDevice,
                self._stream,
            )
        if not self._context.execute_async_v3(int(self._stream)):
            raise DeviceError(f"{self.spec.name}: TensorRT failed; use the .onnx file on the CPU")
        answer = np.empty(self._output.shape, self._output.dtype)
        self._call(
            self._cuda.cudaMemcpyAsync,
            answer.ctypes.data,
            self._output.address,
            self._output.size,
            kinds.cudaMemcpyDeviceToHost,
            self._stream,
        )
        self._call(self._cuda.cudaStreamSynchronize, self._stream)
        return decode(answer, self.spec)

    def _place(self, name: str, dtype: np.dtype[Any]) -> _Tensor:
        """Memory on the GPU for one tensor, told to TensorRT."""
        shape = tuple(int(side) for side in self._context.get_tensor_shape(name))
        size = math.prod(shape) * dtype.itemsize
        address = int(self._call(self._cuda.cudaMalloc, size))
        self._context.set_tensor_address(name, address)
        return _Tensor(name, dtype, shape, address)

    def _call(self, function: Any, *arguments: Any) -> Any:
        """A CUDA call, which gives its error code and then its results."""
        code, *results = function(*arguments)
        if int(code) != 0:
            raise DeviceError(
                f"{self.spec.name}: CUDA failed ({getattr(code, 'name', code)}); "
                "use the .onnx file on the CPU"
            )
        return results[0] if results else None

    def __del__(self) -> None:
        for tensor in (*getattr(self, "_inputs", ()), getattr(self, "_output", None)):
            if tensor is not None:
                self._cuda.cudaFree(tensor.address)


def _shape(engine: Any, name: str) -> Shape:
    """TensorRT writes -1 for a free side."""
    return [None if side < 0 else int(side) for side in engine.get_tensor_shape(name)]
