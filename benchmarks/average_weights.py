"""Average the weights of several trainings of one network, which often beats each of them.

    python benchmarks/average_weights.py CHECKPOINT[=SHARE] CHECKPOINT[=SHARE] ... -o OUT.ckpt

For trainings that began at the same weights, and so lie in one valley of the loss (Wortsman et
al., Model soups, 2022). OUT holds the recipe of the last one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from livematte.networks.checkpoint import set_weights
from livematte.training.checkpoint import load_trained, save_network


def average(states: list[dict[str, Tensor]], shares: list[float]) -> dict[str, Tensor]:
    """The weighted mean of state dicts.

    Counters, and what not all of them have (a boundary head, say), are the last one's; so is what a
    kernel that takes a prior has more than others.
    """
    mean = dict(states[-1])
    for name, value in mean.items():
        if value.is_floating_point() and all(name in state for state in states):
            parts = [
                share * _widened(state[name], value)
                for share, state in zip(shares, states, strict=True)
            ]
            mean[name] = torch.stack(parts).sum(dim=0) / sum(shares)
    return mean


def _widened(kernel: Tensor, like: Tensor) -> Tensor:
    """A kernel of colours alone, with the further inputs of one that takes a prior."""
    if kernel.shape == like.shape:
        return kernel
    return torch.cat([kernel, like[:, kernel.shape[1] :]], dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT[=SHARE]")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    named = [text.partition("=") for text in options.checkpoints]
    trained = [load_trained(Path(path)) for path, _, _ in named]
    states = [network.state_dict() for _, network in trained]
    recipe, network = trained[-1]
    mean = average(states, [float(share or 1) for _, _, share in named])
    set_weights(network, mean, options.output)
    save_network(options.output, recipe, network)
    print(options.output)


if __name__ == "__main__":
    main()
