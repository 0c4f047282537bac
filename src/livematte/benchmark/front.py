"""The picture of accuracy against latency."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from livematte.benchmark.peers import Peer, find_front
from livematte.errors import MissingExtra

__all__ = ["draw_front"]


def draw_front(peers: Sequence[Peer]) -> bytes:
    """A PNG: one numbered point per model, larger for larger files, and the front as a line.

    Args:
        peers: with their scores and times; whiskers show the 95 % interval of the mean IoU.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
        from matplotlib.ticker import FormatStrFormatter  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("matplotlib", "train") from error
    figure = Figure(figsize=(9, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    ranked = sorted(peers, key=lambda peer: -peer.scores["miou"].value)
    for number, peer in enumerate(ranked, start=1):
        latency, score = float(np.median(peer.network_ms)), peer.scores["miou"]
        colour = "tab:red" if peer.bundled else "tab:blue"
        axes.vlines(latency, 100 * score.low, 100 * score.high, colors=colour, alpha=0.3)
        axes.scatter(
            latency,
            100 * score.value,
            s=20 + 20 * peer.megabytes,
            color=colour,
            label=f"{number}  {peer.name}",
        )
        place = (latency, 100 * score.value)
        axes.annotate(str(number), place, xytext=(6, 4), textcoords="offset points", fontsize=8)
    front = find_front(peers)
    axes.step(
        [float(np.median(peer.network_ms)) for peer in front],
        [100 * peer.scores["miou"].value for peer in front],
        where="post",
        color="grey",
        linewidth=1,
        zorder=0,
    )
    axes.set_xscale("log", subs=(2, 5))
    for formatted in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        formatted(FormatStrFormatter("%g"))
    axes.set_xlabel("network, ms (median, one thread, batch 1)")
    axes.set_ylabel("mean IoU, %")
    axes.grid(alpha=0.3, which="both")
    axes.set_title("red: bundled with livematte; size: that of the file", fontsize=8)
    if ranked:
        figure.legend(loc="outside right upper", fontsize=8, markerscale=0.6)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
