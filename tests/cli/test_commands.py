"""The frame of the command line: help, versions, models, missing extras, interruption."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import livematte
from livematte import weights
from livematte.errors import ModelError

Run = Callable[..., tuple[int, str, str]]


def test_help_lists_every_command(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("image", "models", "data", "train", "eval", "export"):
        assert command in out


def test_version(run: Run) -> None:
    assert run("--version")[:2] == (0, f"livematte {livematte.__version__}\n")


@pytest.mark.parametrize("command", ["train", "export"])
def test_missing_extras_are_named(
    run: Run, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a core install answers: one line, never a stack trace."""
    for module in [name for name in sys.modules if name.startswith("livematte.")]:
        if module.split(".")[1] in ("networks", "training", "evaluation", "export", "data"):
            monkeypatch.delitem(sys.modules, module)
    for module in ("torch", "lightning", "kornia", "yaml", "onnx", "scipy"):
        monkeypatch.setitem(sys.modules, module, None)
    arguments = {
        "train": ("sinet", "--data", tmp_path),
        "export": (tmp_path / "x.ckpt", "-o", tmp_path / "x.onnx"),
    }[command]
    (tmp_path / "x.ckpt").write_bytes(b"x")
    code, _, err = run(command, *arguments)
    assert code == 2
    assert "pip install 'livematte[train]'" in err
    assert len(err.splitlines()) == 1


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
    for name in ("another", "livematte"):
        (tmp_path / f"{name}.onnx").write_bytes(red_model.read_bytes())
        (tmp_path / f"{name}.json").write_bytes(red_model.with_suffix(".json").read_bytes())
    (tmp_path / "livematte.md").write_text("# A card\n\nKnown limits.", "utf-8")
    models = weights.bundled(tmp_path)
    monkeypatch.setattr("livematte.cli.models.bundled", lambda: models)
    monkeypatch.setattr("livematte.cli.models.find", lambda name: weights.find(name, tmp_path))
    return models


def test_models_list(run: Run, shipped: tuple[weights.BundledModel, ...]) -> None:
    code, out, _ = run("models", "list")
    assert code == 0
    first, second = out.splitlines()[1:3]
    assert first.startswith("livematte (default)")
    assert "MIT" in first
    assert second.startswith("another")
    entries = json.loads(run("models", "list", "--json")[1])
    assert [entry["name"] for entry in entries] == ["livematte", "another"]


def test_models_show(run: Run, shipped: tuple[weights.BundledModel, ...]) -> None:
    code, out, _ = run("models", "show")
    assert code == 0
    assert "A card" in out
    assert "licence" in out
    assert json.loads(run("models", "show", "another", "--json")[1])["height"] == 64
    code, _, err = run("models", "show", "third")
    assert code == 4
    assert "livematte, another" in err


def test_a_bundled_model_without_its_spec(tmp_path: Path) -> None:
    (tmp_path / "lonely.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match="install livematte again"):
        _ = weights.find("lonely", tmp_path).spec
    with pytest.raises(ModelError, match="install livematte again"):
        weights.find("livematte", tmp_path / "empty")
