"""Write an evaluation down: JSON for programs, Markdown and a picture for people."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from livematte.evaluation.result import EvaluationResult
from livematte.evaluation.slices import SLICES
from livematte.machine import processor_name

__all__ = ["SCORES", "ScoreInfo", "to_dict", "to_json", "to_markdown", "without_nan"]


class ScoreInfo(NamedTuple):
    """How a score is shown: its title, the factor it is shown by, and which way is better."""

    title: str
    factor: float
    unit: str
    higher_is_better: bool


SCORES = {
    "miou": ScoreInfo("mean IoU (mean over images)", 100, "%", True),
    "miou_pooled": ScoreInfo("mean IoU (pixels pooled)", 100, "%", True),
    "foreground_iou": ScoreInfo("foreground IoU (mean over images)", 100, "%", True),
    "foreground_iou_pooled": ScoreInfo("foreground IoU (pixels pooled)", 100, "%", True),
    "pixel_accuracy": ScoreInfo("pixel accuracy", 100, "%", True),
    "boundary_f": ScoreInfo("boundary F", 100, "%", True),
    "mad": ScoreInfo("MAD", 1000, "×10⁻³", False),
    "mse": ScoreInfo("MSE", 1000, "×10⁻³", False),
    "gradient": ScoreInfo("gradient error", 1, "×10³ px", False),
    "connectivity": ScoreInfo("connectivity error", 1, "×10³ px", False),
    "ece": ScoreInfo("calibration error (ECE)", 100, "%", False),
    "dtssd": ScoreInfo("dtSSD", 100, "×10⁻²", False),
    "flicker": ScoreInfo("flicker", 1000, "×10⁻³", False),
}
"""The scores in the order in which they are reported."""


def to_dict(result: EvaluationResult, *, dataset: str, split: str | None) -> dict[str, Any]:
    """The report as plain values; what is undefined is None.

    Args:
        result: what :func:`livematte.evaluation.evaluator.evaluate` returned.
        dataset: the dataset's path or name, for the reader.
        split: its split.
    """
    latency = asdict(result.latency)
    engine = {key: latency.pop(key) for key in ("engine", "device", "threads")}
    report = {
        "model": result.model,
        "spec": json.loads(result.spec.to_json()),
        "refined": result.refined,
        "dataset": dataset,
        "split": split,
        "images": len(result.images),
        "config": asdict(result.config),
        "machine": {"processor": processor_name(), "cores": os.cpu_count()},
        "engine": engine,
        "latency_ms": latency,
        "scores": {name: asdict(result.scores[name]) for name in SCORES if name in result.scores},
        "calibration": _calibration(result),
        "worst": [case.name for case in result.worst],
        "per_image": [
            {"name": i.name, "height": i.height, "width": i.width, "slices": i.slices, **i.values}
            for i in result.images
        ],
    }
    cleaned: dict[str, Any] = without_nan(report)
    return cleaned


def to_json(report: dict[str, Any]) -> str:
    """JSON text of :func:`to_dict`'s report."""
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def without_nan(value: Any) -> Any:
    """The same lists and dictionaries, with None for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _calibration(result: EvaluationResult) -> list[dict[str, float]]:
    """One entry per bin that holds pixels."""
    count, claimed, actual = result.bins
    edges = np.linspace(0, 1, count.size + 1)
    return [
        {
            "from": float(edges[b]),
            "to": float(edges[b + 1]),
            "pixels": int(count[b]),
            "mean_alpha": float(claimed[b] / count[b]),
            "mean_truth": float(actual[b] / count[b]),
        }
        for b in np.flatnonzero(count)
    ]


def to_markdown(
    result: EvaluationResult, *, dataset: str, split: str | None, worst_picture: str | None = None
) -> str:
    """The report for people.

    Args:
        result: what :func:`livematte.evaluation.evaluator.evaluate` returned.
        dataset: the dataset's path or name.
        split: its split.
        worst_picture: file name of the picture of the worst cases, to be linked.
    """
    size = f"{result.spec.width}×{result.spec.height}"
    part = f", {split} split" if split else ""
    refined = "with edge-aware refinement" if result.refined else "plain, resized bilinearly"
    lines = [
        f"# {result.model} on {dataset}",
        "",
        f"{len(result.images)} images{part}; input {size}; matte {refined}. Brackets hold the 95 % "
        f"interval of {result.config.resamples} bootstrap resamples over images.",
        "",
        *_score_table(result),
        "",
        *_slice_table(result),
        "",
        *_latency_table(result),
        "",
        *_calibration_table(result),
    ]
    if result.worst:
        lines += ["", *_worst_table(result)]
        if worst_picture is not None:
            lines += [
                "",
                "Image, truth, prediction, difference (red: person claimed where there is none; "
                "blue: person missed; grey: ignored).",
                "",
                f"![worst cases]({worst_picture})",
            ]
    return "\n".join(lines) + "\n"


def _score_table(result: EvaluationResult) -> list[str]:
    lines = ["| score | value | 95 % interval | better | images |", "|---|--:|:-:|:-:|--:|"]
    for name, info in SCORES.items():
        if name not in result.scores:
            continue
        score = result.scores[name]
        arrow = "higher" if info.higher_is_better else "lower"
        value, low, high = (_shown(v, info) for v in (score.value, score.low, score.high))
        bounds = f"{low} – {high}" if low != high else low
        lines.append(
            f"| {info.title} | {value} {info.unit} | {bounds} | {arrow} | {score.images} |"
        )
    return lines


def _shown(value: float, info: ScoreInfo) -> str:
    return "–" if math.isnan(value) else f"{value * info.factor:.2f}"


def _slice_table(result: EvaluationResult) -> list[str]:
    """Two scores of each slice that has a picture; differences of small slices mean little."""
    columns = ("miou", "boundary_f")
    titles = " | ".join(f"{SCORES[name].title}, {SCORES[name].unit}" for name in columns)
    lines = [f"| slice | images | {titles} |", "|---|--:|--:|--:|"]
    for slice_name, rule in SLICES.items():
        images = [image for image in result.images if slice_name in image.slices]
        if images:
            cells = [_slice_cell([i.values[name] for i in images], name) for name in columns]
            lines.append(f"| {slice_name}: {rule} | {len(images)} | {' | '.join(cells)} |")
    return lines


def _slice_cell(values: list[float], name: str) -> str:
    defined = [value for value in values if math.isfinite(value)]
    return _shown(sum(defined) / len(defined) if defined else math.nan, SCORES[name])


def _latency_table(result: EvaluationResult) -> list[str]:
    t = result.latency
    threads = "threads chosen by the engine" if t.threads is None else f"{t.threads} thread(s)"
    return [
        f"| latency, ms ({t.engine} on {t.device}, {threads}, batch 1) | median | p95 |",
        "|---|--:|--:|",
        f"| network alone | {t.run_median:.1f} | {t.run_p95:.1f} |",
        f"| image to matte of its size | {t.call_median:.1f} | {t.call_p95:.1f} |",
    ]


def _calibration_table(result: EvaluationResult) -> list[str]:
    lines = ["| predicted alpha | share of pixels | mean prediction | mean truth |"]
    lines.append("|---|--:|--:|--:|")
    total = result.bins[0].sum()
    for entry in _calibration(result):
        lines.append(
            f"| {entry['from']:.2f} – {entry['to']:.2f} | {100 * entry['pixels'] / total:.2f} % | "
            f"{entry['mean_alpha']:.3f} | {entry['mean_truth']:.3f} |"
        )
    return lines


def _worst_table(result: EvaluationResult) -> list[str]:
    lines = ["| worst images | mean IoU % | boundary F % |", "|---|--:|--:|"]
    for case in result.worst:
        scores = (100 * case.values[name] for name in ("miou", "boundary_f"))
        cells = ("–" if math.isnan(v) else f"{v:.1f}" for v in scores)
        lines.append(f"| {case.name} | {' | '.join(cells)} |")
    return lines
