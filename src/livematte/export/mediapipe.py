"""MediaPipe: the ``.tflite`` with the metadata that its ImageSegmenter task reads.

The tables and the numbers of their fields are those of the published schema of TensorFlow Lite
metadata (``metadata_schema.fbs``, file identifier M001). MediaPipe's own writer needs packages that
cannot be installed beside ours, and this is all that the task takes from it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

import flatbuffers
import numpy as np

from livematte.export.litert import add_metadata, convert
from livematte.export.targets import Built, Job
from livematte.spec import METADATA_KEY, ModelSpec

__all__ = ["LABELS", "METADATA_NAME", "build", "write_metadata"]

METADATA_NAME = "TFLITE_METADATA"
LABELS = "labels.txt"

_IDENTIFIER = b"M001"
_OLDEST_PARSER = "1.0.0"
# of the enums and unions
_IMAGE, _NORMALISATION, _AXIS_LABELS = 2, 1, 2
_RGB, _GREY = 1, 2


def build(job: Job) -> Built:
    """``NAME.tflite`` with both our spec and MediaPipe's metadata, and the label file inside."""
    content = add_metadata(
        convert(job),
        {
            METADATA_KEY: job.spec.to_json().encode(),
            METADATA_NAME: write_metadata(job.spec),
        },
    )
    note = "compared by LiteRT; MediaPipe itself runs it in `make check-mediapipe`"
    return Built({f"{job.name}.tflite": _append(content, LABELS, b"person\n")}, (note,))


def write_metadata(spec: ModelSpec) -> bytes:
    """The metadata's flatbuffer: what the task does to a picture, and what comes out.

    MediaPipe feeds ``(x - mean) / std`` of bytes; ours takes [0, 1], so the mean is 0 and the
    deviation 255.
    """
    builder = flatbuffers.Builder(1024)
    image = _tensor(builder, "image", "RGB in [0, 1]", _RGB, mean=0.0, std=255.0)
    alpha = _tensor(builder, "alpha", "the person's share of each pixel", _GREY, labels=LABELS)
    graph = _table(builder, {2: _vector(builder, [image]), 3: _vector(builder, [alpha])})
    root = _table(
        builder,
        {
            0: builder.CreateString(spec.name),
            1: builder.CreateString("a matte of the people in a picture"),
            2: builder.CreateString(spec.version),
            3: _vector(builder, [graph]),
            5: builder.CreateString(spec.licence),
            7: builder.CreateString(_OLDEST_PARSER),
        },
    )
    builder.Finish(root, file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _tensor(
    builder: flatbuffers.Builder,
    name: str,
    description: str,
    colours: int,
    *,
    mean: float | None = None,
    std: float = 1.0,
    labels: str | None = None,
) -> int:
    """TensorMetadata of an image: what feeds it (``mean``, ``std``) or what its channels mean."""
    properties = _table(builder, {}, {0: colours})
    fields = {
        0: builder.CreateString(name),
        1: builder.CreateString(description),
        3: _table(builder, {1: properties}, {0: _IMAGE}),
    }
    if mean is not None:
        normalisation = _table(builder, {0: _numbers(builder, mean), 1: _numbers(builder, std)})
        unit = _table(builder, {1: normalisation}, {0: _NORMALISATION})
        fields[4] = _vector(builder, [unit])
    if labels is not None:
        entry = _table(builder, {0: builder.CreateString(labels)}, {2: _AXIS_LABELS})
        fields[6] = _vector(builder, [entry])
    return _table(builder, fields)


def _table(
    builder: flatbuffers.Builder, offsets: Mapping[int, int], small: Mapping[int, int] | None = None
) -> int:
    """A table of what was written before, by field number, and of numbers of one byte."""
    small = small or {}
    builder.StartObject(1 + max([*offsets, *small]))
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in small.items():
        builder.PrependUint8Slot(slot, value, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _numbers(builder: flatbuffers.Builder, *values: float) -> int:
    return int(builder.CreateNumpyVector(np.array(values, np.float32)))


def _append(content: bytes, name: str, text: bytes) -> bytes:
    """The flatbuffer with a zip archive behind it, where the task looks for associated files."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(name), text)  # of 1980: the same bytes at every export
    return buffer.getvalue()
