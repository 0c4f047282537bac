"""A process of its own for each combination: memory, threads and cold start are its alone."""

from __future__ import annotations

import math
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from livematte.benchmark.combinations import AS_STORED, Combination
from livematte.engines import open_engine
from livematte.errors import LivematteError, ModelError, one_line
from livematte.machine import peak_memory
from livematte.spec import ModelSpec

__all__ = ["Opened", "Worker", "peak_megabytes", "read_spec"]

_LEAVE_SECONDS = 10.0


@dataclass(frozen=True)
class Opened:
    """What a worker says once its model has run.

    Attributes:
        name: the model's, from its spec.
        height, width: of its input.
        stored: the precision of its weights, from its spec.
        device: where it truly runs.
        cold_ms: from nothing to the first matte: importing the runtime, reading the file, preparing
            it, one run.
        base_mb: the process's peak memory before that: Python, NumPy and livematte.
    """

    name: str
    height: int
    width: int
    stored: str
    device: str
    cold_ms: float
    base_mb: float


class Worker:
    """A child process that holds one opened model and runs it when it is told to.

    Several are open at once, and all but one wait; so what is measured of one holds no thread,
    cache or memory of another's runtime.
    """

    def __init__(self, combination: Combination) -> None:
        """Start the process and open the model there.

        Raises:
            LivematteError: the model cannot be opened or run; says why.
        """
        self.combination = combination
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, combination), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self.opened: Opened = self._receive()
        except BaseException:
            self.close()
            raise

    def run(self, times: int = 1) -> float:
        """Milliseconds of the last of ``times`` runs, from the fitted image to the matte.

        Raises:
            LivematteError: the run failed, or the process died.
        """
        milliseconds: float = self._ask(times)
        return milliseconds

    def peak_mb(self) -> float:
        """The process's largest resident memory so far, in MB (10⁶ bytes).

        Raises:
            LivematteError: the process died.
        """
        megabytes: float = self._ask("memory")
        return megabytes

    def close(self) -> None:
        """End the process."""
        self._pipe.close()  # its loop ends with the pipe
        self._process.join(_LEAVE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _ask(self, question: object) -> Any:
        try:
            self._pipe.send(question)
        except OSError:
            raise self._died() from None
        return self._receive()

    def _receive(self) -> Any:
        try:
            failed, answer = self._pipe.recv()
        except (EOFError, OSError):
            raise self._died() from None
        if failed:
            raise ModelError(answer)
        return answer

    def _died(self) -> LivematteError:
        self._process.join(_LEAVE_SECONDS)
        return ModelError(
            f"{self.combination.title}: its process ended with {self._process.exitcode}; "
            "run this one alone to see what it says"
        )


def _serve(pipe: Connection, combination: Combination) -> None:
    """The child: opens the model, then answers until the pipe is closed."""
    try:
        base = peak_megabytes()
        started = time.perf_counter()
        run, opened = _open(combination)
        run()
        cold = 1000 * (time.perf_counter() - started)
        pipe.send((False, Opened(**opened, cold_ms=cold, base_mb=base)))
        while True:
            question = pipe.recv()
            if question == "memory":
                pipe.send((False, peak_megabytes()))
                continue
            for _ in range(question):
                started = time.perf_counter()
                run()
                took = time.perf_counter() - started
            pipe.send((False, 1000 * took))
    except LivematteError as error:
        pipe.send((True, str(error)))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
    except Exception as error:
        pipe.send((True, f"{combination.title}: {type(error).__name__}: {one_line(error)}"))


def _open(combination: Combination) -> tuple[Any, dict[str, Any]]:
    engine = open_engine(
        combination.path,
        engine=combination.engine,
        device=combination.device,
        threads=combination.threads,
        precision=None if combination.precision == AS_STORED else combination.precision,
        spec=None if combination.spec is None else read_spec(combination.spec),
    )
    spec = engine.spec
    image = np.random.default_rng(0).random((spec.height, spec.width, 3), dtype=np.float32)
    facts = {
        "name": spec.name,
        "height": spec.height,
        "width": spec.width,
        "stored": spec.precision,
        "device": engine.device,
    }
    return lambda: engine.run(image), facts


def read_spec(path: Path) -> ModelSpec:
    """The spec in a JSON file; :class:`ModelError` where it cannot be read."""
    try:
        return ModelSpec.from_json(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read as a model spec ({error})") from error


def peak_megabytes() -> float:
    """As :func:`livematte.machine.peak_memory`, in MB (10⁶ bytes); NaN where it is not known."""
    peak = peak_memory()
    return math.nan if peak is None else peak / 1e6
