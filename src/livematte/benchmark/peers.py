"""Models beside each other: accuracy and latency on one dataset, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from livematte import weights
from livematte.benchmark.combinations import Skip, turns
from livematte.benchmark.tables import markdown_table
from livematte.data.datasets import Dataset
from livematte.errors import LivematteError, UsageError
from livematte.evaluation.evaluator import evaluate
from livematte.evaluation.files import write_report
from livematte.evaluation.predictors import EnginePredictor
from livematte.evaluation.result import EvaluationConfig, EvaluationResult
from livematte.evaluation.spread import Score
from livematte.machine import machine_facts
from livematte.segmenter import load

__all__ = [
    "Peer",
    "PeersReport",
    "compare",
    "find_front",
    "list_files",
    "to_dict",
    "to_markdown",
]

_SUFFIXES = (".onnx", ".tflite", ".xml")
_SHOWN = ("miou", "boundary_f", "mad", "ece")
_PACKAGES = ("livematte", "onnxruntime", "openvino", "ai-edge-litert")
_ROUNDS = 20


@dataclass(frozen=True)
class Peer:
    """One model; times in ms, of each round.

    Attributes:
        name: from its spec.
        file: its name.
        bundled: it ships with livematte.
        width, height: of its input.
        megabytes: of the file.
        scores: by name, see :data:`livematte.evaluation.report.SCORES`.
        network_ms: the network alone.
        call_ms: from the photo to a matte of its size.
    """

    name: str
    file: str
    bundled: bool
    width: int
    height: int
    megabytes: float
    scores: dict[str, Score]
    network_ms: tuple[float, ...]
    call_ms: tuple[float, ...]


@dataclass(frozen=True)
class PeersReport:
    """All of them, best mean IoU first, and the files that could not be scored."""

    machine: dict[str, Any]
    dataset: str
    split: str | None
    images: int
    peers: tuple[Peer, ...]
    skips: tuple[Skip, ...]


def list_files(places: Iterable[Path], *, bundled: bool = True) -> Iterator[Path]:
    """The bundled models, then the named files and the model files of the named folders.

    Raises:
        UsageError: a place that is not there.
    """
    if bundled:
        yield from (model.path for model in weights.bundled())
    for place in places:
        if place.is_dir():
            yield from (path for path in sorted(place.iterdir()) if path.suffix in _SUFFIXES)
        elif place.exists():
            yield place
        else:
            raise UsageError(f"{place}: no such file or folder of models")


def compare(
    files: Sequence[Path],
    dataset: Dataset,
    *,
    label: str,
    specs: Path | None = None,
    limit: int | None = None,
    refine: bool = False,
    rounds: int = _ROUNDS,
    reports: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> PeersReport:
    """Score every file, then time all of them in turns on the same photos, on one CPU thread.

    Args:
        files: of models.
        dataset: what they are scored on.
        label: its name, for the report.
        specs: a folder with ``STEM.json`` for files without spec.
        limit: score so many samples only, evenly spaced.
        refine: after edge-aware refinement.
        rounds: timed runs of each, all of one round on the same photo.
        reports: a folder for each one's full report, in a folder of its file's stem.
        progress: told what happens.

    Raises:
        OutputError: a report cannot be written.
    """
    scored: list[tuple[Path, EnginePredictor, EvaluationResult]] = []
    skips: list[Skip] = []
    for path in files:
        progress(f"scoring {path.name}")
        spec = None if specs is None else specs / f"{path.stem}.json"
        try:
            given = spec if spec is not None and spec.exists() else None
            segmenter = load(path, threads=1, device="cpu", spec=given)
            predictor = EnginePredictor(segmenter.engine, refine=refine)
            result = evaluate(predictor, dataset, EvaluationConfig(limit=limit))
        except LivematteError as error:
            skips.append(Skip(path.name, str(error)))
            continue
        scored.append((path, predictor, result))
        if reports is not None:
            write_report(result, reports / path.stem, dataset=label, split=dataset.split)
    progress("taking turns")
    times = _take_turns([predictor for _, predictor, _ in scored], dataset, rounds)
    peers = [
        _describe(path, result, times[index]) for index, (path, _, result) in enumerate(scored)
    ]
    peers.sort(key=lambda peer: -peer.scores["miou"].value)
    images = min(len(dataset), limit or len(dataset))
    return PeersReport(
        machine_facts(_PACKAGES), label, dataset.split, images, tuple(peers), tuple(skips)
    )


def _take_turns(
    predictors: Sequence[EnginePredictor], dataset: Dataset, rounds: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Milliseconds by model, by (network alone, whole prediction), by round."""
    times = np.zeros((len(predictors), 2, rounds))
    for number, order in enumerate(turns(len(predictors), rounds)):
        image = dataset.load(number * len(dataset) // rounds).image
        for index in order:
            predictor = predictors[index]
            started = time.perf_counter()
            predictor.predict(image)
            times[index, 1, number] = 1000 * (time.perf_counter() - started)
            times[index, 0, number] = 1000 * predictor.run_seconds
            predictor.reset()
    return times


def _describe(
    path: Path, result: EvaluationResult, times: np.ndarray[Any, np.dtype[np.float64]]
) -> Peer:
    network, call = (tuple(map(float, series)) for series in times)
    return Peer(
        name=result.model,
        file=path.name,
        bundled=any(path == model.path for model in weights.bundled()),
        width=result.spec.width,
        height=result.spec.height,
        megabytes=path.stat().st_size / 1e6,
        scores={name: result.scores[name] for name in _SHOWN},
        network_ms=network,
        call_ms=call,
    )


def find_front(peers: Sequence[Peer]) -> list[Peer]:
    """Those that no other beats in both latency and mean IoU, fastest first."""
    front: list[Peer] = []
    for peer in sorted(peers, key=lambda p: (_median(p.network_ms), -p.scores["miou"].value)):
        if not front or peer.scores["miou"].value > front[-1].scores["miou"].value:
            front.append(peer)
    return front


def _median(times: Sequence[float]) -> float:
    return float(np.median(times))


def to_dict(report: PeersReport) -> dict[str, Any]:
    """The report as plain values for JSON."""
    front = find_front(report.peers)
    plain = asdict(report)
    for entry, peer in zip(plain["peers"], report.peers, strict=True):
        entry["network_median_ms"] = _median(peer.network_ms)
        entry["call_median_ms"] = _median(peer.call_ms)
        entry["on_front"] = peer in front
    return plain


def to_markdown(report: PeersReport) -> str:
    """One table, best mean IoU first; latencies are median / minimum. What failed comes after."""
    header = (
        "model|input|file, MB|mean IoU, %|boundary F, %|MAD, ×10⁻³|ECE, %"
        "|network, ms|photo to matte, ms"
    )
    part = "" if report.split is None else f", {report.split} split"
    lines = [
        f"{report.images} images of {report.dataset}{part}, one thread, batch 1",
        "",
        *markdown_table(header.split("|"), [_row(peer) for peer in report.peers]),
        "",
        "Fastest to most accurate, no other better in both: "
        + (", ".join(peer.name for peer in find_front(report.peers)) or "none")
        + ".",
    ]
    if report.skips:
        rows = [(skip.title, skip.reason) for skip in report.skips]
        lines += ["", *markdown_table(("not scored", "why"), rows, left=2)]
    return "\n".join(lines) + "\n"


def _row(peer: Peer) -> tuple[str, ...]:
    def percent(score: Score) -> str:
        return f"{100 * score.value:.2f} ({100 * score.low:.1f} – {100 * score.high:.1f})"

    def milliseconds(times: Sequence[float]) -> str:
        return f"{_median(times):.1f} / {min(times):.1f}"

    scores = peer.scores
    return (
        peer.name,
        f"{peer.width}×{peer.height}",
        f"{peer.megabytes:.2f}",
        percent(scores["miou"]),
        percent(scores["boundary_f"]),
        f"{1000 * scores['mad'].value:.1f}",
        f"{100 * scores['ece'].value:.1f}",
        milliseconds(peer.network_ms),
        milliseconds(peer.call_ms),
    )
