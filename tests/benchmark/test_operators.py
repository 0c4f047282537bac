"""Times by operator: what they sum to, and that each runtime's profile names the layers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils

from livematte.benchmark.operators import LayerTime, OperatorReport, summarise, to_markdown
from livematte.benchmark.profile_litert import cut_operators
from livematte.benchmark.profile_onnxruntime import read_profile
from livematte.benchmark.profiling import profile
from livematte.errors import ModelError, UsageError

Run = Callable[..., tuple[int, str, str]]

LAYERS = (
    LayerTime("stem", "Conv", 3.0, 8.0),
    LayerTime("up", "Resize", 5.0, 2.0),
    LayerTime("head", "Conv", 2.0, 1.0),
    LayerTime("free", "Reshape", 0.0),
)


def test_types_are_ranked_and_shares_add_up() -> None:
    types = summarise(LAYERS)
    assert [(t.kind, t.count, t.ms, t.memory_kb) for t in types] == [
        ("Conv", 2, 5.0, 9.0),
        ("Resize", 1, 5.0, 2.0),
        ("Reshape", 1, 0.0, None),
    ]
    assert [t.cumulative for t in types] == pytest.approx([0.5, 1.0, 1.0])


def test_the_tables() -> None:
    report = OperatorReport("net", "a tool", 7, 11.0, LAYERS)
    text = to_markdown(report, slowest=2)
    assert "sum of operators 10.000 ms, whole run 11.000 ms" in text
    assert "| Conv | 2 | 5.000 | 50.0 | 50.0 | 9.0 |" in text
    assert text.index("| up |") < text.index("| stem |")
    assert "head" not in text


def test_layers_that_took_no_time() -> None:
    assert [t.share for t in summarise([LayerTime("a", "A", 0.0)])] == [0.0]


def test_onnx_runtime_profile_counts_the_last_runs_only() -> None:
    def node(ts: int, dur: int, name: str) -> dict[str, object]:
        facts = {"op_name": "Conv", "output_size": "4000"}
        return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": facts}

    def whole(ts: int, dur: int) -> dict[str, object]:
        return {"cat": "Session", "name": "model_run", "ts": ts, "dur": dur, "args": {}}

    events = [
        node(10, 900, "a"),
        whole(0, 1000),
        node(2010, 200, "a"),
        node(2300, 100, "b"),
        whole(2000, 500),
        node(3010, 400, "a"),
        node(3500, 300, "b"),
        whole(3000, 900),
    ]
    total, layers = read_profile(events, 2)
    assert total == pytest.approx(0.7)
    assert layers == (
        LayerTime("a", "Conv", pytest.approx(0.3), 4.0),
        LayerTime("b", "Conv", pytest.approx(0.2), 4.0),
    )


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_model_by_its_runtime(engine: str, red_model: Path) -> None:
    report = profile(red_model, engine, runs=2, warmup=1)
    assert report.model == "red"
    assert any("Conv" in layer.kind for layer in report.layers)
    assert all(layer.ms >= 0 for layer in report.layers)
    assert report.whole_ms is not None
    assert report.whole_ms > 0


def test_engines_without_profiler(red_model: Path) -> None:
    with pytest.raises(UsageError, match="no profiler for torch"):
        profile(red_model, "torch")


def test_a_file_of_another_engine(red_model: Path) -> None:
    with pytest.raises(ModelError, match="not a model file of litert"):
        profile(red_model, "litert")


def test_the_command(run: Run, red_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "ops.json"
    code, out, err = run("bench", "ops", red_model, "--runs", 2, "--json", target)
    assert code == 0, err
    assert "| node type | count | avg ms |" in out
    report = json.loads(target.read_text(encoding="utf-8"))
    assert sum(t["share"] for t in report["types"]) == pytest.approx(1.0)


def litert_file() -> bytes:
    """``exp(image) + widened constant``, whose constant a DEQUANTIZE widens from 16 bits."""
    codes = schema.BuiltinOperator
    kinds = schema.TensorType

    def tensor(name: str, kind: int, buffer: int = 0) -> object:
        return schema.TensorT(shape=[1, 4, 4, 3], type=kind, buffer=buffer, name=name.encode())

    def operator(code: int, inputs: list[int], output: int) -> object:
        return schema.OperatorT(opcodeIndex=code, inputs=inputs, outputs=[output])

    model = schema.ModelT(version=3)
    model.operatorCodes = [
        schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=version)
        for code, version in ((codes.DEQUANTIZE, 2), (codes.EXP, 1), (codes.ADD, 1))
    ]
    half = np.full(48, 2, np.float16).view(np.uint8)
    model.buffers = [schema.BufferT(), schema.BufferT(data=half)]
    add = operator(2, [2, 3], 4)
    add.builtinOptionsType = schema.BuiltinOptions.AddOptions
    add.builtinOptions = schema.AddOptionsT()
    graph = schema.SubGraphT(
        tensors=[
            tensor("image", kinds.FLOAT32),
            tensor("half", kinds.FLOAT16, 1),
            tensor("whole", kinds.FLOAT32),
            tensor("exp", kinds.FLOAT32),
            tensor("sum", kinds.FLOAT32),
        ],
        inputs=[0],
        outputs=[4],
        operators=[operator(0, [1], 2), operator(1, [0], 3), add],
    )
    model.subgraphs = [graph]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def test_litert_operators_are_cut_out_with_their_constants() -> None:
    pieces = cut_operators(Path("two.tflite"), litert_file())
    assert [(name, kind, size) for name, kind, _, size in pieces] == [
        ("exp", "EXP", 0.192),
        ("sum", "ADD", 0.192),
    ]
    for (_, _, content, _), wanted in zip(pieces, (np.e, 3.0), strict=True):
        interpreter = Interpreter(model_content=content)
        interpreter.allocate_tensors()
        (given,) = interpreter.get_input_details()
        interpreter.set_tensor(given["index"], np.ones((1, 4, 4, 3), np.float32))
        interpreter.invoke()
        answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        np.testing.assert_allclose(answer, wanted, rtol=1e-5)
