"""What a latency benchmark compares: every engine × model × precision × threads that can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from livematte import weights
from livematte.engines import ENGINES, PRECISIONS, takes
from livematte.errors import ModelError, UsageError

__all__ = ["AS_STORED", "Combination", "Skip", "combine", "find_files", "turns"]

AS_STORED = "file"
"""The precision that computes in what the file holds (OpenVINO: in 32-bit floats)."""

_BESIDE_A_MODEL = (".json", ".md", ".bin", ".png")


@dataclass(frozen=True)
class Combination:
    """One thing to measure.

    Attributes:
        path: the model file.
        engine: one of :data:`livematte.engines.ENGINES`, never ``auto``.
        precision: :data:`AS_STORED` or one of :data:`livematte.engines.PRECISIONS`.
        threads: of one run.
        device: as :func:`livematte.engines.open_engine` takes it.
        spec: a JSON file, for a model that holds none.
    """

    path: Path
    engine: str
    precision: str = AS_STORED
    threads: int = 1
    device: str = "cpu"
    spec: Path | None = None

    @property
    def title(self) -> str:
        """For messages."""
        plural = "s" if self.threads > 1 else ""
        return (
            f"{self.path.name}, {self.engine}, {self.precision}, {self.threads} thread{plural}, "
            f"{self.device}"
        )


@dataclass(frozen=True)
class Skip:
    """What was not measured, and why."""

    title: str
    reason: str


def combine(
    models: Sequence[str],
    engines: Sequence[str],
    precisions: Sequence[str] = (AS_STORED,),
    threads: Sequence[int] = (1,),
    *,
    device: str = "cpu",
    specs: Path | None = None,
) -> tuple[list[Combination], list[Skip]]:
    """Every combination whose engine opens one of the model's files.

    Args:
        models: bundled names (each engine takes the file beside the model that it opens) or files.
        engines: by name, without ``auto``.
        precisions: :data:`AS_STORED`, or what some engine offers.
        threads: of one run.
        device: the same for all.
        specs: a folder with ``STEM.json`` for files without spec.

    Returns:
        What can be tried, and what cannot, each with its reason.

    Raises:
        UsageError: an unknown engine or precision, nothing to measure, or fewer than one thread.
        ModelError: a file that is not there.
    """
    _check(models, engines, precisions, threads)
    combinations: list[Combination] = []
    skips: list[Skip] = []
    for model, engine in product(models, engines):
        files = find_files(model)
        fitting = [path for path in files if takes(engine, path)]
        if not fitting:
            had = ", ".join(sorted({path.suffix for path in files}))
            skips.append(Skip(f"{model}, {engine}", f"{engine} opens no {had} file; export one"))
            continue
        spec = None if specs is None else specs / f"{fitting[0].stem}.json"
        combinations += [
            Combination(
                fitting[0],
                engine,
                precision,
                count,
                device,
                spec if spec and spec.exists() else None,
            )
            for precision, count in product(precisions, threads)
        ]
    return list(dict.fromkeys(combinations)), skips


def _check(
    models: Sequence[str], engines: Sequence[str], precisions: Sequence[str], threads: Sequence[int]
) -> None:
    if not (models and engines and precisions and threads):
        raise UsageError("nothing to measure: give a model, an engine, a precision and threads")
    for engine in engines:
        if engine == "auto" or engine not in ENGINES:
            raise UsageError(f"no engine {engine!r}: take some of {', '.join(ENGINES[1:])}")
    known = (AS_STORED, *PRECISIONS)
    for precision in precisions:
        if precision not in known:
            raise UsageError(f"no precision {precision!r}: take some of {', '.join(known)}")
    if min(threads) < 1:
        raise UsageError(f"{min(threads)} threads cannot run anything: take 1 or more")


def find_files(model: str) -> list[Path]:
    """The files of a bundled model, its ONNX first; or the one that was named.

    Raises:
        ModelError: it is neither a bundled model nor a file.
    """
    for shipped in weights.bundled():
        if shipped.name == model:
            others = sorted(shipped.path.parent.glob(f"{shipped.path.stem}.*"))
            return [shipped.path] + [
                path
                for path in others
                if path != shipped.path and path.suffix not in _BESIDE_A_MODEL
            ]
    path = Path(model)
    if not path.is_file():
        raise ModelError(f"{model}: no such model; `livematte models list` shows the bundled ones")
    return [path]


def turns(count: int, rounds: int) -> Iterator[list[int]]:
    """Who runs when: each round runs each of ``count`` once, and starts one further on.

    So whatever slows the machine for a while slows all of them alike, and none always follows the
    same other.
    """
    for number in range(rounds):
        yield [(number + place) % count for place in range(count)] if count else []
