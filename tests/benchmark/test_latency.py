"""What is compared, in which order, and how it is told; never how long it takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from livematte.benchmark.combinations import Combination, combine, turns
from livematte.benchmark.latency import measure, to_dict, to_markdown
from livematte.benchmark.worker import Opened, Worker
from livematte.errors import ModelError, UsageError

Run = Callable[..., tuple[int, str, str]]


def test_each_round_runs_each_once_and_starts_one_further_on() -> None:
    assert list(turns(3, 4)) == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]
    assert list(turns(0, 2)) == [[], []]


def test_every_combination_that_the_file_allows(red_model: Path) -> None:
    engines = ["onnxruntime", "openvino", "litert"]
    combinations, skips = combine([str(red_model)], engines, ["file", "bf16"], [1, 2])
    told = [(c.engine, c.precision, c.threads) for c in combinations]
    assert told == [
        (engine, precision, threads)
        for engine in engines[:2]
        for precision in ("file", "bf16")
        for threads in (1, 2)
    ]
    assert [(skip.title, "opens no .onnx" in skip.reason) for skip in skips] == [
        (f"{red_model}, litert", True)
    ]


def test_a_bundled_name_gives_each_engine_its_file() -> None:
    combinations, _ = combine(["livematte"], ["onnxruntime", "torch"])
    assert [c.path.name for c in combinations] == ["livematte.onnx", "livematte.ckpt"]


@pytest.mark.parametrize(
    ("engines", "precisions", "threads", "message"),
    [
        (["auto"], ["file"], [1], "no engine 'auto'"),
        (["onnxruntime"], ["int3"], [1], "no precision 'int3'"),
        (["onnxruntime"], ["file"], [0], "0 threads"),
        ([], ["file"], [1], "nothing to measure"),
    ],
)
def test_wrong_questions(
    engines: list[str], precisions: list[str], threads: list[int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        combine(["livematte"], engines, precisions, threads)


def test_no_such_model() -> None:
    with pytest.raises(ModelError, match="models list"):
        combine(["nothing.onnx"], ["onnxruntime"])


class Recorded(Worker):
    """Stands in for a process: writes down who runs, and fails where it is told to."""

    def __init__(self, combination: Combination, log: list[str]) -> None:
        self.combination = combination
        self.opened = Opened(combination.engine, 4, 4, "int8", "cpu", 3.0, 20.0)
        self._log = log
        if combination.engine == "missing":
            raise ModelError("not installed")

    def run(self, times: int = 1) -> float:
        self._log.append(f"{self.combination.engine}{times}")
        if self.combination.engine == "c" and len(self._log) > 8:
            raise ModelError("fell over")
        return float(len(self._log))

    def peak_mb(self) -> float:
        return 50.0

    def close(self) -> None:
        self._log.append(f"{self.combination.engine} closed")


def test_turns_are_taken_and_failures_told() -> None:
    log: list[str] = []
    wanted = [Combination(Path("m.onnx"), name) for name in ("a", "missing", "b", "c")]
    report = measure(wanted, rounds=3, warmup=5, start=lambda c: Recorded(c, log))
    warm, first, second, third = log[:3], log[3:6], log[6:9], log[9:11]
    assert warm == ["a5", "b5", "c5"]
    assert (first, second) == (["a2", "b2", "c2"], ["b2", "c2", "a2"])
    assert sorted(third) == ["a2", "c2"] or sorted(third) == ["b2", "c2"]
    assert sorted(log[-3:]) == ["a closed", "b closed", "c closed"]
    assert {skip.reason for skip in report.skips} == {"not installed", "fell over"}
    kept = {one.combination.engine: one for one in report.latencies}
    assert list(kept) == ["a", "b"]
    assert len(kept["a"].times_ms) == 3
    assert kept["a"].min_ms <= kept["a"].median_ms <= kept["a"].p95_ms


def test_the_command_measures_in_children_and_skips_with_reasons(
    run: Run, red_model: Path, tmp_path: Path
) -> None:
    target = tmp_path / "latency.json"
    engines = "onnxruntime,openvino,litert"
    arguments = ["--engines", engines, "--precisions", "file,bf16", "--threads", "1"]
    code, out, err = run(
        "bench", "latency", red_model, *arguments, "--rounds", 2, "--warmup", 1, "--json", target
    )
    assert code == 0, err
    report = json.loads(target.read_text(encoding="utf-8"))
    measured = {(one["engine"], one["precision"]) for one in report["latencies"]}
    assert {("onnxruntime", "file"), ("openvino", "file")} <= measured
    for one in report["latencies"]:
        assert len(one["times_ms"]) == 2
        assert one["peak_mb"] >= one["base_mb"] > 0
        assert one["cold_ms"] > 0
    skipped = {skip["title"]: skip["reason"] for skip in report["skipped"]}
    assert any("onnxruntime, bf16" in title for title in skipped)
    assert "| ratio |" in out
    assert report["machine"]["processor"] in out


def test_the_table_tells_files_from_what_they_are_computed_in() -> None:
    wanted = [Combination(Path("m.onnx"), "a"), Combination(Path("m.onnx"), "b", "bf16")]
    report = measure(wanted, rounds=1, start=lambda c: Recorded(c, []))
    lines = [line.split(" | ") for line in to_markdown(report).splitlines()]
    told = {(cells[2], cells[3]) for cells in lines if len(cells) == 11}
    assert told >= {("a (cpu)", "int8"), ("b (cpu)", "int8, in bf16")}


def test_tables_and_json_of_nothing() -> None:
    report = measure([], rounds=1, warmup=0)
    assert to_dict(report)["latencies"] == []
    assert "| file |" in to_markdown(report)
