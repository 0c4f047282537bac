"""What it costs to carry a mask to and from a network, apart from computing it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.benchmark.carriers import CARRIERS, Carrier
from livematte.benchmark.combinations import Skip, turns
from livematte.benchmark.packing import unpack_mask
from livematte.benchmark.tables import markdown_table
from livematte.benchmark.toy_graphs import GRAPHS, build_graph, example_input
from livematte.errors import LivematteError, UsageError
from livematte.machine import machine_facts

__all__ = ["Copies", "CopyReport", "measure", "to_dict", "to_markdown"]

_PACKAGES = ("torch", "onnxruntime", "onnxruntime-gpu", "openvino")
_DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Copies:
    """One graph in one runtime; times are medians, in ms.

    Attributes:
        in_kb, out_kb: what goes in and comes out, in KB.
        put_ms, compute_ms, get_ms: the way in, the graph, the way out.
        decode_ms: a packed mask to its pixels; None for others.
    """

    graph: str
    engine: str
    device: str
    in_kb: float
    out_kb: float
    put_ms: float
    compute_ms: float
    get_ms: float
    decode_ms: float | None


@dataclass(frozen=True)
class CopyReport:
    """All of them, and what could not be run."""

    machine: dict[str, Any]
    rounds: int
    copies: tuple[Copies, ...]
    skips: tuple[Skip, ...]


def measure(
    engines: Sequence[str],
    devices: Sequence[str] = ("cpu",),
    *,
    rounds: int = 50,
    progress: Callable[[str], None] = lambda line: None,
) -> CopyReport:
    """Time every graph in every engine and device, taking turns, on one thread.

    Raises:
        UsageError: an unknown engine or device.
    """
    for wanted, known in ((engines, tuple(CARRIERS)), (devices, _DEVICES)):
        for name in wanted:
            if name not in known:
                raise UsageError(f"{name!r} cannot be measured: take some of {', '.join(known)}")
    opened: list[tuple[str, str, str, Carrier]] = []
    skips: list[Skip] = []
    for engine, device, graph in product(engines, devices, GRAPHS):
        progress(f"{engine} on {device}: {graph}")
        try:
            carrier = CARRIERS[engine](build_graph(graph), example_input(graph), device)
        except LivematteError as error:
            skips.append(Skip(f"{engine} on {device}", str(error)))
            continue
        opened.append((graph, engine, device, carrier))
    times = np.zeros((len(opened), rounds, 4))
    sizes = np.zeros((len(opened), 2))
    images = {graph: example_input(graph).numpy() for graph in GRAPHS}
    for index, (graph, _, _, carrier) in enumerate(opened):
        _, output = _carry(carrier, images[graph], graph)  # warm-up
        sizes[index] = images[graph].nbytes / 1000, output.nbytes / 1000
    for number, order in enumerate(turns(len(opened), rounds)):
        progress(f"round {number + 1} of {rounds}")
        for index in order:
            graph, _, _, carrier = opened[index]
            times[index, number], _ = _carry(carrier, images[graph], graph)
    copies = []
    for (graph, engine, device, _), seconds, (inside, outside) in zip(
        opened, np.median(times, axis=1), sizes, strict=True
    ):
        put, compute, get, decode = (1000 * float(value) for value in seconds)
        copies.append(
            Copies(
                graph,
                engine,
                device,
                float(inside),
                float(outside),
                put,
                compute,
                get,
                decode if GRAPHS[graph].packed else None,
            )
        )
    unique = tuple(dict.fromkeys(skips))
    return CopyReport(machine_facts(_PACKAGES), rounds, tuple(copies), unique)


def _carry(
    carrier: Carrier, image: NDArray[np.float32], graph: str
) -> tuple[list[float], NDArray[np.float32]]:
    """Seconds of the way in, the graph, the way out and decoding; and what came out."""
    marks = [time.perf_counter()]
    carrier.put(image)
    marks.append(time.perf_counter())
    carrier.compute()
    marks.append(time.perf_counter())
    output = carrier.get()
    marks.append(time.perf_counter())
    if GRAPHS[graph].packed:
        unpack_mask(output.reshape(output.shape[-2:] if output.ndim == 3 else output.shape[2:]))
    marks.append(time.perf_counter())
    return np.diff(marks).tolist(), output


def to_dict(report: CopyReport) -> dict[str, Any]:
    """The report as plain values for JSON."""
    return asdict(report)


def to_markdown(report: CopyReport) -> str:
    """A table of the graphs, and what packing saves in each engine."""
    rows = [
        (
            one.graph,
            f"{one.engine} ({one.device})",
            f"{one.in_kb:.0f}",
            f"{one.out_kb:.0f}",
            f"{one.put_ms:.3f}",
            f"{one.compute_ms:.3f}",
            f"{one.get_ms:.3f}",
            "–" if one.decode_ms is None else f"{one.decode_ms:.3f}",
        )
        for one in report.copies
    ]
    header = "graph|engine|in, KB|out, KB|copy in, ms|compute, ms|copy out, ms|decode, ms"
    lines = [*markdown_table(header.split("|"), rows, left=2), "", *_savings(report)]
    if report.skips:
        skipped = [(skip.title, skip.reason) for skip in report.skips]
        lines += ["", *markdown_table(("skipped", "why"), skipped, left=2)]
    facts = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    busy = "" if facts["load"] is None else f", load {facts['load']}"
    lines += [
        "",
        f"Medians of {report.rounds} rounds in turns, one thread. {facts['processor']}, "
        f"{facts['cores']} cores{busy}. {versions}.",
    ]
    return "\n".join(lines) + "\n"


def _savings(report: CopyReport) -> list[str]:
    """The copy that packing saves against the decoding that it costs, per engine and device."""
    found = {(one.engine, one.device, one.graph): one for one in report.copies}
    lines = []
    for engine, device in dict.fromkeys((one.engine, one.device) for one in report.copies):
        plain = found[engine, device, "convolution"]
        packed = found[engine, device, "packed"]
        lines.append(
            f"- {engine} ({device}): packing makes the copy out {plain.get_ms - packed.get_ms:.3f} "
            f"ms shorter ({plain.get_ms:.3f} to {packed.get_ms:.3f}); decoding 256×256 takes "
            f"{packed.decode_ms or 0.0:.3f} ms."
        )
    return lines
