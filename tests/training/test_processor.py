"""What is made faster on a processor stays what it was."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from livematte.training.processor import fast_kernels, precision_on

CPU = torch.device("cpu")


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 8, 5, padding=2, groups=8),
        nn.Conv2d(8, 4, 5, padding=2),
    )


def kinds(network: nn.Sequential, precision: str, *, frozen: bool = False) -> list[torch.dtype]:
    """What each layer of a training step computes in."""
    network.requires_grad_(not frozen)
    found: list[torch.dtype] = []
    for layer in network:
        layer.register_forward_hook(lambda _module, _inputs, result: found.append(result.dtype))
    with torch.autocast("cpu", torch.bfloat16), fast_kernels(CPU, precision):
        network(torch.rand(2, 3, 16, 16))
    return found


def test_only_depthwise_layers_with_a_stride_or_a_wide_kernel_are_kept_in_floats() -> None:
    half = torch.bfloat16
    assert kinds(layers(), "bf16-mixed") == [half, torch.float32, half, torch.float32, half]


def test_layers_that_learn_nothing_are_left_alone() -> None:
    assert set(kinds(layers(), "bf16-mixed", frozen=True)) == {torch.bfloat16}


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_nothing_is_changed_where_it_would_not_help(device: str) -> None:
    precision = "32-true" if device == "cpu" else "bf16-mixed"
    with fast_kernels(torch.device(device), precision) as mode:
        assert mode is None


def test_the_gradient_is_that_of_floats() -> None:
    network, exact = layers(), copy.deepcopy(layers())
    image = torch.rand(2, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16), fast_kernels(CPU, "bf16-mixed"):
        network(image).float().square().mean().backward()
    exact(image).square().mean().backward()
    for mine, theirs in zip(network.parameters(), exact.parameters(), strict=True):
        assert mine.grad is not None
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=0.05, atol=2e-3)


@pytest.mark.parametrize(
    ("accelerator", "instructions", "asked", "wanted"),
    [
        ("cpu", {"avx2": True, "avx512_bf16": False}, "bf16-mixed", "32-true"),
        ("cpu", {"avx2": True, "avx512_bf16": True}, "bf16-mixed", "bf16-mixed"),
        ("cpu", {"bf16": True}, "bf16-mixed", "bf16-mixed"),
        ("cpu", {}, "32-true", "32-true"),
        ("gpu", {}, "bf16-mixed", "bf16-mixed"),
    ],
)
def test_bfloat16_is_not_emulated(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    accelerator: str,
    instructions: dict[str, bool],
    asked: str,
    wanted: str,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions)
    assert precision_on(accelerator, asked) == wanted
    assert ("32-bit floats" in caplog.text) == (asked != wanted)
