"""Print parameters and multiply-accumulates of every network, as in docs/networks.md.

    python benchmarks/count_networks.py

Nothing is computed but shapes, so it takes seconds.
"""

from __future__ import annotations

from livematte import networks
from livematte.networks.counting import count_folded_parameters, count_macs, count_parameters


def main() -> None:
    print("| network | input | parameters | folded | MACs |")
    print("|---|---|---:|---:|---:|")
    for name in networks.names():
        network = networks.create(name)
        height, width = network.default_size
        macs = count_macs(network, network.default_size) / 1e6
        print(
            f"| `{name}` | {height}×{width} | {count_parameters(network):,} "
            f"| {count_folded_parameters(network):,} | {macs:,.1f} M |"
        )


if __name__ == "__main__":
    main()
