"""Run a graph with the way in, the computation and the way out as three steps.

On the CPU the ways are copies between our arrays and the runtime's; on a GPU they cross the bus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from livematte.benchmark.toy_graphs import ToyGraph
from livematte.engines.openvino import openvino_core
from livematte.errors import DeviceError, MissingExtra

__all__ = ["CARRIERS", "Carrier"]

Array = NDArray[np.float32]


class Carrier(Protocol):
    """One graph in one runtime; each step returns when its work is done."""

    def put(self, image: Array) -> None:
        """Our array to where the graph reads."""
        ...

    def compute(self) -> None:
        """The graph."""
        ...

    def get(self) -> Array:
        """What the graph wrote, as an array of ours."""
        ...


class _Torch:
    def __init__(self, graph: ToyGraph, example: torch.Tensor, device: str) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise DeviceError("torch sees no CUDA device: leave out cuda")
        torch.set_num_threads(1)  # torch knows no way for one graph alone
        self._graph = graph.to(device)
        self._input = torch.empty_like(example, device=device)
        self._output = self._input
        self._wait: Callable[[], None] = (
            torch.cuda.synchronize if device == "cuda" else lambda: None
        )

    def put(self, image: Array) -> None:
        self._input.copy_(torch.from_numpy(image))
        self._wait()

    def compute(self) -> None:
        with torch.inference_mode():
            self._output = self._graph(self._input)
        self._wait()

    def get(self) -> Array:
        output: Array = self._output.cpu().numpy().copy()
        return output


class _OnnxRuntime:
    def __init__(self, graph: ToyGraph, example: torch.Tensor, device: str) -> None:
        import onnxruntime  # noqa: PLC0415

        provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
        if provider not in onnxruntime.get_available_providers():
            raise DeviceError("the installed onnxruntime has no CUDA: pip install onnxruntime-gpu")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            _to_onnx(graph, example), options, providers=[provider], enable_fallback=0
        )
        self._binding = self._session.io_binding()
        shape = self._session.get_outputs()[0].shape
        self._input = onnxruntime.OrtValue.ortvalue_from_numpy(example.numpy(), device, 0)
        sides = [side if isinstance(side, int) else 1 for side in shape]
        self._output = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
            sides, np.float32, device, 0
        )
        self._binding.bind_ortvalue_input("image", self._input)
        self._binding.bind_ortvalue_output("alpha", self._output)

    def put(self, image: Array) -> None:
        self._input.update_inplace(image)

    def compute(self) -> None:
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()

    def get(self) -> Array:
        output: Array = self._output.numpy().copy()
        return output


class _OpenVino:
    def __init__(self, graph: ToyGraph, example: torch.Tensor, device: str) -> None:
        core = openvino_core()
        if device != "cpu":
            raise DeviceError("OpenVINO has no CUDA: leave out cuda")
        model = core.read_model(_to_onnx(graph, example))
        model.reshape(list(example.shape))
        options = {
            "INFERENCE_NUM_THREADS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }
        self._request = core.compile_model(model, "CPU", options).create_infer_request()

    def put(self, image: Array) -> None:
        np.copyto(self._request.get_input_tensor().data, image)

    def compute(self) -> None:
        self._request.infer()

    def get(self) -> Array:
        output: Array = self._request.get_output_tensor().data.copy()
        return output


CARRIERS: dict[str, Callable[[ToyGraph, torch.Tensor, str], Carrier]] = {
    "torch": _Torch,
    "onnxruntime": _OnnxRuntime,
    "openvino": _OpenVino,
}
"""By the engine's name; each takes a graph, an example of its input, and ``cpu`` or ``cuda``."""


def _to_onnx(graph: ToyGraph, example: torch.Tensor) -> bytes:
    try:
        from livematte.export.onnx import convert  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra(error.name or "onnx", "train") from error
    content: Any = convert(graph, (example,)).SerializeToString()
    return bytes(content)
