"""Latency, peak memory and cold start of many combinations, taking turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from livematte.benchmark.combinations import AS_STORED, Combination, Skip, turns
from livematte.benchmark.tables import markdown_table
from livematte.benchmark.worker import Opened, Worker
from livematte.errors import LivematteError
from livematte.machine import machine_facts

__all__ = ["PACKAGES", "Latency", "LatencyReport", "measure", "to_dict", "to_markdown"]

PACKAGES = ("livematte", "numpy", "onnxruntime", "openvino", "ai-edge-litert", "tensorrt", "torch")
"""The distributions whose versions a report names."""


@dataclass(frozen=True)
class Latency:
    """What one combination took.

    Attributes:
        times_ms: of each round, from the fitted image to the matte.
        peak_mb: largest resident memory of its process, in MB, with Python and NumPy.
    """

    combination: Combination
    opened: Opened
    times_ms: tuple[float, ...]
    peak_mb: float

    @property
    def median_ms(self) -> float:
        """Half of the rounds took no longer."""
        return float(np.median(self.times_ms))

    @property
    def p95_ms(self) -> float:
        """19 of 20 rounds took no longer."""
        return float(np.percentile(self.times_ms, 95))

    @property
    def min_ms(self) -> float:
        """The least disturbed round."""
        return min(self.times_ms)


@dataclass(frozen=True)
class LatencyReport:
    """All of them, in the order in which they were asked for, and what was left out."""

    machine: dict[str, Any]
    rounds: int
    warmup: int
    latencies: tuple[Latency, ...]
    skips: tuple[Skip, ...]


def measure(
    combinations: Sequence[Combination],
    *,
    rounds: int = 30,
    warmup: int = 5,
    skips: Sequence[Skip] = (),
    progress: Callable[[str], None] = lambda line: None,
    start: Callable[[Combination], Worker] = Worker,
) -> LatencyReport:
    """Time every combination in a process of its own, in rounds of which each runs all.

    Before each timed run goes an untimed one, for the others have had the caches since.

    Args:
        combinations: each is opened, and stays open to the end: memory must hold all of them.
        rounds: timed runs of each.
        warmup: untimed runs of each before the first round.
        skips: what was left out before, for the report.
        progress: told what happens, a line at a time.
        start: opens one; the tests put their own here.

    Returns:
        The latencies; what cannot be opened or run is among the skips, with its reason.
    """
    left_out = list(skips)
    with ExitStack() as stack:
        workers: list[Worker] = []
        for combination in combinations:
            progress(f"opening {combination.title}")
            try:
                worker = start(combination)
            except LivematteError as error:
                left_out.append(Skip(combination.title, str(error)))
                continue
            stack.callback(worker.close)
            workers.append(worker)
        times = _take_turns(workers, rounds, warmup, left_out, progress)
        latencies = tuple(
            Latency(worker.combination, worker.opened, tuple(times[index]), worker.peak_mb())
            for index, worker in enumerate(workers)
            if index in times
        )
    return LatencyReport(machine_facts(PACKAGES), rounds, warmup, latencies, tuple(left_out))


def _take_turns(
    workers: Sequence[Worker],
    rounds: int,
    warmup: int,
    left_out: list[Skip],
    progress: Callable[[str], None],
) -> dict[int, list[float]]:
    """The times by the worker's place; one that fails on the way is left out."""
    times: dict[int, list[float]] = {index: [] for index in range(len(workers))}

    def call(index: int, runs: int) -> float | None:
        try:
            return workers[index].run(runs)
        except LivematteError as error:
            left_out.append(Skip(workers[index].combination.title, str(error)))
            del times[index]
            return None

    if warmup:
        for index in range(len(workers)):
            call(index, warmup)
    for number, order in enumerate(turns(len(workers), rounds)):
        progress(f"round {number + 1} of {rounds}")
        for index in order:
            if index in times and (took := call(index, 2)) is not None:
                times[index].append(took)
    return times


def to_dict(report: LatencyReport) -> dict[str, Any]:
    """The report as plain values for JSON, every single time among them."""
    return {
        "machine": report.machine,
        "rounds": report.rounds,
        "warmup": report.warmup,
        "latencies": [
            {
                **_plain(latency.combination),
                **asdict(latency.opened),
                "median_ms": latency.median_ms,
                "p95_ms": latency.p95_ms,
                "min_ms": latency.min_ms,
                "peak_mb": latency.peak_mb,
                "times_ms": list(latency.times_ms),
            }
            for latency in report.latencies
        ],
        "skipped": [asdict(skip) for skip in report.skips],
    }


def _plain(combination: Combination) -> dict[str, Any]:
    return {
        "file": combination.path.name,
        "engine": combination.engine,
        "precision": combination.precision,
        "threads": combination.threads,
    }


def to_markdown(report: LatencyReport) -> str:
    """One table, fastest first within each model, what was skipped, and the machine.

    The ratio is to the fastest median of the same model: on a busy machine it is all that holds.
    """
    rows = []
    fastest = _fastest(report.latencies)
    for latency in sorted(report.latencies, key=lambda one: (one.opened.name, one.median_ms)):
        opened, combination = latency.opened, latency.combination
        rows.append(
            (
                combination.path.name,
                f"{opened.width}×{opened.height}",
                f"{combination.engine} ({opened.device})",
                _precision(latency),
                str(combination.threads),
                f"{latency.median_ms:.2f}",
                f"{latency.p95_ms:.2f}",
                f"{latency.min_ms:.2f}",
                f"{latency.median_ms / fastest[opened.name]:.2f}",
                f"{opened.cold_ms:.0f}",
                f"{latency.peak_mb:.0f}",
            )
        )
    header = "file|input|engine|precision|threads|median, ms|p95|min|ratio|cold start, ms|peak, MB"
    lines = [*markdown_table(header.split("|"), rows, left=4), ""]
    if report.skips:
        skipped = [(skip.title, skip.reason) for skip in report.skips]
        lines += [*markdown_table(("skipped", "why"), skipped, left=2), ""]
    return "\n".join([*lines, _describe_machine(report)]) + "\n"


def _precision(latency: Latency) -> str:
    """The file's, and what it is computed in where that was asked for."""
    asked = latency.combination.precision
    stored = latency.opened.stored
    return stored if asked == AS_STORED else f"{stored}, in {asked}"


def _fastest(latencies: Sequence[Latency]) -> dict[str, float]:
    medians: dict[str, float] = {}
    for latency in latencies:
        name = latency.opened.name
        medians[name] = min(latency.median_ms, medians.get(name, latency.median_ms))
    return medians


def _describe_machine(report: LatencyReport) -> str:
    """One paragraph: how it was measured, and on what."""
    facts = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    busy = "" if facts["load"] is None else f", load {facts['load']}"
    return (
        f"{report.rounds} rounds in turns after {report.warmup} runs of warm-up, batch 1, each in "
        f"a process of its own. {facts['processor']}, {facts['cores']} cores{busy}. {versions}."
    )
