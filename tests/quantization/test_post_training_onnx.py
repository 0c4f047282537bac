"""What is in quantised ONNX graphs, and what ONNX Runtime makes of them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from livematte.errors import ModelError
from livematte.quantization.onnx import quantise, quantise_weights

CHANNELS = 24


def chain(count: int) -> onnx.ModelProto:
    """Convolutions one after the other, and a sigmoid."""
    random = np.random.default_rng(0)
    nodes, constants, last = [], [], "image"
    for index in range(count):
        shape = (CHANNELS, 3 if index == 0 else CHANNELS, 3, 3)
        # one channel a hundred times as large: a scale for all would leave nothing of the others
        weight = random.normal(0, 0.1, shape).astype(np.float32)
        weight[0] *= 100
        constants.append(numpy_helper.from_array(weight, f"w{index}"))
        nodes.append(
            helper.make_node(
                "Conv", [last, f"w{index}"], [f"c{index}"], f"conv{index}", pads=[1] * 4
            )
        )
        last = f"c{index}"
    nodes.append(helper.make_node("Sigmoid", [last], ["alpha"], "sigmoid"))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, ["n", CHANNELS, 16, 16])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    return model


def run_as_optimised(model: onnx.ModelProto, folder: Path) -> onnx.GraphProto:
    """The graph that ONNX Runtime runs."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    return onnx.load(folder / "optimised.onnx").graph


def test_stored_weights_are_widened_once(tmp_path: Path) -> None:
    model = chain(3)
    before = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    quantise_weights(model)
    onnx.checker.check_model(model, full_check=True)
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    assert stored["w0"].dtype == np.float32  # of few numbers
    assert stored["w1.int8"].dtype == np.int8
    wide = stored["w1.int8"].astype(np.float32) * stored["w1.scale"]
    for channel in range(CHANNELS):
        most = np.abs(before["w1"][channel]).max()
        np.testing.assert_allclose(wide[channel], before["w1"][channel], atol=0.51 * most / 127)
    kinds = Counter(node.op_type for node in run_as_optimised(model, tmp_path).node)
    assert "Cast" not in kinds
    assert "Mul" not in kinds


def test_static_graphs_convolve_integers_between_floats(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    feeds = [{"image": random.random((1, 3, 16, 16), np.float32)} for _ in range(3)]
    model = quantise(chain(5), "static", feeds)
    made = {output: node for node in model.graph.node for output in node.output}
    rounded = {
        node.name for node in model.graph.node if node.op_type == "Conv" and node.input[1] in made
    }
    assert rounded == {"conv2", "conv3"}
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == ["alpha"]
    kinds = Counter(node.op_type for node in run_as_optimised(model, tmp_path).node)
    assert kinds["QLinearConv"] == 2


def test_openvino_runs_the_norms_that_no_convolution_takes_in(
    encoded: Callable[..., bytes], tmp_path: Path
) -> None:
    """It crashed in SINet's, so it runs in a process of its own."""
    photo, small = tmp_path / "pictures" / "photo.png", tmp_path / "small.onnx"
    photo.parent.mkdir()
    photo.write_bytes(encoded())
    # ranges of one picture are poor ones, and the mattes no matter here
    made = ("quantize", "sinet", "--calibration", photo.parent, "--tolerance", "1", "-o", small)
    used = ("image", photo, "--model", small, "--engine", "openvino", "-o", tmp_path / "cut.png")
    for words in (made, used):
        run = subprocess.run(
            [sys.executable, "-m", "livematte", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
    assert (tmp_path / "cut.png").is_file()


def test_what_the_quantiser_cannot_take_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="ONNX Runtime cannot quantise it"):
        quantise(chain(5), "static", [{"picture": np.zeros((1, 3, 16, 16), np.float32)}])
