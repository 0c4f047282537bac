"""Start a network from the trained encoder of another one that is made of the same blocks.

``mobilenetv3-transition`` and the two Mobile-UNets on MobileNetV3 share their encoder up to its
width and its biases, and no ImageNet weights of it are at hand; what the first has learnt starts
the others. A narrower network takes the leading channels. The decoder stays fresh.

    python benchmarks/borrow_encoder.py runs/transition/best.ckpt mobilenetv3-transition \
        mobile-unet-v3 -o start.ckpt
    livematte train mobile-unet-v3 --data DATA --set pretrained=start.ckpt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from livematte import networks


def borrow(lender: networks.Network, borrower: networks.Network) -> int:
    """Copy the encoder's weights that both have; the number of tensors copied.

    Raises:
        SystemExit: the encoders are not of the same blocks.
    """
    own = borrower.get_submodule("encoder").state_dict()
    lent = lender.get_submodule("encoder").state_dict()
    for name, there in lent.items():
        if name not in own or own[name].ndim != there.ndim:
            raise SystemExit(f"the encoders differ: {name} is in one of them alone")
        own[name].copy_(_leading(there, own[name]))
    for name in own.keys() - lent.keys():
        own[name].zero_()
    return len(lent)


def _leading(source: Tensor, target: Tensor) -> Tensor:
    """The first channels of ``source``, as many along each axis as ``target`` has."""
    if any(have < want for have, want in zip(source.shape, target.shape, strict=True)):
        raise SystemExit(f"cannot widen {tuple(source.shape)} to {tuple(target.shape)}")
    return source[tuple(slice(n) for n in target.shape)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="of the trained network")
    parser.add_argument("lender", choices=networks.names(), help="its name")
    parser.add_argument("borrower", choices=networks.names(), help="the network to start")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    borrower = networks.create(arguments.borrower)
    copied = borrow(networks.create(arguments.lender, pretrained=arguments.checkpoint), borrower)
    torch.save(borrower.state_dict(), arguments.output)
    print(f"{arguments.output}: {arguments.borrower} with {copied} tensors of {arguments.lender}")


if __name__ == "__main__":
    main()
