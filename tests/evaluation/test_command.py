"""``livematte eval`` on a tiny dataset and a model file made here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from livematte.cli.eval import command
from livematte.errors import InputError, LivematteError, ModelError, OutputError, UsageError
from livematte.evaluation.files import read_main_scores
from livematte.evaluation.report import SCORES
from livematte.spec import ModelSpec
from livematte.training.recipe import load_recipe

onnx = pytest.importorskip("onnx")


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose matte is the red channel."""
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Slice", ["image", "start", "end", "axis"], ["alpha"])],
        "red",
        [helper.make_tensor_value_info("image", floats, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("alpha", floats, [1, 1, 32, 32])],
        [
            helper.make_tensor(name, onnx.TensorProto.INT64, [1], [value])
            for name, value in (("start", 0), ("end", 1), ("axis", 1))
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    path = tmp_path / "red.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.json"
    path.write_text(ModelSpec("red", 32, 32).to_json(), encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sets of two pictures in which the person is red; ``a`` holds a wrong one."""
    root = tmp_path / "data"
    for name, wrong in (("a", True), ("b", False)):
        for kind in ("images", "masks"):
            (root / name / kind).mkdir(parents=True)
        for index in range(2):
            mask = np.zeros((64, 48), np.uint8)
            mask[16:, 8 + 8 * index : 32] = 255
            shown = np.roll(mask, 8, axis=1) if wrong and index else mask
            image = np.zeros((64, 48, 3), np.uint8)
            image[..., 2] = shown
            cv2.imwrite(str(root / name / "images" / f"{index}.png"), image)
            cv2.imwrite(str(root / name / "masks" / f"{index}.png"), mask)
    return root


def test_json_on_stdout_is_the_report(model: Path, spec: Path, data: Path) -> None:
    result = run(model, "--spec", spec, "--data", data, "--split", "all", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["images"] == 4
    assert [image["name"] for image in report["per_image"]] == ["a/0", "a/1", "b/0", "b/1"]
    assert report["worst"][0] == "a/1"
    assert report["engine"] == {"engine": "onnxruntime", "device": "cpu", "threads": 1}
    assert set(report["scores"]) == set(SCORES) - {"dtssd", "flicker"}
    assert report["split"] is None


def test_one_set_is_scored_alone(model: Path, spec: Path, data: Path) -> None:
    arguments = [model, "--spec", spec, "--data", data, "--set", "b", "--split", "all"]
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("# red on b\n")
    report = json.loads(run(*arguments, "--json", "--limit", "1").stdout)
    assert report["images"] == 1
    assert report["scores"]["miou"]["value"] > 0.9


def test_the_report_folder_holds_all_three_files(
    model: Path, spec: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "report"
    arguments = (model, "--spec", spec, "--data", data, "--split", "all", "-o", out)
    for _ in range(2):  # an earlier report is replaced
        assert run(*arguments).exit_code == 0
    assert sorted(p.name for p in out.iterdir()) == ["report.json", "report.md", "worst.png"]
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["model"] == "red"
    assert "![worst cases](worst.png)" in (out / "report.md").read_text(encoding="utf-8")
    assert cv2.imread(str(out / "worst.png")).shape[2] == 3
    scores = json.loads((out / "report.json").read_text(encoding="utf-8"))["scores"]
    assert read_main_scores(out / "report.json") == {
        f"{data.name}_{name}": pytest.approx(scores[name]["value"], abs=1e-5)
        for name in ("miou", "boundary_f", "mad")
    }


def test_frames_add_steadiness(model: Path, spec: Path, data: Path) -> None:
    result = run(
        model, "--spec", spec, "--data", data / "b", "--split", "all", "--frames", "--json"
    )
    scores = json.loads(result.stdout)["scores"]
    assert scores["flicker"]["images"] == 1
    assert scores["dtssd"]["value"] is not None


def test_pictures_without_people_can_be_scored(model: Path, spec: Path, data: Path) -> None:
    folder = data / "b" / "images"
    result = run(
        model, "--spec", spec, "--data", folder, "--layout", "backgrounds", "--split", "all",
        "--json",
    )  # fmt: skip
    scores = json.loads(result.stdout)["scores"]
    assert scores["foreground_iou"]["value"] == 0
    assert 0.2 < scores["mad"]["value"] < 0.5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["missing.onnx", "--data", "DATA"], ModelError, "missing.onnx"),
        (["MODEL", "--data", "DATA"], ModelError, "--spec"),
        (["MODEL", "--spec", "SPEC", "--data", "nowhere"], InputError, "nowhere"),
        (["MODEL", "--spec", "SPEC", "--data", "DATA", "--set", "c"], InputError, "no such folder"),
        (["MODEL", "--spec", "SPEC", "--data", "DATA", "--split", "test"], UsageError, "split"),
        (["run.ckpt", "--data", "DATA"], ModelError, "run.ckpt"),
        (["MODEL", "--spec", "SPEC", "--data", "DATA", "-o", "SPEC"], OutputError, "cannot be"),
    ],
)
def test_bad_requests_name_what_is_wrong(
    arguments: list[str],
    error: type[LivematteError],
    message: str,
    model: Path,
    spec: Path,
    data: Path,
) -> None:
    places = {"MODEL": model, "SPEC": spec, "DATA": data}
    result = run(*(places.get(argument, argument) for argument in arguments))
    assert isinstance(result.exception, error)
    assert message in str(result.exception)


def test_a_checkpoint_runs_in_torch(
    tmp_path: Path, data: Path, make_checkpoint: Callable[..., Path]
) -> None:
    recipe = load_recipe("livematte", ["stages.0.size=[64,64]"])
    path = make_checkpoint(tmp_path / "run.ckpt", recipe)
    result = run(path, "--data", data, "--split", "all", "--limit", "1", "--json")
    report = json.loads(result.stdout)
    assert report["engine"]["engine"] == "torch"
    assert (report["spec"]["height"], report["spec"]["width"]) == recipe.stages[-1].size
    assert report["model"] == "livematte"
