"""What an ONNX file says about itself, and whether it keeps weights outside, without onnx.

A walk over the file's protobuf fields, before any runtime sees it. A file that names other files
could read anything its runtime can open, so livematte runs self-contained files only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from livematte.errors import ModelError
from livematte.spec import METADATA_KEY

__all__ = ["check_onnx", "has_external_data", "read_embedded_spec"]

# Message → field number → message, after onnx.proto (ONNX IR version 13).
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_METADATA, _KEY, _VALUE = 14, 1, 2  # of the model, and of one entry
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 64


def check_onnx(path: Path, model: bytes) -> None:
    """Refuse what is no ONNX file, and one that keeps weights in other files.

    Raises:
        ModelError: saying which of both, and what to do.
    """
    try:
        external = has_external_data(model)
    except ModelError as error:
        raise ModelError(f"{path}: {error}; download or export it again") from error
    if external:
        raise ModelError(
            f"{path}: keeps weights in other files, which livematte does not open; "
            "save the model as one file"
        )


def read_embedded_spec(model: bytes) -> str | None:
    """The JSON text of the spec inside an ONNX file; None where there is none.

    Raises:
        ModelError: ``model`` is not a protobuf message.
    """
    try:
        for number, _, entry in _fields(memoryview(model)):
            if number == _METADATA and isinstance(entry, memoryview):
                pair = {n: v for n, _, v in _fields(entry) if isinstance(v, memoryview)}
                if bytes(pair.get(_KEY, b"")) == METADATA_KEY.encode():
                    return bytes(pair.get(_VALUE, b"")).decode("utf-8")
    except (IndexError, ValueError) as error:
        raise ModelError(f"not an ONNX file ({error})") from error
    return None


def has_external_data(model: bytes) -> bool:
    """Whether any tensor of an ONNX file lies in another file.

    Raises:
        ModelError: ``model`` is not a protobuf message.
    """
    try:
        return _external(memoryview(model), "model", 0)
    except (IndexError, ValueError) as error:
        raise ModelError(f"not an ONNX file ({error})") from error


def _external(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise ValueError("graphs nested too deep")
    children = _CHILDREN[kind]
    for number, wire, value in _fields(message):
        if kind == "tensor" and number == _EXTERNAL_DATA:
            return True
        if kind == "tensor" and number == _DATA_LOCATION and value == 1:
            return True
        if wire == _BYTES and number in children:
            assert isinstance(value, memoryview)
            if _external(value, children[number], depth + 1):
                return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Field number, wire type and value of every field of a message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, wire, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > len(message):
            raise ValueError("a field ends after its message")
        yield number, wire, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number of more than 64 bits")
