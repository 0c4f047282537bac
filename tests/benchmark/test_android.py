"""The script for a phone, and its output; ours, composed after the documented format."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from livematte.benchmark.android import read_output, to_markdown, write_script
from livematte.benchmark.operators import summarise
from livematte.errors import InputError, UsageError

RECORDED = Path(__file__).parent / "benchmark_model.txt"
Run = Callable[..., tuple[int, str, str]]


def test_timings_and_operators_of_each_run() -> None:
    runs = read_output(RECORDED.read_text(encoding="utf-8"), source="recorded")
    assert [run.name for run in runs] == ["cpu, 4 threads", "gpu", "nnapi", "delegate"]
    cpu, gpu, nnapi, delegate = runs
    assert (cpu.init_ms, cpu.first_ms, cpu.average_ms) == pytest.approx((18.777, 12.4, 10.0))
    assert cpu.operators is not None
    assert cpu.operators.runs == 97
    assert "Pretend 5" in cpu.operators.tool
    kinds = [(t.kind, t.count, t.ms) for t in summarise(cpu.operators.layers)]
    assert kinds == [
        ("CONV_2D", 2, pytest.approx(6.0)),
        ("RESIZE_BILINEAR", 1, pytest.approx(3.0)),
        ("LOGISTIC", 1, pytest.approx(1.0)),
    ]
    assert cpu.operators.layers[0].name == "[net/stem]:0"
    assert gpu.operators is not None
    assert [layer.kind for layer in gpu.operators.layers] == ["TfLiteGpuDelegateV2"]
    assert nnapi.average_ms is None
    assert nnapi.operators is None
    assert delegate.operators is not None
    assert [layer.kind for layer in delegate.operators.layers] == [
        "PAD",
        "Convolution (NHWC, F32) IGEMM",
        "Sigmoid (NC, F32)",
    ]


def test_the_same_tables_as_on_a_computer() -> None:
    text = to_markdown(read_output(RECORDED.read_text(encoding="utf-8"), source="recorded"))
    assert "| cpu, 4 threads | 1 of 1 | 10.00 | 12.40 | 18.78 |" in text
    assert "| nnapi | 0 of 1 | failed | failed | failed |" in text
    assert "| CONV_2D | 2 | 6.000 | 60.0 | 60.0 |" in text


def test_an_old_output_of_the_tool_alone_with_a_summary_only() -> None:
    text = (
        "I tflite  : Inference timings in us: Init: 100, First inference: 3000, "
        "Warmup (avg): 2e+03, Inference (avg): 1500.5\n"
        "============================== Summary by node type ==============================\n"
        "             [Node type]    [count]   [avg ms]    [avg %]     [cdf %]     [mem KB]"
        "  [times called]\n"
        "                 CONV_2D         34    266.475    75.118%     75.118%      0.000"
        "         34\n"
    )
    (run,) = read_output(text, source="old")
    assert run.average_ms == pytest.approx(1.5005)
    assert run.operators is not None
    assert [(row.kind, row.count, row.ms) for row in run.operators.layers] == [
        ("CONV_2D", 34, 266.475)
    ]


def test_something_else() -> None:
    with pytest.raises(InputError, match=r"log\.txt: holds no timings"):
        read_output("error: no devices/emulators found\n", source="log.txt")


def test_the_script_runs_what_was_asked_for(tmp_path: Path) -> None:
    model = tmp_path / "my model's.tflite"
    script = write_script(
        model, threads=[1, 4], nnapi=True, delegate=Path("libvendor.so"), rounds=2
    )
    assert [line.strip() for line in script.splitlines() if line.startswith("    run ")] == [
        "run 'cpu, 1 threads' \"--num_threads=1 --use_xnnpack=true\"",
        "run 'cpu, 4 threads' \"--num_threads=4 --use_xnnpack=true\"",
        'run gpu "--use_gpu=true"',
        'run nnapi "--use_nnapi=true"',
        'run delegate "--external_delegate_path=$PLACE/delegate.so"',
    ]


def test_the_script_drives_adb_and_its_output_is_read(tmp_path: Path) -> None:
    """Against an adb of ours, which writes down what it is told and answers as the tool does."""
    shell = shutil.which("sh")
    assert shell is not None
    model = tmp_path / "a model's.tflite"
    model.write_bytes(b"")
    script, log, out = tmp_path / "bench.sh", tmp_path / "log", tmp_path / "out.txt"
    text = write_script(model, threads=[2], gpu=True, rounds=2).replace("sleep 5", "sleep 0")
    script.write_text(text, encoding="utf-8")
    adb = tmp_path / "adb"
    adb.write_text(
        "#!/bin/sh\n"
        f'printf "%s\\n" "$*" >> "{log}"\n'
        'case "$*" in *getprop*) echo Pretend;; *use_gpu*) exit 1;; *--graph*) '
        'echo "Inference timings in us: Init: 1000, First inference: 3000, '
        'Warmup (avg): 2000, Inference (avg): 2000";; esac\n',
        encoding="utf-8",
    )
    adb.chmod(0o755)
    environment = {"ADB": str(adb), "BENCHMARK_MODEL": "tool", "PATH": "/usr/bin:/bin"}
    subprocess.run([shell, str(script), str(out)], env=environment, check=True, cwd=tmp_path)
    told = log.read_text(encoding="utf-8").splitlines()
    assert f"push {model} /data/local/tmp/livematte-bench/model.tflite" in told
    assert told[-1] == "shell rm -rf /data/local/tmp/livematte-bench"
    runs = read_output(out.read_text(encoding="utf-8"), source="out")
    assert [(run.name, run.average_ms) for run in runs] == [
        ("cpu, 2 threads", 2.0),
        ("gpu", None),
    ] * 2


def test_files_that_no_phone_runs() -> None:
    with pytest.raises(UsageError, match=r"runs \.tflite files"):
        write_script(Path("net.onnx"))
    with pytest.raises(UsageError, match="nothing to run"):
        write_script(Path("net.tflite"), threads=[], gpu=False)


def test_the_command_writes_and_reads(run: Run, tmp_path: Path) -> None:
    model, script = tmp_path / "net.tflite", tmp_path / "bench.sh"
    model.write_bytes(b"")
    code, _, err = run("bench", "android", model, "--output", script)
    assert code == 0, err
    assert script.stat().st_mode & 0o100
    code, out, err = run("bench", "android", "--read", RECORDED)
    assert code == 0, err
    assert "| configuration |" in out
    assert run("bench", "android")[0] == 2
