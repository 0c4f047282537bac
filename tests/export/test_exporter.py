"""What holds for every target: compared through its engine, and written whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from livematte.engines import ENGINES, open_engine
from livematte.errors import MissingExtra, ModelError, OutputError, UsageError
from livematte.export import targets
from livematte.export.exporter import export_model
from livematte.export.targets import TARGETS, Built, Job, load_builder
from livematte.networks.base import Network
from livematte.spec import ModelSpec

# Those in integers have tests of their own, in tests/quantization.
FLOATS = {name: target for name, target in TARGETS.items() if "fp32" in target.precisions}


def place(folder: Path, target: str) -> Path:
    kind = TARGETS[target]
    return folder / ("out" if kind.folder else f"model{kind.suffix}")


@pytest.mark.parametrize(
    ("target", "precision"),
    [(n, p) for n, target in FLOATS.items() for p in target.precisions if p != "int8"],
)
def test_every_target_in_every_precision(
    target: str,
    precision: str,
    tmp_path: Path,
    small: Network,
    spec: ModelSpec,
    photo: np.ndarray,
) -> None:
    kind = TARGETS[target]
    report = export_model(small, spec, place(tmp_path, target), target=target, precision=precision)
    assert report.engine == kind.engine
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(report.files)
    assert report.spec.precision == precision
    if kind.engine is None:
        return
    assert report.largest is not None
    assert report.largest <= kind.precisions[precision].largest
    if kind.engine not in ENGINES:
        return
    engine = open_engine(report.path, engine=kind.engine, threads=1)
    assert engine.spec == replace(report.spec, sha256=None) or engine.spec == report.spec
    with torch.no_grad():
        logit = small(torch.from_numpy(photo.transpose(2, 0, 1).copy())[None]).mask
    wanted = torch.sigmoid(logit)[0, 0].numpy()
    atol = kind.precisions[precision].largest
    np.testing.assert_allclose(engine.run(photo), wanted, atol=atol)
    report.path.write_bytes(report.path.read_bytes() + b" ")
    with pytest.raises(ModelError, match="not the file its spec describes"):
        open_engine(report.path, engine=kind.engine)


@pytest.mark.parametrize("target", FLOATS)
def test_beyond_tolerance_nothing_is_written(
    target: str, tmp_path: Path, small: Network, spec: ModelSpec
) -> None:
    if TARGETS[target].engine is None:
        pytest.skip("nothing here runs it")
    with pytest.raises(ModelError, match="not written, the export differs from torch"):
        export_model(small, spec, place(tmp_path, target), target=target, tolerance=-1.0)
    assert list(tmp_path.iterdir()) == []


def test_broken_weights_are_not_written(tmp_path: Path, small: Network, spec: ModelSpec) -> None:
    with torch.no_grad():
        next(small.parameters()).fill_(torch.nan)
    with pytest.raises(ModelError, match="NaN"):
        export_model(small, spec, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_model_and_spec_are_replaced_together(
    tmp_path: Path, small: Network, spec: ModelSpec
) -> None:
    path = tmp_path / "model.onnx"
    export_model(small, spec, path)
    before = path.read_bytes()
    path.with_suffix(".json").unlink()
    path.with_suffix(".json").mkdir()
    with pytest.raises(OutputError, match=r"model\.json: exists and is not a file"):
        export_model(small, replace(spec, name="other"), path)
    assert path.read_bytes() == before


def test_two_kinds_of_one_name_would_share_a_spec(
    tmp_path: Path, small: Network, spec: ModelSpec
) -> None:
    export_model(small, spec, tmp_path / "model.onnx")
    before = (tmp_path / "model.json").read_bytes()
    with pytest.raises(
        UsageError, match=r"model\.json is the spec of model\.onnx.*-o model-xml\.xml"
    ):
        export_model(small, spec, tmp_path / "model.xml", target="openvino")
    assert (tmp_path / "model.json").read_bytes() == before
    export_model(small, replace(spec, version="2"), tmp_path / "model.onnx")  # its own
    assert open_engine(tmp_path / "model.onnx").spec.version == "2"


def test_a_folder_of_another_model_of_the_name_is_left_alone(
    tmp_path: Path, small: Network, spec: ModelSpec
) -> None:
    export_model(small, spec, tmp_path / "small.onnx")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UsageError, match=r"small\.json is the spec of small\.onnx.*another folder"):
        export_model(small, spec, tmp_path, target="browser")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    export_model(small, spec, tmp_path, target="deepstream")  # the same file's, replaced together
    assert open_engine(tmp_path / "small.onnx").spec.name == "small"


def test_a_folder_with_files_of_its_own_is_left_alone(
    tmp_path: Path, small: Network, spec: ModelSpec
) -> None:
    (tmp_path / "labels.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"its labels\.txt would be replaced.*another folder"):
        export_model(small, spec, tmp_path, target="deepstream")
    assert [path.name for path in tmp_path.iterdir()] == ["labels.txt"]
    assert (tmp_path / "labels.txt").read_text() == "mine"


def test_unwritable_place_is_said_before_the_work(
    tmp_path: Path, small: Network, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livematte.export.exporter.load_builder", lambda name: pytest.fail("work"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"model\.onnx: cannot be written.*file \(it is not a"):
        export_model(small, spec, tmp_path / "file" / "model.onnx")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(OutputError, match="write-protected"):
        export_model(small, spec, tmp_path / "new" / "folder", target="deepstream")


def test_requests_that_cannot_be(
    tmp_path: Path, small: Network, small_with_prior: Network, spec: ModelSpec
) -> None:
    with pytest.raises(UsageError, match="no target 'abacus'"):
        export_model(small, spec, tmp_path / "m", target="abacus")
    with pytest.raises(UsageError, match="onnx is not built in int3: take one of fp32, fp16"):
        export_model(small, spec, tmp_path / "m.onnx", precision="int3")
    with pytest.raises(UsageError, match=r"OpenVINO ends in \.xml"):
        export_model(small, spec, tmp_path / "m.onnx", target="openvino")
    with pytest.raises(UsageError, match="must have prior=True"):
        export_model(small_with_prior, spec, tmp_path / "m.onnx")
    video = replace(spec, prior=True)
    with pytest.raises(UsageError, match="DeepStream feeds no prior"):
        export_model(small_with_prior, video, tmp_path / "m", target="deepstream")
    with pytest.raises(UsageError, match="cannot be the name of a file"):
        export_model(small, replace(spec, name="a/b"), tmp_path / "m", target="deepstream")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_converter_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="openvino")

    monkeypatch.setattr(targets.importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match=r"pip install 'livematte\[openvino\]'"):
        load_builder("openvino")


def test_a_target_without_an_engine_is_written_uncompared(
    tmp_path: Path, small: Network, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(job: Job) -> Built:
        return Built({f"{job.name}.bundle/data": b"x"}, ("a note",))

    monkeypatch.setitem(TARGETS, "bundle", replace(TARGETS["onnx"], suffix=".bundle", engine=None))
    monkeypatch.setattr("livematte.export.exporter.load_builder", lambda name: build)
    report = export_model(small, spec, tmp_path / "m.bundle", target="bundle")
    assert (report.engine, report.largest, report.notes) == (None, None, ("a note",))
    assert (tmp_path / "m.bundle" / "data").read_bytes() == b"x"
    assert report.spec.sha256 is None
