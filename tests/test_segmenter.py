"""Loading a model and asking it for mattes."""

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import livematte
from livematte.segmenter import person_found, person_fraction
from livematte.spec import ModelSpec
from livematte.weights import BundledModel


def test_public_names_are_all_there_is() -> None:
    assert dir(livematte) == sorted(livematte.__all__)
    assert all(getattr(livematte, name) is not None for name in livematte.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = livematte.nothing


def test_importing_the_package_waits_for_nothing_heavy() -> None:
    code = "import livematte, sys; sys.exit(bool({'numpy', 'cv2', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_runtime_half_needs_no_torch() -> None:
    code = "import livematte, livematte.cli, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("refine", [True, False])
def test_a_matte_is_as_large_as_the_picture(
    red_model: Path, portrait: np.ndarray, refine: bool
) -> None:
    alpha = livematte.load(red_model).segment(portrait, refine=refine)
    assert alpha.shape == portrait.shape[:2]
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1
    person = portrait[..., 0] > 100
    assert np.abs(alpha - person).mean() < 0.03


def test_letterboxed_models_see_the_whole_picture(
    make_model: Callable[..., Path], tmp_path: Path, portrait: np.ndarray
) -> None:
    model = make_model(tmp_path / "letterbox.onnx", fit="letterbox")
    wide = np.hstack([portrait, portrait[:, ::-1], portrait])
    alpha = livematte.load(model).segment(wide)
    assert np.abs(alpha - (wide[..., 0] > 100)).mean() < 0.04


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(red_model: Path, picture: np.ndarray) -> None:
    with pytest.raises(livematte.UsageError, match="H×W×3 uint8"):
        livematte.load(red_model).segment(picture)


def test_loading_says_what_it_chose(red_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "livematte"):
        segmenter = livematte.load(red_model)
    assert segmenter.engine.device == "cpu"
    assert "onnxruntime on cpu" in caplog.text
    assert "licence: MIT" in caplog.text


def test_a_spec_can_be_given(make_model: Callable[..., Path], tmp_path: Path) -> None:
    model = make_model(tmp_path / "foreign.onnx", embed=False)
    with pytest.raises(livematte.ModelError, match="says nothing about itself"):
        livematte.load(model)
    spec = ModelSpec("given", 64, 64)
    assert livematte.load(model, spec=spec).spec.name == "given"
    (tmp_path / "spec.json").write_text(spec.to_json(), "utf-8")
    assert livematte.load(model, spec=tmp_path / "spec.json").spec.name == "given"
    with pytest.raises(livematte.ModelError, match=r"nowhere\.json"):
        livematte.load(model, spec=tmp_path / "nowhere.json")


def test_bundled_names_go_before_what_lies_here(
    red_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = (BundledModel("livematte", red_model),)
    monkeypatch.setattr("livematte.weights.bundled", lambda *_: shipped)
    monkeypatch.chdir(tmp_path)
    Path("livematte").mkdir()
    assert livematte.load("livematte").spec.name == "red"
    with pytest.raises(livematte.ModelError, match="not a model file"):
        livematte.load(Path("livematte"))  # a path is a path


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(livematte.ModelError, match="no bundled model 'nobody'"):
        livematte.load("nobody")


def test_person_fraction_and_found() -> None:
    alpha = np.zeros((100, 100), np.float32)
    assert person_fraction(alpha) == 0
    assert not person_found(alpha)
    alpha[:3, :3] = 1  # 0.09 %: a speck
    assert not person_found(alpha)
    alpha[:10, :10] = 1
    assert person_found(alpha)
    assert person_fraction(alpha) == pytest.approx(0.01)
