"""``livematte export``: what is in the model file when the command is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from livematte import weights
from livematte.export.exporter import ExportReport
from livematte.networks.base import Network
from livematte.segmenter import load
from livematte.spec import ModelSpec
from livematte.training.checkpoint import load_trained
from livematte.training.recipe import parse_recipe

Run = Callable[..., tuple[int, str, str]]

RECIPE = """
name: trained
network: deeplab
source: test
options: {output_stride: 16}
stages: [{epochs: 1, batch_size: 2, size: [33, 33], rate: 0.1}]
"""


@pytest.fixture(scope="session")
def checkpoint(
    tmp_path_factory: pytest.TempPathFactory, make_checkpoint: Callable[..., Path]
) -> Path:
    path = tmp_path_factory.mktemp("trained") / "run.ckpt"
    return make_checkpoint(path, parse_recipe(RECIPE, "test"))


def report(path: Path, dataset: str, **scores: float | None) -> Path:
    entries = {name: {"value": value, "low": 0.0} for name, value in scores.items()}
    path.write_text(json.dumps({"dataset": dataset, "scores": entries}), "utf-8")
    return path


def test_reports_and_options_reach_the_file(checkpoint: Path, tmp_path: Path, run: Run) -> None:
    first = report(
        tmp_path / "a.json", "portraits", miou=0.9612345, boundary_f=0.8, mad=0.01, mse=0.5
    )
    second = report(tmp_path / "b.json", "street", miou=0.75, boundary_f=None, mad=0.125)
    target = tmp_path / "model.onnx"
    code, _, err = run(
        "export", checkpoint, "-o", target, "--metrics", first, "--metrics", second,
        "--option", "output_stride=8",
    )  # fmt: skip
    assert code == 0, err
    spec = ModelSpec.from_json(target.with_suffix(".json").read_text("utf-8"), source="beside")
    assert spec.metrics == {
        "portraits_miou": 0.96123,
        "portraits_boundary_f": 0.8,
        "portraits_mad": 0.01,
        "street_miou": 0.75,
        "street_mad": 0.125,
    }
    image = np.random.default_rng(0).random((33, 33, 3), np.float32)
    found = load(target, threads=1).engine.run(image)
    tensor = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    with torch.no_grad():
        dense, trained = (
            torch.sigmoid(load_trained(checkpoint, given).network(tensor).mask)[0, 0].numpy()
            for given in (["output_stride=8"], [])
        )
    np.testing.assert_allclose(found, dense, atol=1e-4)
    assert np.abs(found - trained).max() > 1e-3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("x.onnx --metrics absent.json", 3, "absent.json: no such report"),
        ("x.onnx --metrics junk.json", 3, "junk.json: not a report"),
        ("x.onnx --metrics list.json", 3, "list.json: not a report"),
        ("x.onnx --metrics empty.json", 3, "empty.json: none of miou"),
        ("x.onnx --metrics a.json --metrics a.json", 2, "portraits_boundary_f is in an earlier"),
        ("x.onnx --option output_stride", 2, "expected key=value"),
        ("x.onnx --option outputs=8", 2, "no option outputs"),
        ("x.ckpt --option output_stride=8", 2, "not for .ckpt"),
        ("x.ckpt --metrics a.json", 2, "not for .ckpt"),
        ("x.ckpt --to onnx", 2, "not for .ckpt"),
        ("x.onnx --to abacus", 2, "no target 'abacus': take one of onnx, openvino"),
        ("x.onnx --to openvino", 2, "x.onnx: a file of OpenVINO ends in .xml"),
        ("x.onnx --precision int3", 2, "onnx is not built in int3"),
        ("x.onnx --size 33", 2, "expected HEIGHTxWIDTH"),
        ("x.onnx --photo absent.png", 3, "absent.png: no such file"),
        ("x.abc", 2, "x.abc: say what to export to (--to onnx, openvino"),
    ],
)
def test_bad_requests(
    arguments: str,
    code: int,
    message: str,
    checkpoint: Path,
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("junk.json").write_bytes(b"\xff{")
    Path("list.json").write_text("[1]")
    report(Path("empty.json"), "portraits", miou=None, boundary_f=None, mad=None)
    report(Path("a.json"), "portraits", miou=0.9, boundary_f=0.8, mad=0.01)
    found, _, err = run("export", checkpoint, "-o", *arguments.split())
    assert found == code
    assert message in err
    assert len(err.splitlines()) == 1
    assert not list(Path().glob("x.*"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the command asks the exporter for, in place of an export."""
    calls: list[dict[str, object]] = []

    def export_model(
        network: Network, spec: ModelSpec, path: Path, **options: object
    ) -> ExportReport:
        calls.append({"spec": spec, "path": path, **options})
        return ExportReport(path, (), spec, None, None, None, ("a note",))

    monkeypatch.setattr("livematte.export.exporter.export_model", export_model)
    return calls


def test_a_bundled_model_keeps_its_facts(asked: list[dict[str, object]], run: Run) -> None:
    shipped = weights.find("livematte").spec
    code, out, err = run("export", "livematte", "--to", "openvino", "--precision", "fp16")
    assert code == 0, err
    assert out.splitlines() == [
        "not compared with torch: livematte has no engine for this format", "a note",
    ]  # fmt: skip
    (call,) = asked
    assert call["spec"] == shipped
    assert (call["path"], call["target"], call["precision"]) == (
        Path("livematte.xml"), "openvino", "fp16",
    )  # fmt: skip
    run("export", "livematte", "--to", "deepstream", "--size", "160x96", "--name", "narrow")
    assert asked[-1]["path"] == Path("narrow-deepstream")
    narrow = asked[-1]["spec"]
    assert isinstance(narrow, ModelSpec)
    assert (narrow.name, narrow.height, narrow.licence) == ("narrow", 160, shipped.licence)
    assert narrow.metrics == {}  # measured at another size


@pytest.mark.parametrize(
    ("output", "target"), [("x.onnx", "onnx"), ("x.xml", "openvino"), ("sub/x.onnx", "onnx")]
)
def test_the_name_tells_the_target(
    output: str, target: str, asked: list[dict[str, object]], run: Run
) -> None:
    assert run("export", "livematte", "-o", output)[0] == 0
    assert (asked[0]["path"], asked[0]["target"]) == (Path(output), target)


def test_an_installed_package_has_no_checkpoints(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = replace(weights.find("livematte"), path=tmp_path / "livematte.onnx")
    monkeypatch.setattr("livematte.cli.exporting.find", lambda name: shipped)
    code, _, err = run("export", "livematte", "--to", "onnx")
    assert code == 4
    assert "its checkpoint is not part of the installed package" in err
