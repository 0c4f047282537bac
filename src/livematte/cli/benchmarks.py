"""The commands of ``livematte bench`` that measure models; ``bench`` has them beside its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from livematte.engines import PRECISIONS, takes
from livematte.errors import InputError, ModelError, UsageError
from livematte.files import write_atomically
from livematte.weights import DEFAULT

__all__ = ["COMMANDS", "android", "gpu_io", "latency", "ops", "peers"]

Json = Annotated[Path | None, typer.Option("--json", help="Also write the report as JSON.")]
Specs = Annotated[
    Path | None, typer.Option(help="Folder of STEM.json, for files that hold no spec.")
]


def latency(
    models: Annotated[
        list[str] | None, typer.Argument(help="Bundled names or model files.")
    ] = None,
    engines: Annotated[
        str, typer.Option(help="Which to compare, with commas.")
    ] = "onnxruntime,openvino,litert,torch",
    precisions: Annotated[
        str,
        typer.Option(help=f"file (as it is stored), {', '.join(PRECISIONS)}; with commas."),
    ] = "file",
    threads: Annotated[str, typer.Option(help="Threads of one run; with commas.")] = "1,2",
    device: Annotated[str, typer.Option(help="cpu, cuda, or another one of the engines'.")] = "cpu",
    rounds: Annotated[int, typer.Option(min=1, help="Timed runs of each.")] = 30,
    warmup: Annotated[int, typer.Option(min=0, help="Untimed runs of each before.")] = 5,
    specs: Specs = None,
    output: Json = None,
) -> None:
    """Time every engine × model × precision × threads, taking turns, each in its own process."""
    from livematte.benchmark.combinations import combine  # noqa: PLC0415
    from livematte.benchmark.latency import measure, to_dict, to_markdown  # noqa: PLC0415

    combinations, skips = combine(
        models or [DEFAULT],
        _names(engines),
        _names(precisions),
        _numbers("--threads", threads),
        device=device,
        specs=specs,
    )
    with Console(stderr=True).status("starting") as status:
        report = measure(
            combinations, rounds=rounds, warmup=warmup, skips=skips, progress=status.update
        )
    typer.echo(to_markdown(report), nl=False)
    _write_json(output, lambda: to_dict(report))


def ops(
    model: Annotated[str, typer.Argument(help="A bundled name or a model file.")] = DEFAULT,
    engine: Annotated[str, typer.Option(help="onnxruntime, openvino or litert.")] = "onnxruntime",
    threads: Annotated[int, typer.Option(min=1, help="Threads of one run.")] = 1,
    runs: Annotated[int, typer.Option(min=1, help="Averaged over so many.")] = 20,
    slowest: Annotated[int, typer.Option(min=0, help="So many layers are listed.")] = 10,
    spec: Annotated[Path | None, typer.Option(help="JSON spec of a file that holds none.")] = None,
    output: Json = None,
) -> None:
    """Where a run's time goes: by operator type, and the slowest layers."""
    from livematte.benchmark.combinations import find_files  # noqa: PLC0415
    from livematte.benchmark.operators import to_dict, to_markdown  # noqa: PLC0415
    from livematte.benchmark.profiling import profile  # noqa: PLC0415
    from livematte.benchmark.worker import read_spec  # noqa: PLC0415

    files = find_files(model)
    path = next((file for file in files if takes(engine, file)), files[0])
    given = None if spec is None else read_spec(spec)
    report = profile(path, engine, runs=runs, threads=threads, spec=given)
    typer.echo(to_markdown(report, slowest=slowest), nl=False)
    _write_json(output, lambda: to_dict(report))


def gpu_io(
    engines: Annotated[
        str, typer.Option(help="torch, onnxruntime, openvino; with commas.")
    ] = "torch,onnxruntime,openvino",
    devices: Annotated[str, typer.Option(help="cpu, cuda; with commas.")] = "cpu",
    rounds: Annotated[int, typer.Option(min=1, help="Timed runs of each.")] = 50,
    output: Json = None,
) -> None:
    """What carrying a mask in and out costs, apart from computing it: seven toy graphs."""
    from livematte.benchmark.copies import measure, to_dict, to_markdown  # noqa: PLC0415

    with Console(stderr=True).status("starting") as status:
        report = measure(_names(engines), _names(devices), rounds=rounds, progress=status.update)
    typer.echo(to_markdown(report), nl=False)
    _write_json(output, lambda: to_dict(report))


