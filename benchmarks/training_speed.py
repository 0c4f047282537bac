"""Measure training: images per second, and what share of the device's bound that is.

    python benchmarks/training_speed.py [--device cuda] [--batch 64] [--seconds 5]
        [--network livematte:256 livematte:192:encoder=efficientnet_lite2 ...]

Pictures are noise in memory, as training keeps them. "Step" is forward, losses, backward and
optimiser on a batch that is there; "whole" draws and augments each batch too. The bound is a large
matrix product in the same precision, measured in the same run. A training step is counted as three
times the inference's multiply-accumulates (forward, gradients of inputs, gradients of weights), two
operations each; norms, losses and augmentation are work that does not count.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from typing import Any

import torch
import yaml

from livematte import networks
from livematte.data.augment import AugmentConfig
from livematte.machine import keep_freed_memory
from livematte.networks.base import NetworkOutput
from livematte.networks.counting import count_macs
from livematte.training.batches import BatchMaker, TrainingBatch
from livematte.training.objective import compute_losses
from livematte.training.optimisers import make_optimiser
from livematte.training.processor import Precision, fast_kernels, precision_on
from livematte.training.recipe import LossConfig, Recipe, Stage
from livematte.training.store import PictureStore

STORED = 320
LOSS = LossConfig(boundary=0.3, boundary_kernel=7, dice=0.3, l1=0.3)


def make_store(count: int, device: torch.device) -> PictureStore:
    """Noise, a third of it cut-outs, with noise as backgrounds."""
    images = torch.randint(0, 256, (count, 3, STORED, STORED), dtype=torch.uint8)
    alpha = torch.zeros(count, 1, STORED, STORED, dtype=torch.uint8)
    alpha[..., STORED // 4 :, STORED // 4 : STORED * 3 // 4] = 255
    ones = torch.ones(count)
    store = PictureStore(
        images, alpha, torch.zeros_like(alpha).bool(), ones, ones.bool(), torch.zeros(count),
        ("noise",), torch.arange(count) % 3 == 0, ones, images, ones,
    )  # fmt: skip
    return store.to(device)


def rate(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Calls per second; the device's queue is empty before and after."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        work()
    wait()
    start, calls = time.perf_counter(), 0
    while calls < 3 or time.perf_counter() - start < seconds:
        work()
        calls += 1
        if calls % 10 == 0 or device.type == "cpu":
            wait()
    wait()
    return calls / (time.perf_counter() - start)


def bound(device: torch.device, dtype: torch.dtype, seconds: float) -> float:
    """Operations per second of a large matrix product."""
    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return rate(lambda: a @ b, device, seconds) * 2 * side**3


def measure(
    name: str,
    size: int,
    built: dict[str, Any],
    options: argparse.Namespace,
    device: torch.device,
    precision: Precision,
) -> tuple[float, float, float]:
    """Images per second of the step and of the whole, and operations per image.

    ``built`` holds the network's own options.
    """
    stage = Stage(epochs=1, batch_size=options.batch, size=(size, size), rate=1e-4, loss=LOSS)
    recipe = Recipe(name, name, "benchmark", (stage,), augment=AugmentConfig())
    network = networks.create(name, **built).train().to(device, memory_format=torch.channels_last)
    maker = BatchMaker(make_store(options.batch * 4, device), recipe)
    optimiser = make_optimiser(network, recipe)
    forward: Callable[..., NetworkOutput] = network
    if options.compile:
        forward = torch.compile(network, dynamic=False)

    def step(batch: TrainingBatch) -> None:
        optimiser.zero_grad(set_to_none=True)
        with (
            torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed"),
            fast_kernels(device, precision),
        ):
            losses = compute_losses(forward, batch, stage.loss, None)
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()

    batch = maker(stage)
    alone = rate(lambda: step(batch), device, options.seconds) * options.batch
    whole = rate(lambda: step(maker(stage)), device, options.seconds) * options.batch
    return alone, whole, 3 * 2 * count_macs(network, (size, size))


def main() -> None:
    parser = argparse.ArgumentParser(description="Images per second of training.")
    parser.add_argument(
        "--network",
        nargs="+",
        default=["livematte:256", "sinet:224"],
        metavar="NAME:SIZE[:OPTION=VALUE]",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, help="default: 64 on CUDA, 16 elsewhere")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each number")
    parser.add_argument(
        "--precision",
        choices=("bf16", "fp32"),
        default="bf16",
        help="default: bf16, where training would take it",
    )
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    keep_freed_memory(any_size=True)
    device = torch.device(options.device)
    options.batch = options.batch or (64 if device.type == "cuda" else 16)
    asked: Precision = "bf16-mixed" if options.precision == "bf16" else "32-true"
    precision = precision_on(device.type, asked)
    dtype = torch.bfloat16 if precision == "bf16-mixed" else torch.float32
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    best = bound(device, dtype, options.seconds)
    place = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    threads = "" if device.type == "cuda" else f", {torch.get_num_threads()} thread(s)"
    how = f"{precision}{', compiled' if options.compile else ''}, batch {options.batch}"
    print(f"{place}{threads}; {how}; matrix product {best / 1e12:.3g} TFLOP/s\n")
    print("| network | input | step alone, images/s | share of bound | whole, images/s | share |")
    print("|---|---|--:|--:|--:|--:|")
    for text in options.network:
        name, size, *built = text.split(":")
        chosen = {key: yaml.safe_load(value) for key, value in (o.split("=", 1) for o in built)}
        alone, whole, work = measure(name, int(size), chosen, options, device, precision)
        print(
            f"| `{':'.join((name, *built))}` | {size}×{size} "
            f"| {alone:,.1f} | {alone * work / best:.1%} "
            f"| {whole:,.1f} | {whole * work / best:.1%} |"
        )


if __name__ == "__main__":
    main()
