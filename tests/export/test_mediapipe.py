"""The metadata that MediaPipe reads; `make check-mediapipe` runs the file in MediaPipe itself."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import Model
from flatbuffers.number_types import Float32Flags, UOffsetTFlags
from flatbuffers.table import Table

from livematte.errors import UsageError
from livematte.export.exporter import export_model
from livematte.export.mediapipe import LABELS, METADATA_NAME, write_metadata
from livematte.networks.base import Network
from livematte.spec import METADATA_KEY, ModelSpec


class Reader:
    """Fields of a flatbuffer's table by their number in the schema."""

    def __init__(self, content: bytes, position: int | None = None) -> None:
        if position is None:
            position = flatbuffers.encode.Get(UOffsetTFlags.packer_type, content, 0)
        self.content, self.table = content, Table(content, position)

    def _at(self, field: int) -> int:
        offset = self.table.Offset(4 + 2 * field)
        assert offset, f"no field {field}"
        return offset + self.table.Pos

    def text(self, field: int) -> str:
        return self.table.String(self._at(field)).decode()

    def byte(self, field: int) -> int:
        return self.content[self._at(field)]

    def child(self, field: int) -> Reader:
        return Reader(self.content, self.table.Indirect(self._at(field)))

    def only(self, field: int) -> Reader:
        """The only element of a vector of tables."""
        start = self._start(field)
        return Reader(self.content, self.table.Indirect(start))

    def number(self, field: int) -> float:
        """The only element of a vector of floats."""
        return self.table.Get(Float32Flags, self._start(field))

    def _start(self, field: int) -> int:
        offset = self._at(field) - self.table.Pos
        assert self.table.VectorLen(offset) == 1
        return self.table.Vector(offset)


def test_the_metadata_feeds_what_the_graph_takes() -> None:
    content = write_metadata(ModelSpec("small", 96, 64, version="2", licence="MIT"))
    assert content[4:8] == b"M001"
    root = Reader(content)
    assert [root.text(field) for field in (0, 2, 5)] == ["small", "2", "MIT"]
    graph = root.only(3)
    image, alpha = graph.only(2), graph.only(3)
    assert (image.text(0), alpha.text(0)) == ("image", "alpha")
    unit = image.only(4)
    assert unit.byte(0) == 1
    mean, std = (unit.child(1).number(field) for field in (0, 1))
    np.testing.assert_array_equal((np.float32([0, 255]) - mean) / std, [0, 1])
    assert image.child(3).byte(0) == 2
    assert image.child(3).child(1).byte(0) == 1  # RGB
    labels = alpha.only(6)
    assert (labels.text(0), labels.byte(2)) == (LABELS, 2)


def test_the_file_holds_both_specs_and_the_labels(
    tmp_path: Path, small: Network, spec: ModelSpec
) -> None:
    path = tmp_path / "model.tflite"
    report = export_model(small, spec, path, target="mediapipe")
    assert any("check-mediapipe" in note for note in report.notes)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [LABELS]
        assert archive.read(LABELS) == b"person\n"
        assert archive.getinfo(LABELS).compress_type == zipfile.ZIP_STORED
    model = Model.GetRootAs(path.read_bytes())
    names = {model.Metadata(index).Name().decode() for index in range(model.MetadataLength())}
    assert {METADATA_KEY, METADATA_NAME} <= names


def test_mediapipe_feeds_no_prior(
    tmp_path: Path, small_with_prior: Network, spec: ModelSpec
) -> None:
    with pytest.raises(UsageError, match="MediaPipe feeds no prior"):
        export_model(
            small_with_prior, replace(spec, prior=True), tmp_path / "m.tflite", target="mediapipe"
        )
