"""Run a model file: one small file per runtime, one protocol."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from livematte.engines.base import Engine
from livematte.errors import ModelError, UsageError
from livematte.spec import ModelSpec

__all__ = ["ENGINES", "Engine", "open_engine"]

ENGINES = ("auto", "onnxruntime", "litert")

_THREADS_PER_CORE = 4
_BY_SUFFIX = {".onnx": "onnxruntime", ".tflite": "litert"}


def open_engine(
    path: Path,
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    spec: ModelSpec | None = None,
) -> Engine:
    """Open a model file.

    A JSON beside it (``model.json`` for ``model.onnx``) is read as its spec where the file
    embeds none, and its digest, where it holds one, is checked either way. A given ``spec``
    replaces both.

    Args:
        path: an ``.onnx`` or ``.tflite`` file.
        engine: one of :data:`ENGINES`; ``auto`` goes by the file's suffix.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: of one run; None leaves the choice to the runtime.
        spec: for a file without one.

    Raises:
        UsageError: no such engine, or a number of threads below 1 or far above the cores.
        MissingExtra: the engine is not installed.
        ModelError: a missing, damaged or foreign file, or one that is not what its digest says.
        DeviceError: the device cannot be had.
    """
    name = _choose(path, engine)
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads cannot run anything: take 1 or more")
    most = _THREADS_PER_CORE * (os.cpu_count() or 1)
    if threads is not None and threads > most:
        raise UsageError(f"{threads} threads would only hinder each other: take {most} or fewer")
    model = _read(path)
    sidecar = spec or _read_sidecar(path.with_suffix(".json"))
    if sidecar is not None and sidecar.sha256 is not None:
        digest = hashlib.sha256(model).hexdigest()
        if digest != sidecar.sha256.lower():
            raise ModelError(
                f"{path}: not the file its spec describes (SHA-256 {digest[:12]}…, expected "
                f"{sidecar.sha256[:12]}…); download or export it again"
            )
    if name == "litert":
        from livematte.engines.litert import LiteRtEngine  # noqa: PLC0415

        return LiteRtEngine(path, model, sidecar, device=device, threads=threads)
    from livematte.engines.onnxruntime import OnnxRuntimeEngine  # noqa: PLC0415

    return OnnxRuntimeEngine(path, model, spec, fallback=sidecar, device=device, threads=threads)


def _choose(path: Path, engine: str) -> str:
    if engine not in ENGINES:
        raise UsageError(f"no engine {engine!r}: take one of {', '.join(ENGINES)}")
    if engine != "auto":
        return engine
    try:
        return _BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        known = " or ".join(_BY_SUFFIX)
        raise ModelError(
            f"{path}: not a model file ({known}); a checkpoint becomes one by `livematte export`"
        ) from None


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
