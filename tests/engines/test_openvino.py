"""OpenVINO's own: the two files of a model, precisions, devices."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest

from livematte.engines import open_engine
from livematte.engines.openvino import WEIGHTS_KEY
from livematte.errors import DeviceError, MissingExtra, ModelError
from livematte.spec import METADATA_KEY, ModelSpec


@pytest.fixture
def ir(red_model: Path, tmp_path: Path) -> Path:
    """A model of two files, bound to each other."""
    path = tmp_path / "red.xml"
    graph = openvino.Core().read_model(red_model)
    openvino.serialize(graph, path)
    digest = hashlib.sha256(path.with_suffix(".bin").read_bytes()).hexdigest()
    graph.set_rt_info(digest, [WEIGHTS_KEY])
    graph.set_rt_info(ModelSpec("red", 64, 64).to_json(), [METADATA_KEY])
    openvino.serialize(graph, path)
    return path


def image() -> np.ndarray:
    return np.random.default_rng(0).random((64, 64, 3), np.float32)


def test_both_kinds_of_file_answer_alike(ir: Path, red_model: Path) -> None:
    wanted = open_engine(red_model).run(image())
    for path in (ir, red_model):
        found = open_engine(path, engine="openvino").run(image())
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_weights_that_are_missing_or_anothers(ir: Path) -> None:
    weights = ir.with_suffix(".bin")
    content = weights.read_bytes()
    weights.write_bytes(content[::-1])
    with pytest.raises(ModelError, match=r"red\.bin: not the weights that belong to red\.xml"):
        open_engine(ir)
    weights.unlink()
    with pytest.raises(ModelError, match=r"red\.bin: the weights beside an \.xml"):
        open_engine(ir)


def test_shorter_types_are_taken_only_when_asked_for(
    red_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []
    real = openvino.Core.compile_model

    def listen(self: object, graph: object, device: str, options: dict[str, object]) -> object:
        asked.append(options)
        return real(self, graph, device, options)

    monkeypatch.setattr(openvino.Core, "compile_model", listen)
    open_engine(red_model, engine="openvino", threads=1)
    assert asked[-1]["INFERENCE_PRECISION_HINT"] == "f32"
    assert asked[-1]["INFERENCE_NUM_THREADS"] == 1
    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    for precision in ("bf16", "fp16"):
        if precision.upper() in able:
            engine = open_engine(red_model, engine="openvino", precision=precision)
            assert asked[-1]["INFERENCE_PRECISION_HINT"] == precision.replace("fp", "f")
            np.testing.assert_allclose(
                engine.run(image()), open_engine(red_model).run(image()), atol=0.05
            )
        else:
            with pytest.raises(DeviceError, match=f"does not compute in {precision}"):
                open_engine(red_model, engine="openvino", precision=precision)


def test_a_device_that_is_not_there(red_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino.Core, "available_devices", ["CPU"])
    for device in ("gpu", "npu"):
        with pytest.raises(DeviceError, match=f"{device.upper()} was asked for"):
            open_engine(red_model, engine="openvino", device=device)


def test_not_installed(red_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r"livematte\[openvino\]"):
        open_engine(red_model, engine="openvino")


def test_ctrl_c_after_engines_that_went_in_another_order(red_model: Path) -> None:
    """On processors with AMX it was a segmentation fault; in a process of its own for that."""
    code = f"""
import gc, os, signal, time
import numpy as np
from livematte.segmenter import load
signal.signal(signal.SIGINT, signal.default_int_handler)
def start():
    segmenter = load({str(red_model)!r}, engine="openvino")
    segmenter.segment(np.zeros((8, 8, 3), np.uint8))
    return segmenter
first = start()
second = start()
del first
gc.collect()
del second
gc.collect()
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
except KeyboardInterrupt:
    print("interrupted")
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (0, "interrupted\n"), answer.stderr
