"""Models beside each other: who is scored, who is on the front, what is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from livematte import weights
from livematte.benchmark.peers import Peer, find_front, list_files
from livematte.errors import UsageError
from livematte.evaluation.spread import Score

Run = Callable[..., tuple[int, str, str]]


def peer(name: str, latency: float, miou: float) -> Peer:
    score = Score(miou, miou, miou, 1)
    return Peer(name, f"{name}.onnx", False, 4, 4, 1.0, {"miou": score}, (latency,), (latency,))


def test_the_front_holds_those_that_none_beats_in_both() -> None:
    peers = [
        peer("slow and good", 9.0, 0.97),
        peer("slow and bad", 9.5, 0.96),
        peer("fast", 1.0, 0.90),
        peer("as fast, worse", 1.0, 0.85),
        peer("between", 4.0, 0.95),
    ]
    assert [one.name for one in find_front(peers)] == ["fast", "between", "slow and good"]
    assert find_front([]) == []


def test_files_of_folders_and_the_bundled_ones(red_model: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no model", encoding="utf-8")
    (tmp_path / "b.tflite").write_bytes(b"")
    (tmp_path / "a.onnx").write_bytes(b"")
    files = list(list_files([tmp_path, red_model]))
    bundled = [model.path for model in weights.bundled()]
    assert files == [*bundled, tmp_path / "a.onnx", tmp_path / "b.tflite", red_model]
    assert list(list_files([red_model], bundled=False)) == [red_model]
    with pytest.raises(UsageError, match="no such file or folder"):
        list(list_files([tmp_path / "missing"]))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two portraits of a red person."""
    root = tmp_path / "data"
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for index in range(2):
        mask = np.zeros((64, 48), np.uint8)
        mask[16:, 8 + 8 * index : 32] = 255
        image = np.zeros((64, 48, 3), np.uint8)
        image[..., 2], image[..., 0] = mask, 255 - mask
        cv2.imwrite(str(root / "images" / f"{index}.png"), image)
        cv2.imwrite(str(root / "masks" / f"{index}.png"), mask)
    return root


def test_one_command_scores_times_and_draws(
    run: Run, make_model: Callable[..., Path], data: Path, tmp_path: Path
) -> None:
    peers = tmp_path / "peers"
    peers.mkdir()
    make_model(peers / "good.onnx", sidecar=True)
    make_model(peers / "bare.onnx", embed=False)
    (peers / "broken.tflite").write_bytes(b"not a model")
    specs = tmp_path / "specs"
    specs.mkdir()
    spec = '{"name": "given", "height": 64, "width": 64}'
    (specs / "bare.json").write_text(spec, encoding="utf-8")
    arguments = ["--no-bundled", "--split", "all", "--data", data, "--specs", specs]
    outputs = ["-o", tmp_path / "reports", "--picture", tmp_path / "front.png"]
    target = tmp_path / "peers.json"
    code, out, err = run("bench", "peers", peers, *arguments, *outputs, "--json", target)
    assert code == 0, err
    report = json.loads(target.read_text(encoding="utf-8"))
    assert {one["name"] for one in report["peers"]} == {"red", "given"}
    assert [skip["title"] for skip in report["skips"]] == ["broken.tflite"]
    assert all(one["scores"]["miou"]["value"] > 0.9 for one in report["peers"])
    assert any(one["on_front"] for one in report["peers"])
    assert "| broken.tflite |" in out
    assert (tmp_path / "reports" / "good" / "report.json").is_file()
    assert cv2.imread(str(tmp_path / "front.png")) is not None


def test_nothing_to_compare(run: Run, data: Path) -> None:
    code, _, err = run("bench", "peers", "--no-bundled", "--data", data)
    assert code == 2
    assert "nothing to compare" in err
