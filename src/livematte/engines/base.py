"""What every engine is, and what all of them do to arrays around the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from livematte.errors import ModelError, UsageError
from livematte.spec import ModelSpec

__all__ = [
    "Engine",
    "Shape",
    "check_input",
    "check_shapes",
    "choose_spec",
    "decode",
    "encode",
    "encode_inputs",
    "spec_for",
]

Shape = Sequence[int | None]
"""Of a model's input or output; None is a side that is free, no sides at all one not known."""

_MOST_CHANNELS = 4096


class Engine(Protocol):
    """Runs one model file.

    Attributes:
        name: the runtime's name.
        spec: the model's spec.
        device: where it truly runs: ``cpu``, ``cuda``, ...
        threads: threads of one run; None leaves the choice to the runtime.
    """

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def device(self) -> str: ...

    @property
    def threads(self) -> int | None: ...

    def run(
        self, image: NDArray[np.float32], prior: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """One fitted image to its matte.

        Args:
            image: H×W×3 float32 RGB in [0, 1]; H and W are the spec's height and width, or, where
                ``spec.step`` is not 0, any multiples of it.
            prior: H×W float32 in [0, 1], the last matte. A video model runs without one as on a
                first frame (all background).

        Returns:
            H×W float32 in [0, 1].

        Raises:
            UsageError: wrong shapes, or a prior for a model that takes none.
            ModelError: the model fails, or answers with NaN, infinity or another shape.
            DeviceError: the device fails; no other is taken instead.
        """
        ...


def choose_spec(
    path: Path, given: ModelSpec | None, embedded: str | None, beside: ModelSpec | None
) -> ModelSpec:
    """The spec of a model file: the given one, else what it embeds, else what lies beside it.

    Args:
        embedded: JSON text out of the file.

    Raises:
        ModelError: the embedded one cannot be read, or there is none at all.
    """
    if given is not None:
        return given
    if embedded is not None:
        return ModelSpec.from_json(embedded, source=str(path))
    if beside is not None:
        return beside
    raise ModelError(
        f"{path}: the file says nothing about itself; give its spec as JSON (--spec FILE)"
    )


def check_shapes(path: Path, spec: ModelSpec, inputs: Sequence[Shape], output: Shape) -> None:
    """Refuse a model that does not take or give what its spec says, before it is run.

    Raises:
        ModelError: another number of inputs, another size, or no matte among the outputs.
    """
    if len(inputs) != 1 and len(inputs) != 1 + spec.prior:
        raise ModelError(
            f"{path}: the model has {len(inputs)} inputs, its spec says {1 + spec.prior}"
        )
    channels = [3, 1] if len(inputs) == 2 else [3 + spec.prior]
    for shape, count in zip(inputs, channels, strict=True):
        sides = (spec.height, spec.width)
        expected = (1, count, *sides) if spec.layout == "nchw" else (1, *sides, count)
        fits = len(shape) == 4 and all(
            side in (None, wanted) for side, wanted in zip(shape, expected, strict=True)
        )
        if shape and not fits:
            raise ModelError(f"{path}: the model takes {_told(shape)}, its spec says {expected}")
        if spec.step and shape and None not in shape[-3:]:
            raise ModelError(f"{path}: the model takes {_told(shape)} alone, its spec other sides")
    _check_output(path, spec, output)


def _check_output(path: Path, spec: ModelSpec, output: Shape) -> None:
    sides = [1 if side is None and axis == 0 else side for axis, side in enumerate(output)]
    known = [side for side in sides if side is not None]
    most = _MOST_CHANNELS * spec.height * spec.width
    if not known or len(known) < len(sides) or math.prod(known) > most:
        return  # told by the first run
    try:
        _channels_first(np.broadcast_to(np.float32(0), known), spec)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def _told(shape: Shape) -> str:
    return "(" + ", ".join("?" if side is None else str(side) for side in shape) + ")"


def spec_for(image: NDArray[np.float32], spec: ModelSpec) -> ModelSpec:
    """The spec with the sides of an image, where the model takes them."""
    height, width = image.shape[:2]
    if spec.step == 0 or height % spec.step or width % spec.step or 0 in (height, width):
        return spec
    return replace(spec, height=height, width=width)


def check_input(
    image: NDArray[np.float32], prior: NDArray[np.float32] | None, spec: ModelSpec
) -> None:
    """Raise :class:`UsageError` where ``image`` or ``prior`` is not what ``spec`` takes."""
    size = (spec.height, spec.width)
    if image.shape != (*size, 3):
        raise UsageError(f"{spec.name} takes {(*size, 3)} images, not {image.shape}")
    if prior is None:
        return
    if not spec.prior:
        raise UsageError(f"{spec.name} takes no prior")
    if prior.shape != size:
        raise UsageError(f"{spec.name} takes {size} priors, not {prior.shape}")


def encode(image: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """H×W×3 RGB in [0, 1] to the colour order, normalisation and axes of ``spec``, batch of 1."""
    x = image[..., ::-1] if spec.colour == "bgr" else image
    if spec.mean != (0.0, 0.0, 0.0) or spec.std != (1.0, 1.0, 1.0):
        mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
        x = np.asarray((x - mean) / std, dtype=np.float32)
    if spec.layout == "nchw":
        x = x.transpose(2, 0, 1)
    return np.ascontiguousarray(x[None], dtype=np.float32)


def encode_inputs(
    image: NDArray[np.float32], prior: NDArray[np.float32] | None, spec: ModelSpec, count: int
) -> list[NDArray[np.float32]]:
    """The arrays for a model of ``count`` inputs, each with a batch of 1.

    A prior is the second input, or the fourth channel of the only one. None stands for a first
    frame's: all background.

    Raises:
        UsageError: shapes that the model does not take, or a prior it does not take.
        ModelError: the model and its spec disagree on the number of inputs.
    """
    check_input(image, prior, spec)
    if count != 1 and count != 1 + spec.prior:
        raise ModelError(f"{spec.name}: the model has {count} inputs, its spec {1 + spec.prior}")
    picture = encode(image, spec)
    if not spec.prior:
        return [picture]
    if prior is None:
        prior = np.zeros((spec.height, spec.width), dtype=np.float32)
    axis = 1 if spec.layout == "nchw" else 3
    plane = np.expand_dims(prior[None].astype(np.float32, copy=False), axis)
    return [picture, plane] if count == 2 else [np.concatenate([picture, plane], axis=axis)]


def decode(output: NDArray[np.generic], spec: ModelSpec) -> NDArray[np.float32]:
    """A model's output to its matte.

    Takes N×C×H×W, N×H×W×C, N×H×W and flattened outputs (N×H·W, N×H·W×C, N×C×H·W); a channel axis
    of its own is told by its size, and ``spec.layout`` decides where both readings fit.

    Returns:
        spec.height × spec.width float32 in [0, 1].

    Raises:
        ModelError: another number of values, no such channel, NaN or infinity.
    """
    scores = _channels_first(np.asarray(output, dtype=np.float32), spec)
    if not np.isfinite(scores).all():
        raise ModelError(
            f"{spec.name}: the model answered with NaN or infinity; the file is damaged or its "
            "precision too low for this input"
        )
    if spec.activation == "softmax":
        matte = _softmax(scores)[spec.channel]
    elif spec.activation == "sigmoid":
        # tanh keeps large logits from overflowing exp.
        matte = 0.5 * (1 + np.tanh(0.5 * scores[spec.channel]))
    else:
        matte = scores[spec.channel]
    return np.asarray(np.clip(matte, 0.0, 1.0), dtype=np.float32)


def _channels_first(output: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Any accepted output to C×H×W."""
    pixels = spec.height * spec.width
    channels, rest = divmod(output.size, pixels)
    if rest or channels == 0 or (output.ndim > 1 and output.shape[0] != 1):
        raise ModelError(
            f"{spec.name}: the model answered with shape {output.shape}, "
            f"not a matte of {spec.height}×{spec.width}; check the spec's height and width"
        )
    if not 0 <= spec.channel < channels:
        raise ModelError(
            f"{spec.name}: the spec names channel {spec.channel}, the model has {channels}"
        )
    if channels > 1 and _channels_last(output.shape, channels, spec):
        return output.reshape(spec.height, spec.width, channels).transpose(2, 0, 1)
    return output.reshape(channels, spec.height, spec.width)


def _channels_last(shape: tuple[int, ...], channels: int, spec: ModelSpec) -> bool:
    first = len(shape) > 1 and shape[1] == channels
    last = shape[-1] == channels
    return spec.layout == "nhwc" if first == last else last


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the first axis, shifted by the maximum so that it cannot overflow."""
    exp = np.exp(scores - scores.max(axis=0))
    return np.asarray(exp / exp.sum(axis=0), dtype=np.float32)
