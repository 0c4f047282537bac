"""``livematte prune``: from a checkpoint to smaller ones that everything reads."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from livematte.networks.counting import count_parameters
from livematte.training.checkpoint import load_trained
from livematte.training.recipe import parse_recipe

RECIPE = """
name: tiny
network: livematte
source: test
options: {width: 0.35, decoder: [32, 24, 24, 16], repeats: 1, edge: false}
ema: 0.9
stages:
  - {epochs: 3, batch_size: 4, size: [64, 64], rate: 0.003}
data: {stored_size: 64}
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six bright discs on dark noise, two of them to validate on."""
    folder = tmp_path_factory.mktemp("data") / "discs"
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(6):
        mask = (rows - 32) ** 2 + (columns - rng.uniform(20, 44)) ** 2 < 18**2
        picture = np.where(mask[..., None], 220, rng.integers(0, 100, (64, 64, 3)))
        cv2.imwrite(str(folder / "images" / f"{index}.png"), picture.astype(np.uint8))
        cv2.imwrite(str(folder / "masks" / f"{index}.png"), mask.astype(np.uint8) * 255)
    (folder / "splits.json").write_text(json.dumps({"discs": {"validation": ["4", "5"]}}))
    return folder


@pytest.fixture(scope="module")
def checkpoint(
    make_checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return make_checkpoint(
        tmp_path_factory.mktemp("run") / "tiny.ckpt", parse_recipe(RECIPE, "tiny")
    )


def weights(path: Path) -> int:
    """Numbers in an ONNX file."""
    return sum(int(np.prod(tensor.dims)) for tensor in onnx.load(path).graph.initializer)


def test_prune_tune_resume_export(run: Run, checkpoint: Path, discs: Path, tmp_path: Path) -> None:
    out = tmp_path / "pruned"
    code, printed, said = run(
        *("prune", checkpoint, "--ratio", "0.4", "--data", discs, "-o", out),
        *("--epochs", "1", "--accelerator", "cpu", "--set", "stages.0.batch_size=2"),
    )
    assert code == 0, said
    assert printed.split()[-2:] == [str(out / "pruned.ckpt"), str(out / "best.ckpt")]
    full = count_parameters(load_trained(checkpoint).network)
    for name in ("pruned.ckpt", "best.ckpt", "last.ckpt"):
        recipe, network = load_trained(out / name)
        assert count_parameters(network) < full
        assert recipe.options["channels"]

    code, _, said = run(
        *("train", out / "recipe.yaml", "--data", discs, "-o", out, "--resume"),
        *("--accelerator", "cpu"),
    )
    assert code == 0, said

    files = {"full": checkpoint, "pruned": out / "best.ckpt"}
    for name, source in files.items():
        code, _, said = run("export", source, "-o", tmp_path / f"{name}.onnx")
        assert code == 0, said
    assert weights(tmp_path / "pruned.onnx") < weights(tmp_path / "full.onnx")


def test_without_data_the_weights_alone_decide(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    code, printed, said = run("prune", checkpoint, "--ratio", "0.3", "-o", tmp_path / "out")
    assert code == 0, said
    assert printed.split() == [str(tmp_path / "out" / "pruned.ckpt")]
    assert "multiply-accumulates" in said
    pruned = tmp_path / "out" / "pruned.ckpt"
    code, _, said = run("prune", pruned, "--ratio", "0.2", "-o", tmp_path / "again")
    assert code == 0, said
    twice = load_trained(tmp_path / "again" / "pruned.ckpt").network
    assert count_parameters(twice) < count_parameters(load_trained(pruned).network)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--ratio", "1.5"), 2, "share between 0 and 1"),
        (("--ratio", "0.3", "--epochs", "3"), 2, "give --data FOLDER"),
        (("--ratio", "0.3", "--data", "nowhere"), 3, "nowhere"),
    ],
)
def test_bad_requests_are_one_line(
    run: Run,
    checkpoint: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    got, _, said = run("prune", checkpoint, *arguments, "-o", tmp_path / "out")
    assert got == code
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_with_a_run_is_left_alone(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes(b"")
    code, _, said = run("prune", checkpoint, "--ratio", "0.3", "-o", tmp_path)
    assert code == 2
    assert "holds a run already" in said


def test_the_curve_is_timed_again_without_training(
    checkpoint: Path,
    discs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "pruning_curve.py"
    asked = [checkpoint, "--data", discs, "-o", tmp_path, "--ratio", "0.4", "--epochs", "1"]
    asked += ["--set", "stages.0.batch_size=2", "--engine", "onnxruntime"]

    def curve(rounds: int) -> list[list[str]]:
        arguments = (script, *asked, "--rounds", rounds)
        monkeypatch.setattr("sys.argv", [str(part) for part in arguments])
        runpy.run_path(str(script), run_name="__main__")
        rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]

    full, pruned = curve(rounds=0)
    assert [full[0], pruned[0]] == ["0", "0.4"]
    assert float(pruned[2]) <= 0.6 * float(full[2])
    assert float(pruned[3]) < float(full[3])
    assert pruned[5]  # the score before tuning
    assert not full[-1]
    assert not pruned[-1]
    assert (tmp_path / "curve.png").is_file()

    monkeypatch.setattr("livematte.pruning.run.train", None)
    again = curve(rounds=2)
    assert [row[:-1] for row in again] == [full[:-1], pruned[:-1]]
    assert all(float(row[-1].split("/")[0]) > 0 for row in again)