def android(
    model: Annotated[
        Path | None, typer.Argument(help="A .tflite file to write a script for.")
    ] = None,
    script: Annotated[Path, typer.Option("--output", "-o", help="The script to write.")] = Path(
        "bench-android.sh"
    ),
    threads: Annotated[str, typer.Option(help="CPU threads, with commas.")] = "1,4",
    gpu: Annotated[bool, typer.Option(help="Also LiteRT's GPU delegate.")] = True,
    nnapi: Annotated[bool, typer.Option(help="Also NNAPI.")] = False,
    delegate: Annotated[
        Path | None, typer.Option(help="Also a vendor's delegate, a .so for the phone.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Each runs all configurations.")] = 3,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs in each.")] = 50,
    output: Annotated[
        Path | None, typer.Option("--read", help="Show the output of the script instead.")
    ] = None,
    slowest: Annotated[int, typer.Option(min=0, help="So many layers are listed.")] = 10,
    as_json: Json = None,
) -> None:
    """Write the adb script that runs benchmark_model on a phone, or read what it printed."""
    from livematte.benchmark import android as phone  # noqa: PLC0415

    if output is not None:
        report = phone.read_output(_read_text(output), source=str(output))
        typer.echo(phone.to_markdown(report, slowest=slowest), nl=False)
        _write_json(as_json, lambda: phone.to_dict(report))
        return
    if model is None:
        raise UsageError("give the .tflite file to time, or --read the output of the script")
    if not model.is_file():
        raise ModelError(f"{model}: no such model; livematte export --to litert writes one")
    text = phone.write_script(
        model,
        threads=_numbers("--threads", threads),
        gpu=gpu,
        nnapi=nnapi,
        delegate=delegate,
        rounds=rounds,
        runs=runs,
    )
    write_atomically(script, text.encode())
    script.chmod(script.stat().st_mode | 0o111)
    typer.echo(f"BENCHMARK_MODEL=path/to/benchmark_model sh {script}")


def peers(
    data: Annotated[Path, typer.Option("--data", help="Dataset folder.")],
    places: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE|FOLDER", help="Model files, or folders of them."),
    ] = None,
    split: Annotated[str, typer.Option(help="validation, train or all.")] = "validation",
    bundled: Annotated[bool, typer.Option(help="Beside the bundled models.")] = True,
    specs: Specs = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Score so many samples, evenly spaced.")
    ] = None,
    refine: Annotated[bool, typer.Option("--refine", help="After edge-aware refinement.")] = False,
    reports: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the full reports.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="PNG of accuracy against latency, to be written.")
    ] = None,
    output: Json = None,
) -> None:
    """Accuracy and latency of our models beside others', on one dataset in one run."""
    from livematte.benchmark.front import draw_front  # noqa: PLC0415
    from livematte.benchmark.peers import compare, list_files, to_dict, to_markdown  # noqa: PLC0415
    from livematte.data.datasets import open_dataset  # noqa: PLC0415

    files = list(list_files(places or [], bundled=bundled))
    if not files:
        raise UsageError("nothing to compare: give model files, or leave out --no-bundled")
    dataset = open_dataset(data, split=None if split == "all" else split)
    with Console(stderr=True).status("starting") as status:
        report = compare(
            files,
            dataset,
            label=data.resolve().name,
            specs=specs,
            limit=limit,
            refine=refine,
            reports=reports,
            progress=status.update,
        )
    typer.echo(to_markdown(report), nl=False)
    _write_json(output, lambda: to_dict(report))
    if picture is not None:
        write_atomically(picture, draw_front(report.peers))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in _names(text)]
    except ValueError:
        raise UsageError(f"{option} {text}: expected numbers with commas, such as 1,2") from None


def _write_json(path: Path | None, report: Callable[[], dict[str, Any]]) -> None:
    from livematte.evaluation.report import to_json, without_nan  # noqa: PLC0415

    if path is not None:
        write_atomically(path, to_json(without_nan(report())).encode())


COMMANDS: dict[str, Callable[..., None]] = {
    "latency": latency,
    "ops": ops,
    "gpu-io": gpu_io,
    "android": android,
    "peers": peers,
}
"""By name."""
