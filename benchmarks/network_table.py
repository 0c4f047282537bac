"""Print the README's table: size, work, time and score of every network.

    python benchmarks/network_table.py [--rounds 20]

Time is that of ONNX Runtime on one thread. Every round runs each network once, so that a busy
machine slows all of them alike; compare the ratios. The networks carry fresh weights, which time
does not depend on; scores are those of the bundled weights.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from livematte import networks, weights
from livematte.engines.onnxruntime import OnnxRuntimeEngine
from livematte.export.exporter import export_model
from livematte.networks.counting import count_macs, count_parameters
from livematte.spec import ModelSpec

SCORES = ("portraits_miou", "portraits_boundary_f")


def open_all(folder: Path) -> dict[str, OnnxRuntimeEngine]:
    """Export each network at its published size and open the file."""
    engines = {}
    for name in networks.names():
        network = networks.create(name)
        height, width = network.default_size
        path = folder / f"{name}.onnx"
        # Fresh weights let rounding errors grow, which says nothing about the export.
        export_model(network, ModelSpec(name, height, width), path, tolerance=1.0)
        engines[name] = OnnxRuntimeEngine(path, path.read_bytes(), None, device="cpu", threads=1)
    return engines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        engines = open_all(Path(folder))
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds + 2):
        for name, engine in engines.items():
            image = np.zeros((engine.spec.height, engine.spec.width, 3), np.float32)
            start = time.perf_counter()
            engine.run(image)
            times[name].append((time.perf_counter() - start) * 1000)
    scores = {model.name: model.spec.metrics for model in weights.bundled()}
    print("| network | input | parameters | MACs | CPU ms | mean IoU | boundary F |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name, values in times.items():
        network, spec = networks.create(name), engines[name].spec
        macs = count_macs(network, (spec.height, spec.width)) / 1e6
        score = scores.get(name, {})
        shown = (f"{score[key] * 100:.1f} %" if key in score else "" for key in SCORES)
        print(
            f"| `{name}` | {spec.height}×{spec.width} | {count_parameters(network):,} "
            f"| {macs:,.0f} M | {statistics.median(values[2:]):.1f} | {' | '.join(shown)} |"
        )


if __name__ == "__main__":
    main()
