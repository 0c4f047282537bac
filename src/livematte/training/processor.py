"""What makes a training step faster on a processor, and changes nothing elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

__all__ = ["FloatStridedDepthwise", "fast_kernels"]


class FloatStridedDepthwise(TorchFunctionMode):
    """Run depthwise convolutions with a stride in 32-bit floats, whatever autocast asks for.

    oneDNN's gradient of these has no fast 16-bit kernel: in torch 2.13 it takes 3 to 17 times as
    long as in floats, a quarter of a MobileNetV2's step.
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
    return learns and groups == image.shape[1] == weight.shape[0] > 1 and max(stride) > 1


def fast_kernels(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """What a step on ``device`` in Lightning's ``precision`` is to be run within."""
    if device.type == "cpu" and precision.startswith("bf16"):
        return FloatStridedDepthwise()
    return contextlib.nullcontext()
