"""What makes a training step faster on a processor, and changes nothing elsewhere."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

__all__ = ["FloatDepthwise", "Precision", "fast_kernels", "precision_on"]

# What computes in bfloat16 itself: AVX-512 BF16 or AMX of x86, BF16 of Arm.
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

_log = logging.getLogger(__name__)


class FloatDepthwise(TorchFunctionMode):
    """Run depthwise convolutions with a stride or a wide kernel in 32-bit floats, under autocast.

    oneDNN's gradient of these has no fast 16-bit kernel: in torch 2.13 it takes 3 to 17 times as
    long as in floats, a quarter of a MobileNetV2's step, and kernels of more than 3×3 take 4 to 5
    times, half of an EfficientNet-Lite's.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        if func is not F.conv2d or not _is_slow(*args, **options):
            return func(*args, **options)
        with torch.autocast("cpu", enabled=False):
            return func(args[0].float(), *args[1:], **options)


def _is_slow(
    image: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: tuple[int, ...] = (1, 1),
    padding: object = 0,
    dilation: object = 1,
    groups: int = 1,
) -> bool:
    learns = torch.is_grad_enabled() and (image.requires_grad or weight.requires_grad)
    slow = max(stride) > 1 or max(weight.shape[2:]) > 3
    return learns and groups == image.shape[1] == weight.shape[0] > 1 and slow


def fast_kernels(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """What a step on ``device`` in Lightning's ``precision`` is to be run within."""
    if device.type == "cpu" and precision.startswith("bf16"):
        return FloatDepthwise()
    return contextlib.nullcontext()


def precision_on(accelerator: str, precision: Precision) -> Precision:
    """The precision to train in on Lightning's ``accelerator``: ``precision``, or 32-bit floats.

    A processor without bfloat16 instructions emulates it: depthwise convolutions take 15 to 100
    times as long as in floats (torch 2.13, AVX2).
    """
    if not precision.startswith("bf16") or _has_accelerator(accelerator) or _knows_bfloat16():
        return precision
    _log.warning("this processor has no bfloat16 instructions: training in 32-bit floats instead")
    return "32-true"


def _has_accelerator(accelerator: str) -> bool:
    return accelerator != "cpu" and (accelerator != "auto" or torch.accelerator.is_available())


def _knows_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in _BFLOAT16)
