"""Opening and running ONNX files, good and bad."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

from livematte.engines import open_engine
from livematte.engines.onnx_file import has_external_data
from livematte.errors import DeviceError, ModelError, UsageError
from livematte.spec import ModelSpec

MakeModel = Callable[..., Path]


def test_runs_with_the_embedded_spec(red_model: Path) -> None:
    engine = open_engine(red_model, threads=1)
    assert (engine.name, engine.device, engine.threads) == ("onnxruntime", "cpu", 1)
    image = np.zeros((64, 64, 3), np.float32)
    image[:32, :, 0] = 1
    matte = engine.run(image)
    assert matte.shape == (64, 64)
    assert matte[:32].min() == 1
    assert matte[32:].max() == 0.5


def test_the_json_beside_it_serves_a_file_without_a_spec(
    make_model: MakeModel, tmp_path: Path
) -> None:
    engine = open_engine(make_model(tmp_path / "m.onnx", embed=False, sidecar=True))
    assert engine.spec.name == "red"


def test_float16_inputs(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("image", TensorProto.FLOAT16, [1, 3, 8, 8])
    answer = helper.make_tensor_value_info("alpha", TensorProto.FLOAT16, None)
    node = helper.make_node("ReduceMean", ["image"], ["alpha"], axes=[1])
    model = helper.make_model(
        helper.make_graph([node], "half", [value], [answer]),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    model.ir_version = 8
    onnx.save(model, tmp_path / "half.onnx")
    engine = open_engine(tmp_path / "half.onnx", spec=ModelSpec("half", 8, 8))
    assert engine.run(np.full((8, 8, 3), 0.5, np.float32))[0, 0] == 0.5


def test_another_digest_is_refused(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(tmp_path / "m.onnx", sidecar=True)
    make_model(model, gain=3.0)
    with pytest.raises(ModelError, match="not the file its spec describes"):
        open_engine(model)


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((1, 3, 8, 8), np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("Mul", ["image", "weight"], ["alpha"])],
        "outside",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, None)],
        [weight],
    )
    model = helper.make_model(graph)
    path = tmp_path / "outside.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(ModelError, match="keeps weights in other files"):
        open_engine(path, spec=ModelSpec("outside", 8, 8))


def test_weights_in_other_files_are_found_in_nested_graphs() -> None:
    tensor = TensorProto(name="w", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    inner = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "b", [], [], [tensor])
    node = helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    outer = helper.make_model(helper.make_graph([node], "a", [], []))
    assert has_external_data(outer.SerializeToString())
    tensor.data_location = TensorProto.DEFAULT
    inner = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "b", [], [], [tensor])
    node = helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    outer = helper.make_model(helper.make_graph([node], "a", [], []))
    assert not has_external_data(outer.SerializeToString())


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff" * 400, b"\x3a\x7f"])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged\.onnx"):
        open_engine(path, spec=ModelSpec("any", 8, 8))


def test_a_file_cut_short(red_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.onnx"
    path.write_bytes(red_model.read_bytes()[:200])
    with pytest.raises(ModelError, match=r"short\.onnx"):
        open_engine(path)


def test_a_spec_of_another_size(red_model: Path) -> None:
    with pytest.raises(ModelError, match=r"takes \(\?, 3, 64, 64\), its spec says"):
        open_engine(red_model, spec=ModelSpec("wrong", 32, 32))


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing.onnx", "no such model"), ("net.ckpt", "no such model"), ("dir.onnx", "read")],
)
def test_paths_that_are_no_models(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "dir.onnx").mkdir()
    with pytest.raises(ModelError, match=message):
        open_engine(tmp_path / name)


def test_a_device_that_cannot_be_had(red_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    for device in ("cuda", "directml", "coreml"):
        with pytest.raises(DeviceError, match=f"{device} was asked for.*no provider"):
            open_engine(red_model, device=device)


def test_a_silent_fallback_is_an_error(
    red_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = onnxruntime.InferenceSession

    def falls_back(model: bytes, options: object, providers: list[str], **_: object) -> object:
        return real(model, options, providers=["CPUExecutionProvider"])

    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    monkeypatch.setattr(onnxruntime, "InferenceSession", falls_back)
    with pytest.raises(DeviceError, match="fell back"):
        open_engine(red_model, device="cuda")
    assert open_engine(red_model, device="auto").device == "cpu"
    assert "cuda is offered, but ONNX Runtime fell back to the CPU" in caplog.text


def test_a_provider_that_takes_nothing_is_an_error(
    red_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = onnxruntime.InferenceSession

    class Idle:
        """A session whose provider was registered and left every node to the CPU."""

        def __init__(self, model: bytes, options: object, providers: list[str], **_: object):
            self._session = real(model, options, providers=["CPUExecutionProvider"])
            self._providers = providers

        def get_providers(self) -> list[str]:
            return self._providers

        def __getattr__(self, name: str) -> object:
            return getattr(self._session, name)

    offered = ["CoreMLExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Idle)
    with pytest.raises(DeviceError, match="coreml was asked for, but it takes no part"):
        open_engine(red_model, device="coreml")
    assert open_engine(red_model).device == "cpu"
    assert "cuda is offered, but it takes no part" in caplog.text


def test_a_provider_that_does_not_open_is_the_devices_fault(
    red_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = onnxruntime.InferenceSession

    def refuses(model: bytes, options: object, providers: list[str], **rest: object) -> object:
        if "CUDAExecutionProvider" in providers:
            raise RuntimeError("no device")
        return real(model, options, providers=providers, **rest)

    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    monkeypatch.setattr(onnxruntime, "InferenceSession", refuses)
    with pytest.raises(DeviceError, match="fell back"):
        open_engine(red_model, device="cuda")
    assert open_engine(red_model, device="auto").device == "cpu"


def test_a_device_that_fails_in_a_run_is_not_replaced(
    red_model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = open_engine(red_model)

    class Lost:
        """Below the runtime's Python layer, where a fallback would take over."""

        def __init__(self, session: object) -> None:
            self._session = session

        def run(self, *_: object) -> None:
            raise EPFail("the device is lost")

        def __getattr__(self, name: str) -> object:
            return getattr(self._session, name)

    monkeypatch.setattr(engine._session, "_sess", Lost(engine._session._sess))
    with pytest.raises(DeviceError, match="the device is lost"):
        engine.run(np.zeros((64, 64, 3), np.float32))
    assert capfd.readouterr().out == ""


def test_calls_that_cannot_be(red_model: Path) -> None:
    for options in (
        {"engine": "abacus"},
        {"device": "toaster"},
        {"threads": 0},
        {"threads": 10**5},
    ):
        with pytest.raises(UsageError):
            open_engine(red_model, **options)
