"""Which networks a target takes: each with fresh weights, converted and compared with torch.

    python benchmarks/export_networks.py litert [NETWORK ...]

Prints a Markdown table; docs/targets/litert.md holds one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch

from livematte import networks
from livematte.errors import LivematteError
from livematte.export.exporter import export_model
from livematte.export.targets import get_target
from livematte.spec import ModelSpec

SIDE = 64


def row(name: str, target: str) -> str:
    torch.manual_seed(0)
    network = networks.create(name).eval()
    kind = get_target(target)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) if kind.folder else Path(folder) / f"{name}{kind.suffix}"
        try:
            report = export_model(network, ModelSpec(name, SIDE, SIDE), place, target=target)
        except LivematteError as error:
            return f"| {name} | {error} | |"
    if report.largest is None or report.mean is None:
        return f"| {name} | not compared | |"
    return f"| {name} | {report.largest:.1e} | {report.mean:.1e} |"


if __name__ == "__main__":
    target, *chosen = sys.argv[1:]
    print(f"| network, fresh weights, {SIDE}×{SIDE} | largest difference | mean |\n|---|---|---|")
    for name in chosen or networks.names():
        print(row(name, target), flush=True)
