"""Time every network in ONNX Runtime, one thread, interleaved; print a Markdown table.

    python benchmarks/network_latency.py [--rounds 20]

Weights are fresh: time does not depend on them. Every round runs each network once, so that a busy
machine slows all of them alike; compare the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from livematte import networks
from livematte.engines.onnxruntime import OnnxRuntimeEngine
from livematte.export.onnx import export_onnx
from livematte.spec import ModelSpec


def open_all(folder: Path) -> dict[str, OnnxRuntimeEngine]:
    """Export each network at its published size and open the file."""
    engines = {}
    for name in networks.names():
        network = networks.create(name)
        height, width = network.default_size
        path = folder / f"{name}.onnx"
        # Fresh weights let rounding errors grow, which says nothing about the export.
        export_onnx(network, ModelSpec(name, height, width), path, tolerance=1.0)
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
    print("| network | input | median ms | min ms |\n|---|---|---:|---:|")
    for name, values in times.items():
        own, size = values[2:], engines[name].spec
        print(
            f"| `{name}` | {size.height}×{size.width} "
            f"| {statistics.median(own):.1f} | {min(own):.1f} |"
        )


if __name__ == "__main__":
    main()
