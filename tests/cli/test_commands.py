"""The frame of the command line: help, versions, models, missing extras, interruption."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import livematte
from livematte import weights
from livematte.errors import ModelError

Run = Callable[..., tuple[int, str, str]]


def test_help_lists_every_command(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("image", "video", "models", "data", "train", "eval", "export"):
        assert command in out


def test_version(run: Run) -> None:
    assert run("--version")[:2] == (0, f"livematte {livematte.__version__}\n")


@pytest.mark.parametrize("command", ["train", "export", "eval", "image"])
def test_missing_extras_are_named(command: str, tmp_path: Path) -> None:
    """What a core install answers: one line, never a stack trace."""
    (tmp_path / "x.ckpt").write_bytes(b"x")
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / folder / "a.png")
    arguments = {
        "train": ["sinet", "--data", "."],
        "export": ["x.ckpt", "-o", "x.onnx"],
        "eval": ["x.ckpt", "--data", ".", "--split", "all"],
        "image": ["images/a.png", "-o", "y.png", "--model", "x.ckpt"],
    }[command]
    absent = ("torch", "lightning", "kornia", "yaml", "onnx", "scipy")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}));"
        "from livematte.__main__ import main; main()"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, command, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 2
    assert "pip install 'livematte[train]'" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_other_missing_modules_are_bugs(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **options: object) -> None:
        raise ModuleNotFoundError("no module", name="colour_of_magic")

    monkeypatch.setattr("livematte.cli.app", broken)
    with pytest.raises(ModuleNotFoundError):
        livematte.cli.main([])


def test_interrupted(monkeypatch: pytest.MonkeyPatch, run: Run, tmp_path: Path) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("livematte.cli.image.load", interrupted)
    assert run("image", tmp_path / "x.png", "-o", tmp_path / "y.png")[0] == 130


@pytest.fixture
def shipped(
    red_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[weights.BundledModel, ...]:
    """Two bundled models: the default and another, the default with a card."""
    for name in ("another", weights.DEFAULT):
        (tmp_path / f"{name}.onnx").write_bytes(red_model.read_bytes())
        entry = json.loads(red_model.with_suffix(".json").read_text("utf-8"))
        entry["metrics"] = {"portraits_miou": 0.951} if name == weights.DEFAULT else {}
        (tmp_path / f"{name}.json").write_text(json.dumps(entry), "utf-8")
    (tmp_path / f"{weights.DEFAULT}.md").write_text("# A card\n\nKnown limits.", "utf-8")
    models = weights.bundled(tmp_path)
    monkeypatch.setattr("livematte.cli.models.bundled", lambda: models)
    monkeypatch.setattr("livematte.cli.models.find", lambda name: weights.find(name, tmp_path))
    return models


def test_models_list(run: Run, shipped: tuple[weights.BundledModel, ...]) -> None:
    code, out, _ = run("models", "list")
    assert code == 0
    first, second = out.splitlines()[1:3]
    assert first.startswith(f"{weights.DEFAULT} (default)")
    assert "MIT" in first
    assert "95.1%" in first
    assert second.startswith("another")
    entries = json.loads(run("models", "list", "--json")[1])
    assert [entry["name"] for entry in entries] == [weights.DEFAULT, "another"]


def test_models_show(run: Run, shipped: tuple[weights.BundledModel, ...]) -> None:
    code, out, _ = run("models", "show")
    assert code == 0
    assert "A card" in out
    assert "licence" in out
    assert json.loads(run("models", "show", "another", "--json")[1])["height"] == 64
    code, _, err = run("models", "show", "third")
    assert code == 4
    assert f"{weights.DEFAULT}, another" in err


def test_a_bundled_model_without_its_spec(tmp_path: Path) -> None:
    (tmp_path / "lonely.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match="install livematte again"):
        _ = weights.find("lonely", tmp_path).spec
    with pytest.raises(ModelError, match="install livematte again"):
        weights.find("livematte", tmp_path / "empty")
