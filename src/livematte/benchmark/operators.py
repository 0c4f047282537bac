"""Where a run's time goes, by operator type and by layer, whatever profiled it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from livematte.benchmark.tables import markdown_table

__all__ = ["LayerTime", "OperatorReport", "TypeTime", "summarise", "to_dict", "to_markdown"]

_LONGEST_NAME = 60


@dataclass(frozen=True)
class LayerTime:
    """One operator of a graph.

    Attributes:
        name: the layer's, as the runtime calls it after its own fusions.
        kind: operator type.
        ms: average of the runs.
        memory_kb: what the tool says of memory, in KB; None where it says nothing. ONNX Runtime
            and LiteRT here: the size of the outputs; the Android tool: growth of the heap.
        count: how many operators stand behind it; 1, but for summaries that name no layer.
    """

    name: str
    kind: str
    ms: float
    memory_kb: float | None = None
    count: int = 1


@dataclass(frozen=True)
class TypeTime:
    """All operators of one type.

    Attributes:
        share, cumulative: of the sum over all operators, in [0, 1]; types before it included.
    """

    kind: str
    count: int
    ms: float
    share: float
    cumulative: float
    memory_kb: float | None


@dataclass(frozen=True)
class OperatorReport:
    """One model's profile.

    Attributes:
        model: its name.
        tool: what measured, and where.
        runs: averaged over so many.
        whole_ms: average of the whole runs, which also hold what no operator accounts for.
        layers: in the order in which they run.
        note: what the reader must know about how it was measured.
    """

    model: str
    tool: str
    runs: int
    whole_ms: float | None
    layers: tuple[LayerTime, ...]
    note: str = ""

    @property
    def sum_ms(self) -> float:
        """Over all operators."""
        return sum(layer.ms for layer in self.layers)


def summarise(layers: Sequence[LayerTime]) -> list[TypeTime]:
    """Times by operator type, the most first."""
    kinds: dict[str, list[LayerTime]] = {}
    for layer in layers:
        kinds.setdefault(layer.kind, []).append(layer)
    total = sum(layer.ms for layer in layers)
    summary: list[TypeTime] = []
    cumulative = 0.0
    for kind, members in sorted(kinds.items(), key=lambda pair: -sum(m.ms for m in pair[1])):
        ms = sum(member.ms for member in members)
        share = ms / total if total else 0.0
        cumulative += share
        known = [m.memory_kb for m in members if m.memory_kb is not None]
        count = sum(member.count for member in members)
        summary.append(TypeTime(kind, count, ms, share, cumulative, sum(known) if known else None))
    return summary


def to_dict(report: OperatorReport) -> dict[str, Any]:
    """The report as plain values for JSON."""
    types = [asdict(entry) for entry in summarise(report.layers)]
    return {**asdict(report), "sum_ms": report.sum_ms, "types": types}


def to_markdown(report: OperatorReport, *, slowest: int = 10) -> str:
    """Two tables: operator types, and the ``slowest`` layers."""
    whole = "" if report.whole_ms is None else f", whole run {report.whole_ms:.3f} ms"
    lines = [
        f"{report.model}, {report.tool}: {sum(layer.count for layer in report.layers)} operators, "
        f"{report.runs} runs, sum of operators {report.sum_ms:.3f} ms{whole}.",
        *([report.note] if report.note else []),
        "",
        *markdown_table(
            ("node type", "count", "avg ms", "%", "cumulative %", "memory, KB"),
            [
                (
                    entry.kind,
                    str(entry.count),
                    f"{entry.ms:.3f}",
                    f"{100 * entry.share:.1f}",
                    f"{100 * entry.cumulative:.1f}",
                    _kilobytes(entry.memory_kb),
                )
                for entry in summarise(report.layers)
            ],
        ),
    ]
    ranked = sorted(report.layers, key=lambda layer: -layer.ms)[:slowest]
    named = [layer for layer in ranked if layer.name]
    if named:
        total = report.sum_ms or 1.0
        rows = [
            (_short(layer.name), layer.kind, f"{layer.ms:.3f}", f"{100 * layer.ms / total:.1f}")
            for layer in named
        ]
        lines += ["", *markdown_table(("slowest layer", "node type", "avg ms", "%"), rows, left=2)]
    return "\n".join(lines) + "\n"


def _kilobytes(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _short(name: str) -> str:
    """The end of a long name, for there the layers differ."""
    return name if len(name) <= _LONGEST_NAME else "…" + name[1 - _LONGEST_NAME :]
