"""What every engine is, and what all of them do to arrays around the model."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from livematte.errors import ModelError, UsageError
from livematte.spec import ModelSpec

__all__ = ["Engine", "check_input", "decode", "encode", "encode_inputs"]


class Engine(Protocol):
    """Runs one model file.

    Attributes:
        name: the runtime's name.
        spec: the model's spec.
        device: where it truly runs, ``cpu`` or ``cuda``.
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
            image: spec.height × spec.width × 3 float32 RGB in [0, 1].
            prior: spec.height × spec.width float32 in [0, 1], the last matte. A video model runs
                without one as on a first frame (all background).

        Returns:
            spec.height × spec.width float32 in [0, 1].

        Raises:
            UsageError: wrong shapes, or a prior for a model that takes none.
            ModelError: the model fails, or answers with NaN, infinity or another shape.
            DeviceError: the device fails; no other is taken instead.
        """
        ...


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
