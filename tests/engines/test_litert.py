"""LiteRT's quantised inputs and outputs and its fallback, against a stand-in interpreter."""

import enum
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from livematte.engines import open_engine
from livematte.engines.litert import LiteRtEngine
from livematte.errors import DeviceError, MissingExtra, ModelError
from livematte.spec import ModelSpec

SPEC = ModelSpec("q", 4, 4, layout="nhwc")
SCALE, ZERO = 1 / 255, -128


class Resolver(enum.Enum):
    AUTO = 0
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3


class RedPlane:
    """An interpreter of a model that answers with the red plane, in int8 as it came."""

    refuse: tuple[Resolver, ...] = ()
    opened: Resolver

    def __init__(
        self,
        *,
        model_content: bytes,
        num_threads: int | None,
        experimental_op_resolver_type: Resolver,
    ) -> None:
        type(self).opened = experimental_op_resolver_type

    def allocate_tensors(self) -> None:
        if type(self).opened in self.refuse:
            raise RuntimeError(f"{type(self).opened.name} does not take this")

    def get_input_details(self) -> list[dict[str, object]]:
        shape = np.array([1, 4, 4, 3])
        return [{"index": 0, "shape": shape, "dtype": np.int8, "quantization": (SCALE, ZERO)}]

    def get_output_details(self) -> list[dict[str, object]]:
        return [{"index": 1, "dtype": np.int8, "quantization": (SCALE, ZERO)}]

    def set_tensor(self, index: int, value: np.ndarray) -> None:
        assert value.dtype == np.int8
        self.value = value

    def invoke(self) -> None:
        pass

    def get_tensor(self, index: int) -> np.ndarray:
        return self.value[..., 0].reshape(1, 16)


@pytest.fixture
def interpreter(monkeypatch: pytest.MonkeyPatch) -> type[RedPlane]:
    module = ModuleType("ai_edge_litert.interpreter")
    fresh = type("Fresh", (RedPlane,), {})
    module.__dict__.update(Interpreter=fresh, OpResolverType=Resolver)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", SimpleNamespace(interpreter=module))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", module)
    return fresh


def test_integers_go_through_scale_and_zero_point(interpreter: type[RedPlane]) -> None:
    engine = LiteRtEngine(Path("q.tflite"), b"", SPEC)
    image = np.zeros((4, 4, 3), np.float32)
    image[..., 0] = np.linspace(0, 1, 16).reshape(4, 4)
    np.testing.assert_allclose(engine.run(image), image[..., 0], atol=0.5 / 255 + 1e-6)
    assert interpreter.opened is Resolver.AUTO


def test_what_the_delegate_refuses_runs_without_it(interpreter: type[RedPlane]) -> None:
    interpreter.refuse = (Resolver.AUTO,)
    LiteRtEngine(Path("q.tflite"), b"", SPEC)
    assert interpreter.opened is Resolver.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def test_files_are_opened_silently(
    interpreter: type[RedPlane], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    greeting = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
    monkeypatch.setattr(
        interpreter, "allocate_tensors", lambda self: os.write(2, greeting.encode())
    )
    LiteRtEngine(Path("q.tflite"), b"", SPEC)
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_what_nothing_takes_is_a_model_error(interpreter: type[RedPlane]) -> None:
    interpreter.refuse = tuple(Resolver)
    with pytest.raises(ModelError, match=r"q\.tflite.*AUTO does not take this"):
        LiteRtEngine(Path("q.tflite"), b"", SPEC)


def test_a_spec_of_another_shape(interpreter: type[RedPlane]) -> None:
    with pytest.raises(ModelError, match=r"takes \(1, 4, 4, 3\)"):
        LiteRtEngine(Path("q.tflite"), b"", ModelSpec("q", 8, 8, layout="nhwc"))


def test_integers_without_a_scale(
    interpreter: type[RedPlane], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = [{"index": 1, "dtype": np.uint8, "quantization": (0.0, 0)}]
    monkeypatch.setattr(interpreter, "get_output_details", lambda self: output)
    with pytest.raises(ModelError, match=r"q\.tflite.*without a scale"):
        LiteRtEngine(Path("q.tflite"), b"", SPEC)


def test_no_spec_and_no_gpu(interpreter: type[RedPlane]) -> None:
    with pytest.raises(ModelError, match="--spec"):
        LiteRtEngine(Path("q.tflite"), b"", None)
    with pytest.raises(DeviceError, match="CPU"):
        LiteRtEngine(Path("q.tflite"), b"", SPEC, device="cuda")


def test_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    (tmp_path / "q.tflite").write_bytes(b"TFL3")
    with pytest.raises(MissingExtra, match=r"livematte\[litert\]"):
        open_engine(tmp_path / "q.tflite", spec=SPEC)
