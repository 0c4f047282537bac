"""The folders for TensorRT and DeepStream: what is in them; nothing of NVIDIA runs here."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest
from onnx import TensorProto

from livematte.export import build_engine
from livematte.export.deepstream import CONFIGURATION, LABELS
from livematte.export.exporter import export_model
from livematte.networks.base import Network
from livematte.spec import ModelSpec, file_digest

# The group "property" of Gst-nvinfer, as far as a segmentation of whole frames goes.
NVINFER_KEYS = set(
    """
gpu-id gie-unique-id process-mode interval batch-size onnx-file model-engine-file labelfile-path
network-mode infer-dims net-scale-factor model-color-format network-input-order
maintain-aspect-ratio symmetric-padding scaling-filter network-type num-detected-classes
segmentation-threshold segmentation-output-order output-blob-names output-tensor-meta
""".split()  # noqa: SIM905
)


def test_deepstream_reads_what_the_model_takes(
    tmp_path: Path, small: Network, spec: ModelSpec
) -> None:
    letterbox = replace(spec, fit="letterbox")
    export_model(small, letterbox, tmp_path, target="deepstream", precision="fp16")
    parser = configparser.ConfigParser(strict=True)
    parser.read_string((tmp_path / CONFIGURATION).read_text())
    assert parser.sections() == ["property"]
    found = dict(parser["property"])
    assert set(found) <= NVINFER_KEYS
    assert found["infer-dims"] == "3;96;64"
    assert found["network-type"] == "2"
    assert found["network-mode"] == "2"
    assert (found["maintain-aspect-ratio"], found["symmetric-padding"]) == ("1", "1")
    assert float(found["net-scale-factor"]) == pytest.approx(1 / 255, rel=1e-7)
    labels = (tmp_path / found["labelfile-path"]).read_text().split()
    assert len(labels) == int(found["num-detected-classes"]) == 1
    assert found["labelfile-path"] == LABELS
    model = onnx.load(tmp_path / found["onnx-file"])
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == [found["output-blob-names"]]


def test_half_is_computed_in_half(tmp_path: Path, small: Network, spec: ModelSpec) -> None:
    """TensorRT takes the types of the graph; the ends stay in 32 bits."""
    report = export_model(small, spec, tmp_path, target="tensorrt", precision="fp16")
    graph = onnx.load(report.path).graph
    kinds = {tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 4}
    assert kinds == {TensorProto.FLOAT16}
    for value in (*graph.input, *graph.output):
        assert value.type.tensor_type.elem_type == TensorProto.FLOAT


def test_tensorrt_says_how_to_build(
    tmp_path: Path, small_with_prior: Network, spec: ModelSpec
) -> None:
    video = replace(spec, prior=True)
    report = export_model(small_with_prior, video, tmp_path, target="tensorrt")
    line = next(note for note in report.notes if "trtexec" in note)
    assert "--onnx=small.onnx --saveEngine=small-gpu.engine --stronglyTyped" in line
    assert "--optShapes=image:1x3x96x64,prior:1x1x96x64" in line
    script = tmp_path / "build_engine.py"
    answer = subprocess.run(
        [sys.executable, "-I", script, "--help"], capture_output=True, text=True, check=True
    )
    assert "--adopt" in answer.stdout


def test_an_engine_that_trtexec_built_gets_its_spec(
    tmp_path: Path, small: Network, spec: ModelSpec
) -> None:
    export_model(small, spec, tmp_path, target="tensorrt")
    (tmp_path / "small-gpu.engine").write_bytes(b"plan")
    subprocess.run(
        [sys.executable, "-I", "build_engine.py", "small.onnx", "--adopt", "small-gpu.engine"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    beside = (tmp_path / "small-gpu.json").read_text("utf-8")
    found = ModelSpec.from_json(beside, source="beside")
    assert found == spec.with_digest(tmp_path / "small-gpu.engine")


def test_the_engine_is_built_where_tensorrt_is(
    tmp_path: Path, small: Network, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a stand-in of the builder, in the order that NVIDIA's documentation gives."""
    calls: list[object] = []

    class Recorder:
        num_inputs = 1
        num_errors = 0
        Logger = SimpleNamespace(WARNING=2)
        NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)

        def __getattr__(self, name: str) -> object:
            def call(*arguments: object) -> object:
                calls.append((name, arguments))
                answers = {
                    "parse": True,
                    "get_input": SimpleNamespace(name="image", shape=(-1, 3, 96, 64)),
                    "build_serialized_network": b"plan",
                }
                return answers.get(name, self)

            return call

    recorder = Recorder()
    Recorder.Logger = type("Logger", (), {"WARNING": 2, "__init__": lambda self, level: None})
    monkeypatch.setitem(sys.modules, "tensorrt", recorder)
    monkeypatch.setattr("livematte.export.tensorrt._can_build", lambda: True)
    report = export_model(small, spec, tmp_path, target="tensorrt")
    names = [name for name, _ in calls]
    assert ("create_network", (2,)) in calls
    assert names.index("parse") < names.index("add_optimization_profile")
    assert ("set_shape", ("image", *[(1, 3, 96, 64)] * 3)) in calls
    assert names[-1] == "build_serialized_network"
    engine = tmp_path / build_engine.engine_name("small")
    assert engine in report.files
    assert engine.read_bytes() == b"plan"
    assert json.loads(engine.with_suffix(".json").read_text())["sha256"] == file_digest(engine)


def test_no_engine_is_tried_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_engine.ctypes.util, "find_library", lambda name: None)
    assert not build_engine.gpu_is_there()
