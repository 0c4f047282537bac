"""Operator by operator, what the Edge TPU's compiler documents that it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from livematte.errors import ModelError
from livematte.export.edgetpu_check import check_edgetpu

Run = Callable[..., tuple[int, str, str]]

INT8, INT32, FLOAT = schema.TensorType.INT8, schema.TensorType.INT32, schema.TensorType.FLOAT32
SHAPE = (1, 8, 8, 4)


def file_of(
    *operators: tuple[str, dict[str, object]],
    shape: tuple[int, ...] = SHAPE,
    kind: int = INT8,
    constants: tuple[np.ndarray, ...] = (),
    signature: list[int] | None = None,
) -> bytes:
    """A chain of operators on tensors of one shape, each with the same further constants."""
    buffers = [schema.BufferT()]
    tensors = [_tensor(b"input", shape, kind, signature)]
    further = []
    for constant in constants:
        buffers.append(schema.BufferT(data=np.frombuffer(constant.tobytes(), np.uint8)))
        further.append(len(tensors))
        type_of = INT32 if constant.dtype == np.int32 else INT8
        tensors.append(_tensor(b"constant", constant.shape, type_of, None))
        tensors[-1].buffer = len(buffers) - 1
    codes, chain, last = [], [], 0
    for name, options in operators:
        builtin = getattr(schema.BuiltinOperator, name)
        codes.append(schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=builtin))
        tensors.append(_tensor(f"{name.lower()}:0".encode(), shape, kind, signature))
        kind_of = options.pop("options", None)
        chosen = getattr(schema, f"{kind_of}T")() if kind_of else None
        for key, value in options.items():
            setattr(chosen, key, value)
        chain.append(
            schema.OperatorT(
                opcodeIndex=len(codes) - 1,
                inputs=[last, *further],
                outputs=[len(tensors) - 1],
                builtinOptions=chosen,
                builtinOptionsType=getattr(schema.BuiltinOptions, kind_of) if kind_of else 0,
            )
        )
        last = len(tensors) - 1
    graph = schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[last], operators=chain)
    model = schema.ModelT(
        version=3, operatorCodes=codes, subgraphs=[graph], buffers=buffers, metadata=[]
    )
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _tensor(
    name: bytes, shape: tuple[int, ...], kind: int, signature: list[int] | None
) -> schema.TensorT:
    return schema.TensorT(
        name=name, shape=list(shape), type=kind, buffer=0, shapeSignature=signature
    )


def reasons(content: bytes) -> list[str | None]:
    return [o.reason for o in check_edgetpu(content, Path("m.tflite")).operators]


def test_all_on_the_list() -> None:
    content = file_of(
        ("CONV_2D", {"options": "Conv2DOptions", "fusedActivationFunction": 1}),
        ("RESIZE_BILINEAR", {"options": "ResizeBilinearOptions"}),
        ("LOGISTIC", {}),
        constants=(np.zeros(SHAPE, np.int8), np.zeros(4, np.int32)),
    )
    report = check_edgetpu(content, Path("m.tflite"))
    assert [operator.name for operator in report.operators] == [
        "CONV_2D",
        "RESIZE_BILINEAR",
        "LOGISTIC",
    ]
    assert report.falling_back == ()
    assert report.on_device == 3
    assert report.operators[1].doubt is not None
    assert report.lines()[-1] == "all 3 operators are on the documented list"


def test_weights_have_four_axes() -> None:
    weights = np.zeros((16, 3, 3, 4), np.int8)
    convolution = ("CONV_2D", {"options": "Conv2DOptions"})
    assert reasons(file_of(convolution, constants=(weights, np.zeros(16, np.int32)))) == [None]


def test_what_follows_a_refused_one_falls_back_too() -> None:
    report = check_edgetpu(
        file_of(("RELU", {}), ("HARD_SWISH", {}), ("RELU", {})), Path("m.tflite")
    )
    assert [o.name for o in report.falling_back] == ["HARD_SWISH"]
    assert report.falling_back[0].output == "hard_swish:0"
    assert report.on_device == 1
    first, second, third, last = report.lines()
    assert first.endswith("device")
    assert second.endswith("processor: not on the list")
    assert third.endswith("processor, being behind one")
    assert last.startswith("2 of 3 operators are on the documented list; 1 run before")


def test_floats_and_free_sizes() -> None:
    assert reasons(file_of(("RELU", {}), kind=FLOAT)) == ["float32, not an integer of 8 bits"]
    assert reasons(file_of(("RELU", {}), signature=[1, -1, 8, 4])) == ["its size is not fixed"]
    assert reasons(file_of(("RELU", {}), shape=(2, 8, 8, 4))) == [
        "more than three axes are used: (2, 8, 8, 4)"
    ]


@pytest.mark.parametrize(
    ("operator", "options", "constants", "reason"),
    [
        ("CONV_2D", {"options": "Conv2DOptions", "dilationWFactor": 2}, (), "dilated by 1 and 2"),
        (
            "AVERAGE_POOL_2D",
            {"options": "Pool2DOptions", "fusedActivationFunction": 3},
            (),
            "an activation is fused into it",
        ),
        ("MEAN", {}, (np.int32([1, 2]),), None),
        ("MEAN", {}, (np.int32([0]),), "reduces the batch"),
        ("PAD", {}, (np.int32([[0, 0], [1, 1], [1, 1], [0, 0]]),), None),
        ("PAD", {}, (np.int32([[1, 0], [0, 0], [0, 0], [0, 0]]),), "pads the batch"),
        ("PRELU", {}, (np.zeros((1, 1, 4), np.int8),), None),
        ("PRELU", {}, (np.zeros((8, 8, 4), np.int8),), "slopes along several axes: (8, 8, 4)"),
        ("SOFTMAX", {}, (), "over several axes: (1, 8, 8, 4)"),
        (
            "CONCATENATION",
            {"options": "ConcatenationOptions"},
            (np.ones(SHAPE, np.int8),),
            "a constant that is not zero-padding of one input",
        ),
        (
            "STRIDED_SLICE",
            {"options": "StridedSliceOptions"},
            (np.int32([0] * 4), np.int32([1, 8, 8, 4]), np.int32([1, 2, 2, 1])),
            "takes steps larger than 1",
        ),
    ],
)
def test_limits_of_the_list(
    operator: str,
    options: dict[str, object],
    constants: tuple[np.ndarray, ...],
    reason: str | None,
) -> None:
    assert reasons(file_of((operator, dict(options)), constants=constants)) == [reason]


@pytest.mark.parametrize("content", [b"", b"<html>" * 9, b"\x08\0\0\0TFL3" + b"\xff" * 99])
def test_other_files(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"m\.tflite: not a LiteRT file"):
        check_edgetpu(content, Path("m.tflite"))


def test_the_command(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(file_of(("RELU", {})))
    code, out, err = run("export", path, "--to", "edgetpu")
    assert (code, out.splitlines()[-1]) == (0, "all 1 operators are on the documented list"), err
    path.write_bytes(file_of(("RELU", {}), ("ELU", {})))
    code, out, err = run("export", path, "--to", "edgetpu")
    assert code == 4
    assert "ELU" in out
    assert "1 operator would fall back" in err
    code, _, err = run("export", "livematte", "--to", "edgetpu")
    assert code == 2
    assert "static needs --calibration FOLDER" in err
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.tflite"]
