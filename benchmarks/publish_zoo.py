"""Put one run of `make zoo-table` into README's table and into the cards' latencies.

    python benchmarks/publish_zoo.py out/zoo.json [--readme README.md] [--cards FOLDER]

README's names of our models stay as they stand there; cards of models that the run lacks stay, too.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import card

from livematte import weights
from livematte.benchmark.tables import markdown_table
from livematte.files import write_together

HEADER = (
    "model",
    "input",
    "mean IoU, %",
    "boundary F, %",
    "MAD, ×10⁻³",
    "network, ms",
    "photo to matte, ms",
)


def main() -> None:
    options = parse()
    report = json.loads(options.report.read_text(encoding="utf-8"))
    files = {options.readme: readme(options.readme.read_text(encoding="utf-8"), report["peers"])}
    for peer in report["peers"]:
        path = options.cards / f"{Path(peer['file']).stem}.md"
        if peer["bundled"] and path.is_file():
            text = path.read_text(encoding="utf-8")
            files[path] = with_latency(text, peer, report["machine"]["processor"])
    write_together({path: text.encode() for path, text in files.items()})
    print(*files, sep="\n")


def readme(text: str, peers: list[dict[str, Any]]) -> str:
    """The text with its table made anew."""
    header, *_ = markdown_table(HEADER, [])
    before, found, after = text.partition(header + "\n")
    old, blank, rest = after.partition("\n\n")
    if not found or not blank:
        raise SystemExit(f"README holds no table that begins with {header}")
    known = {
        re.split(r"[`,]", cell)[1]: cell for cell in re.findall(r"^\| (\**`.*?) \|", old, re.M)
    }
    lines = markdown_table(HEADER, [row(peer, known) for peer in peers])
    return before + "\n".join(lines) + blank + rest


def row(peer: dict[str, Any], known: dict[str, str]) -> tuple[str, ...]:
    name, scores = peer["name"], peer["scores"]
    miou, edges, mad = (scores[key] for key in ("miou", "boundary_f", "mad"))
    return (
        known.get(name, f"`{name}`") if peer["bundled"] else name,
        f"{peer['width']}×{peer['height']}",
        f"{100 * miou['value']:.2f} ({100 * miou['low']:.1f} – {100 * miou['high']:.1f})",
        f"{100 * edges['value']:.1f}",
        f"{1000 * mad['value']:.1f}",
        f"{peer['network_median_ms']:.1f}",
        f"{peer['call_median_ms']:.1f}",
    )


def with_latency(text: str, peer: dict[str, Any], processor: str) -> str:
    """The card's text with the run's latency in place of the one it tells."""
    told = card.latency(
        peer["network_median_ms"],
        peer["call_median_ms"],
        f"ONNX Runtime, one thread of {processor}, all models of\n`make zoo-table` taking turns",
    )
    return re.sub(r"## Latency\n.*?(?=\n\n## )", lambda _: told, text, flags=re.DOTALL)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--readme", type=Path, default=Path("README.md"))
    parser.add_argument("--cards", type=Path, default=Path(weights.__file__).parent)
    return parser.parse_args()


if __name__ == "__main__":
    main()
