"""TensorRT against stand-ins of its modules and of CUDA's: what the engine does around them.

Nothing here shows that NVIDIA's libraries do as their documentation says.
"""

from __future__ import annotations

import ctypes
import enum
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from livematte.engines import open_engine
from livematte.errors import DeviceError, MissingExtra, ModelError, UsageError
from livematte.spec import ModelSpec

SPEC = ModelSpec("net", 4, 6)


class Mode(enum.Enum):
    INPUT = 0
    OUTPUT = 1


class Code(enum.IntEnum):
    cudaSuccess = 0  # noqa: N815
    cudaErrorMemoryAllocation = 2  # noqa: N815


class Kind(enum.Enum):
    cudaMemcpyHostToDevice = 1  # noqa: N815
    cudaMemcpyDeviceToHost = 2  # noqa: N815


class Cuda(ModuleType):
    """CUDA whose memory is the process's own."""

    cudaMemcpyKind = Kind  # noqa: N815

    def __init__(self) -> None:
        super().__init__("cuda.bindings.runtime")
        self.gpus = 1
        self.full = False
        self.memory: dict[int, ctypes.Array[ctypes.c_char]] = {}

    def cudaGetDeviceCount(self) -> tuple[Code, int]:  # noqa: N802
        return Code.cudaSuccess, self.gpus

    def cudaStreamCreate(self) -> tuple[Code, int]:  # noqa: N802
        return Code.cudaSuccess, 7

    def cudaStreamSynchronize(self, stream: int) -> tuple[Code]:  # noqa: N802
        return (Code.cudaSuccess,)

    def cudaMalloc(self, size: int) -> tuple[Code, int | None]:  # noqa: N802
        if self.full:
            return Code.cudaErrorMemoryAllocation, None
        place = ctypes.create_string_buffer(size)
        self.memory[ctypes.addressof(place)] = place
        return Code.cudaSuccess, ctypes.addressof(place)

    def cudaFree(self, address: int) -> tuple[Code]:  # noqa: N802
        del self.memory[address]
        return (Code.cudaSuccess,)

    def cudaMemcpyAsync(  # noqa: N802
        self, target: int, source: int, size: int, kind: Kind, stream: int
    ) -> tuple[Code]:
        assert (target if kind is Kind.cudaMemcpyHostToDevice else source) in self.memory
        ctypes.memmove(target, source, size)
        return (Code.cudaSuccess,)


class Network:
    """An engine, and its context, of a model whose matte is the red plane, or half the prior."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.shapes = shapes
        self.num_io_tensors = len(shapes)
        self.addresses: dict[str, int] = {}
        self.fails = False

    def get_tensor_name(self, index: int) -> str:
        return list(self.shapes)[index]

    def get_tensor_mode(self, name: str) -> Mode:
        return Mode.OUTPUT if name == "alpha" else Mode.INPUT

    def get_tensor_dtype(self, name: str) -> str:
        return "float32"

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.shapes[name]

    def create_execution_context(self) -> Network:
        return self

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> None:
        self.shapes[name] = shape
        self.shapes["alpha"] = (shape[0], *self.shapes["alpha"][1:])

    def set_tensor_address(self, name: str, address: int) -> None:
        self.addresses[name] = address

    def execute_async_v3(self, stream: int) -> bool:
        def view(name: str) -> np.ndarray:
            shape = self.shapes[name]
            kind = ctypes.c_float * int(np.prod(shape))
            return np.frombuffer(kind.from_address(self.addresses[name]), np.float32).reshape(shape)

        matte = view("image")[:, :1]
        view("alpha")[:] = view("prior") / 2 if "prior" in self.shapes else matte
        return not self.fails


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    module = Cuda()
    monkeypatch.setitem(sys.modules, "cuda", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "cuda.bindings", SimpleNamespace(runtime=module))
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", module)
    return module


@pytest.fixture
def network(cuda: Cuda, monkeypatch: pytest.MonkeyPatch) -> Network:
    """What the stand-in reads from any file but an empty one."""
    made = Network({"alpha": (-1, 1, 4, 6), "image": (-1, 3, 4, 6)})

    class Runtime:
        def __init__(self, logger: object) -> None:
            pass

        def deserialize_cuda_engine(self, content: bytes) -> Network | None:
            return made if content else None

    class Logger:
        ERROR = 1

        def __init__(self, level: int) -> None:
            pass

    module = SimpleNamespace(
        Runtime=Runtime, Logger=Logger, TensorIOMode=Mode, nptype=np.dtype, __version__="0"
    )
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "net.engine").write_bytes(b"plan")
    return tmp_path / "net.engine"


def test_a_picture_goes_in_and_a_matte_comes_back(network: Network, cuda: Cuda, path: Path) -> None:
    engine = open_engine(path, spec=SPEC)
    assert (engine.name, engine.device) == ("tensorrt", "cuda")
    for seed in range(2):
        image = np.random.default_rng(seed).random((4, 6, 3), np.float32)
        np.testing.assert_array_equal(engine.run(image), image[..., 0])
    assert len(cuda.memory) == 2
    del engine
    assert not cuda.memory


def test_the_prior_goes_second(network: Network, path: Path) -> None:
    network.shapes = {"prior": (1, 1, 4, 6), "image": (1, 3, 4, 6), "alpha": (1, 1, 4, 6)}
    network.num_io_tensors = 3
    engine = open_engine(path, spec=replace(SPEC, prior=True))
    prior = np.random.default_rng(0).random((4, 6), np.float32)
    np.testing.assert_allclose(engine.run(np.zeros((4, 6, 3), np.float32), prior), prior / 2)


def test_bad_files(network: Network, path: Path) -> None:
    with pytest.raises(ModelError, match="says nothing about itself"):
        open_engine(path)
    with pytest.raises(ModelError, match=r"takes \(\?, 3, 4, 6\)"):
        open_engine(path, spec=ModelSpec("x", 8, 8))
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="another GPU or version"):
        open_engine(path, spec=SPEC)


def test_no_gpu_is_never_another_device(network: Network, cuda: Cuda, path: Path) -> None:
    with pytest.raises(DeviceError, match="runs on an NVIDIA GPU only"):
        open_engine(path, spec=SPEC, device="cpu")
    with pytest.raises(UsageError, match="no device 'toaster'"):
        open_engine(path, spec=SPEC, device="toaster")
    cuda.gpus = 0
    for device in ("auto", "cuda"):
        with pytest.raises(DeviceError, match="CUDA sees no GPU"):
            open_engine(path, spec=SPEC, device=device)


def test_failures_of_the_device(network: Network, cuda: Cuda, path: Path) -> None:
    engine = open_engine(path, spec=SPEC)
    network.fails = True
    with pytest.raises(DeviceError, match="TensorRT failed"):
        engine.run(np.zeros((4, 6, 3), np.float32))
    cuda.full = True
    with pytest.raises(DeviceError, match="cudaErrorMemoryAllocation"):
        open_engine(path, spec=SPEC)


def test_not_installed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingExtra, match=r"livematte\[tensorrt\]"):
        open_engine(path, spec=SPEC)
