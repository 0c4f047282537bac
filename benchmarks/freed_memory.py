"""What it saves a film that freed memory is kept (ADR 7); a table.

    python benchmarks/freed_memory.py FILM [--rounds 3]

Runs the pipeline with and without it in turns, each time in a process of its own, and tells the
processor's time per frame and the largest memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import cv2

import livematte
from livematte.benchmark.pipeline import bench_pipeline
from livematte.machine import keep_freed_memory, threads_beside_others
from livematte.video.composing import compose_over
from livematte.weights import DEFAULT_VIDEO


def measure(film: Path, *, keep: bool) -> str:
    if keep:
        keep_freed_memory()
    cv2.setNumThreads(threads_beside_others())
    segmenter = livematte.load(DEFAULT_VIDEO, threads=threads_beside_others())
    result = bench_pipeline(film, segmenter, lambda: compose_over((0, 177, 64)), rounds=1)
    return json.dumps({"cpu": result.cpu, "memory": result.peak_memory})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("kept", "given back"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(measure(options.film, keep=options.only == "kept"))
        return
    found: dict[str, list[dict[str, float]]] = {"kept": [], "given back": []}
    for _ in range(options.rounds):
        for name, results in found.items():
            command = [sys.executable, __file__, str(options.film), "--only", name]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            results.append(json.loads(done.stdout))
    print("| freed memory | processor, ms per frame | largest, MB |\n|---|--:|--:|")
    for name, results in found.items():
        cpu = statistics.median(result["cpu"] for result in results)
        memory = statistics.median(result["memory"] or 0 for result in results)
        print(f"| {name} | {cpu:.0f} | {memory / 1e6:.0f} |")


if __name__ == "__main__":
    main()
