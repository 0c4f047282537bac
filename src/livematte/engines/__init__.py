"""Run a model file: one small file per runtime, one protocol."""

from __future__ import annotations

import hashlib
import importlib
import os
from dataclasses import dataclass
from pathlib import Path

from livematte.engines.base import Engine
from livematte.errors import ModelError, UsageError
from livematte.spec import ModelSpec

__all__ = ["ENGINES", "PRECISIONS", "Engine", "open_engine", "takes"]


@dataclass(frozen=True)
class _Runtime:
    """Where an engine is.

    Attributes:
        opener: in ``livematte.engines.NAME``; all take the same arguments.
        suffixes: of the files it opens; ``auto`` takes the first engine that has the file's.
        precisions: it can compute in another type than the file's.
        sidecar: a JSON beside the file is its spec.
    """

    opener: str
    suffixes: tuple[str, ...]
    precisions: bool = False
    sidecar: bool = True


_RUNTIMES = {
    "onnxruntime": _Runtime("OnnxRuntimeEngine", (".onnx",)),
    "openvino": _Runtime("OpenVinoEngine", (".xml", ".onnx"), precisions=True),
    "litert": _Runtime("LiteRtEngine", (".tflite",)),
    "tensorrt": _Runtime("TensorRtEngine", (".engine", ".plan")),
    # The JSON beside a checkpoint is that of the model file which was made of it.
    "torch": _Runtime("open_checkpoint", (".ckpt",), sidecar=False),
}
ENGINES = ("auto", *_RUNTIMES)
PRECISIONS = ("fp32", "bf16", "fp16")

_THREADS_PER_CORE = 4


def open_engine(
    path: Path,
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    precision: str | None = None,
    spec: ModelSpec | None = None,
) -> Engine:
    """Open a model file.

    A JSON beside it (``model.json`` for ``model.onnx``) is read as its spec where the file
    embeds none, and its digest, where it holds one, is checked either way. A given ``spec``
    replaces both.

    Args:
        path: a file with one of the suffixes that the engines open.
        engine: one of :data:`ENGINES`; ``auto`` goes by the file's suffix.
        device: ``auto``, ``cpu``, or another one that the engine knows; what is asked for is
            taken, or an error.
        threads: of one run; None leaves the choice to the runtime.
        precision: one of :data:`PRECISIONS` to compute in, for engines that offer the choice
            (OpenVINO); None computes in 32-bit floats, or in what the file was quantised to.
        spec: for a file without one.

    Raises:
        UsageError: no such engine, device or precision, or a number of threads below 1 or far
            above the cores.
        MissingExtra: the engine is not installed.
        ModelError: a missing, damaged or foreign file, one that is not what its digest says, or
            whose inputs and outputs are not what its spec says.
        DeviceError: the device, or the precision on it, cannot be had.
    """
    name = _choose(path, engine)
    runtime = _RUNTIMES[name]
    _check_threads(threads)
    options: dict[str, str] = {}
    if precision is not None:
        if precision not in PRECISIONS:
            raise UsageError(f"no precision {precision!r}: take one of {', '.join(PRECISIONS)}")
        if not runtime.precisions:
            able = ", ".join(key for key, value in _RUNTIMES.items() if value.precisions)
            raise UsageError(
                f"{name} computes in the precision of the file: leave out the precision, "
                f"or take --engine {able}"
            )
        options["precision"] = precision
    model = _read(path)
    sidecar = _read_sidecar(path.with_suffix(".json")) if runtime.sidecar and not spec else spec
    if sidecar is not None and sidecar.sha256 is not None:
        _check_digest(path, model, sidecar.sha256.lower())
    module = importlib.import_module(f"{__name__}.{name}")
    opened: Engine = getattr(module, runtime.opener)(
        path, model, spec, fallback=sidecar, device=device, threads=threads, **options
    )
    return opened


def takes(engine: str, path: Path) -> bool:
    """Whether an engine opens files of this suffix; whether it is installed is told by opening."""
    return engine in _RUNTIMES and path.suffix.lower() in _RUNTIMES[engine].suffixes


def _choose(path: Path, engine: str) -> str:
    """The engine's name, for a file that it opens."""
    if engine not in ENGINES:
        raise UsageError(f"no engine {engine!r}: take one of {', '.join(ENGINES)}")
    suffix = path.suffix.lower()
    for name, runtime in _RUNTIMES.items():
        if suffix in runtime.suffixes and engine in ("auto", name):
            return name
    offered = [engine] if engine != "auto" else list(_RUNTIMES)
    known = dict.fromkeys(s for name in offered for s in _RUNTIMES[name].suffixes)
    raise ModelError(
        f"{path}: not a model file of {engine} ({', '.join(known)})"
        if engine != "auto"
        else f"{path}: not a model file ({', '.join(known)})"
    )


def _check_threads(threads: int | None) -> None:
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads cannot run anything: take 1 or more")
    most = _THREADS_PER_CORE * (os.cpu_count() or 1)
    if threads is not None and threads > most:
        raise UsageError(f"{threads} threads would only hinder each other: take {most} or fewer")


def _check_digest(path: Path, model: bytes, expected: str) -> None:
    digest = hashlib.sha256(model).hexdigest()
    if digest != expected:
        raise ModelError(
            f"{path}: not the file its spec describes (SHA-256 {digest[:12]}…, expected "
            f"{expected[:12]}…); download or export it again"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(
            f"{path}: no such model; `livematte models list` shows the bundled ones"
        ) from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error


def _read_sidecar(path: Path) -> ModelSpec | None:
    try:
        return ModelSpec.from_json(path.read_text(encoding="utf-8"), source=str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read as a model spec ({error})") from error
