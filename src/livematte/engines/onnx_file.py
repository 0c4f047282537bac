"""Whether an ONNX file keeps weights outside itself, told without the onnx package.

A walk over the file's protobuf fields that can lead to a tensor. A file that names other files
could read anything its runtime can open, so livematte runs self-contained files only.
"""

from __future__ import annotations

from collections.abc import Iterator

from livematte.errors import ModelError

__all__ = ["has_external_data"]

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
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 64


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
