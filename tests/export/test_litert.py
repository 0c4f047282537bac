"""LiteRT files: what is in them, beyond what holds for every target."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils

from livematte.engines import open_engine
from livematte.errors import MissingExtra, ModelError, UsageError
from livematte.export.exporter import export_model
from livematte.export.litert import halve_weights
from livematte.export.targets import TARGETS
from livematte.networks.base import Network, NetworkOutput
from livematte.spec import ModelSpec


class Bessel(Network):
    """LiteRT has no Bessel function."""

    default_size: ClassVar[tuple[int, int]] = (32, 32)

    def __init__(self) -> None:
        super().__init__()
        self.odd = Odd()

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        return NetworkOutput(self.odd(x))


class Odd(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(x[:, :1])


def test_a_video_network_lies_flat_and_carries_its_spec(
    tmp_path: Path, small_with_prior: Network, spec: ModelSpec, photo: np.ndarray
) -> None:
    path = tmp_path / "model.tflite"
    report = export_model(
        small_with_prior, replace(spec, prior=True), path, target="litert", flat=True
    )
    runner = Interpreter(str(path)).get_signature_runner()
    inputs = {name: list(detail["shape"]) for name, detail in runner.get_input_details().items()}
    assert inputs == {"image": [1, 96, 64, 3], "prior": [1, 96, 64, 1]}
    outputs = {name: list(detail["shape"]) for name, detail in runner.get_output_details().items()}
    assert outputs == {"alpha": [1, 96 * 64]}

    model = flatbuffer_utils.read_model_from_bytearray(path.read_bytes())
    names = [bytes(tensor.name).decode() for tensor in model.subgraphs[0].tensors]
    assert len(set(names)) == len(names)
    assert not any("livematte." in name for name in names)  # long names of modules and classes

    path.with_suffix(".json").unlink()
    engine = open_engine(path, threads=1)
    assert engine.spec == replace(report.spec, sha256=None)
    prior = np.linspace(0, 1, 96 * 64, dtype=np.float32).reshape(96, 64)
    inputs = [torch.from_numpy(x.copy())[None] for x in (photo.transpose(2, 0, 1), prior[None])]
    with torch.no_grad():
        wanted = torch.sigmoid(small_with_prior(*inputs).mask)[0, 0].numpy()
    np.testing.assert_allclose(engine.run(photo, prior), wanted, atol=1e-5)


def test_large_weights_take_half_the_room() -> None:
    """A constant of 32-bit floats that a graph adds to its input, before and after."""
    weights = np.linspace(-3, 3, 8192, dtype=np.float32).reshape(1, 8192)
    bias = np.float32([0.1])
    before = _sum_of(weights, bias)
    after = halve_weights(before)
    assert len(after) < len(before) - weights.nbytes // 2 + 1000
    model = flatbuffer_utils.read_model_from_bytearray(after)
    stored = {bytes(t.name): t.type for t in model.subgraphs[0].tensors}
    assert stored[b"weights.fp16"] == schema.TensorType.FLOAT16
    assert b"bias.fp16" not in stored
    interpreter = Interpreter(model_content=after)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.zeros_like(weights))
    interpreter.invoke()
    answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_array_equal(answer, weights.astype(np.float16).astype(np.float32) + bias)


def _sum_of(*constants: np.ndarray) -> bytes:
    """A LiteRT file that adds each constant to its input, of the first one's shape."""
    names = [b"weights", b"bias"]
    shape = list(constants[0].shape)
    buffers = [schema.BufferT()]
    tensors = [schema.TensorT(shape=shape, name=b"input", buffer=0)]
    operators = []
    for name, constant in zip(names, constants, strict=True):
        buffers.append(schema.BufferT(data=constant.reshape(-1).view(np.uint8)))
        tensors.append(
            schema.TensorT(shape=list(constant.shape), name=name, buffer=len(buffers) - 1)
        )
        tensors.append(schema.TensorT(shape=shape, name=name + b".sum", buffer=0))
        last = len(tensors)
        previous = 0 if len(operators) == 0 else last - 3
        operators.append(
            schema.OperatorT(
                opcodeIndex=0,
                inputs=[previous, last - 2],
                outputs=[last - 1],
                builtinOptionsType=schema.BuiltinOptions.AddOptions,
                builtinOptions=schema.AddOptionsT(),
            )
        )
    graph = schema.SubGraphT(
        tensors=tensors, inputs=[0], outputs=[len(tensors) - 1], operators=operators
    )
    model = schema.ModelT(
        version=3,
        operatorCodes=[schema.OperatorCodeT(version=1)],
        subgraphs=[graph],
        buffers=buffers,
        metadata=[],
    )
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def test_an_unknown_operator_is_named_with_its_layer(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"to LiteRT: operator .*bessel_j0.* in layer odd"):
        export_model(
            Bessel().eval(), ModelSpec("bessel", 32, 32), tmp_path / "m.tflite", target="litert"
        )
    assert list(tmp_path.iterdir()) == []


def test_flat_is_for_litert(tmp_path: Path, small: Network, spec: ModelSpec) -> None:
    with pytest.raises(UsageError, match="ONNX files have no flat output"):
        export_model(small, spec, tmp_path / "model.onnx", flat=True)


@pytest.mark.parametrize(
    ("target", "package", "extra"),
    [
        ("litert", "litert_torch", "litert-export"),
        ("mediapipe", "litert_torch", "litert-export"),
        ("coreml", "coremltools", "coreml"),
    ],
)
def test_the_converter_is_an_extra(
    target: str,
    package: str,
    extra: str,
    tmp_path: Path,
    small: Network,
    spec: ModelSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{package}.*livematte\[{extra}\]"):
        export_model(small, spec, tmp_path / f"m{TARGETS[target].suffix}", target=target)
    assert list(tmp_path.iterdir()) == []
