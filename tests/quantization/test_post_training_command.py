"""``livematte quantize``, and ``livematte export --precision int8``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from livematte import weights
from livematte.export.exporter import ExportReport
from livematte.networks.base import Network
from livematte.quantization.methods import Quantisation
from livematte.segmenter import load
from livematte.spec import ModelSpec
from livematte.training.recipe import parse_recipe

Run = Callable[..., tuple[int, str, str]]

RECIPE = """
name: trained
network: slimnet
source: test
stages: [{epochs: 1, batch_size: 2, size: [32, 32], rate: 0.1}]
"""


@pytest.fixture(scope="module")
def checkpoint(
    tmp_path_factory: pytest.TempPathFactory, make_checkpoint: Callable[..., Path]
) -> Path:
    path = tmp_path_factory.mktemp("trained") / "run.ckpt"
    return make_checkpoint(path, parse_recipe(RECIPE, "test"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for level in range(3):
        Image.new("RGB", (32, 32), (level, 90, 200)).save(folder / f"{level}.png")
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the commands ask the exporter for, in place of an export."""
    calls: list[dict[str, object]] = []

    def export_model(
        network: Network, spec: ModelSpec, path: Path, **options: object
    ) -> ExportReport:
        calls.append({"spec": spec, "path": path, **options})
        return ExportReport(path, (), spec, None, None, None, ("a note",))

    monkeypatch.setattr("livematte.export.exporter.export_model", export_model)
    return calls


def test_a_quantised_file_is_opened_as_any_other(
    checkpoint: Path, tmp_path: Path, run: Run
) -> None:
    target = tmp_path / "small.onnx"
    code, out, err = run("quantize", checkpoint, "-o", target, "--tolerance", "1")
    assert code == 0, err
    assert out.splitlines()[-1].startswith("IoU with the float matte ")
    spec = load(target, threads=1).engine.spec
    assert (spec.name, spec.precision, spec.metrics) == ("trained", "int8", {})


def test_pictures_decide_the_method(
    asked: list[dict[str, object]], pictures: Path, run: Run
) -> None:
    for arguments, method, count in (
        ("quantize livematte --to onnx", "weight-only", None),
        ("quantize livematte --to onnx --method dynamic", "dynamic", None),
        (f"quantize livematte --to onnx --calibration {pictures}", "static", 3),
        (f"quantize livematte --to onnx --calibration {pictures} --count 2", "static", 2),
        ("export livematte --to onnx --precision int8", "weight-only", None),
        (f"export livematte --to onnx --precision int8 --calibration {pictures}", "static", 3),
    ):
        code, _, err = run(*arguments.split())
        assert code == 0, err
        found = asked[-1]["quantisation"]
        assert isinstance(found, Quantisation)
        assert found.method == method, arguments
        taken = None if found.calibration is None else len(found.calibration)
        assert taken == count, arguments
        assert asked[-1]["precision"] == "int8"
        assert asked[-1]["path"] == Path("livematte-int8.onnx")
        spec = asked[-1]["spec"]
        assert isinstance(spec, ModelSpec)
        assert spec.metrics == {}  # measured on the float model
        assert spec.licence == weights.find("livematte").spec.licence


def test_the_edge_tpu_has_a_name_of_its_own(
    asked: list[dict[str, object]], pictures: Path, run: Run
) -> None:
    assert run("export", "livematte", "--to", "edgetpu", "--calibration", pictures)[0] == 0
    assert asked[-1]["path"] == Path("livematte-edgetpu.tflite")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("quantize livematte", 2, "say what to export to"),
        ("quantize livematte --to onnx --method static", 2, "(--calibration FOLDER)"),
        ("quantize livematte --to onnx --method magic", 2, "no method 'magic'"),
        ("quantize livematte --to onnx --calibration absent", 3, "absent: no such folder"),
        ("quantize livematte --to onnx --calibration empty", 3, "empty: no pictures to calib"),
        ("quantize livematte --to onnx --calibration empty --method dynamic", 2, "is for static"),
        ("export livematte --to onnx --calibration empty", 2, "is for --precision int8"),
    ],
)
def test_bad_requests(
    arguments: str,
    code: int,
    message: str,
    asked: list[dict[str, object]],
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    found, _, err = run(*arguments.split())
    assert found == code
    assert message in err
    assert len(err.splitlines()) == 1
    assert asked == []
