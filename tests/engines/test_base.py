"""Outputs of every accepted shape become the same matte."""

import numpy as np
import pytest

from livematte.engines.base import decode, encode, encode_inputs
from livematte.errors import ModelError, UsageError
from livematte.spec import ModelSpec

SPEC = ModelSpec("any", 4, 6)
MATTE = np.linspace(0.05, 0.95, 24, dtype=np.float32).reshape(4, 6)
BOTH = np.stack([1 - MATTE, MATTE])  # channels first


@pytest.mark.parametrize(
    ("output", "facts"),
    [
        (MATTE[None, None], {}),
        (MATTE[None], {}),
        (MATTE[None, ..., None], {"layout": "nhwc"}),
        (MATTE.reshape(1, 24), {}),
        (MATTE.reshape(1, 24, 1), {}),
        (BOTH[None], {"channel": 1}),
        (BOTH.transpose(1, 2, 0)[None], {"channel": 1, "layout": "nhwc"}),
        (BOTH.reshape(1, 2, 24), {"channel": 1}),
        (BOTH.reshape(2, 24).T[None], {"channel": 1, "layout": "nhwc"}),
        (BOTH[None], {"channel": 1, "layout": "nhwc"}),
        (np.log(BOTH)[None], {"channel": 1, "activation": "softmax"}),
        (np.log(MATTE / (1 - MATTE))[None, None], {"activation": "sigmoid"}),
    ],
)
def test_shapes_and_activations(output: np.ndarray, facts: dict[str, object]) -> None:
    matte = decode(output, ModelSpec("any", 4, 6, **facts))
    assert matte.dtype == np.float32
    np.testing.assert_allclose(matte, MATTE, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("activation", ["none", "sigmoid", "softmax"])
def test_nan_and_infinity_are_errors(value: float, activation: str) -> None:
    output = MATTE[None, None].copy()
    output[0, 0, 1, 1] = value
    with pytest.raises(ModelError, match="NaN or infinity"):
        decode(output, ModelSpec("any", 4, 6, activation=activation))


def test_large_logits_do_not_overflow() -> None:
    output = np.array([1e4, -1e4] * 12, np.float32).reshape(1, 1, 4, 6)
    matte = decode(output, ModelSpec("any", 4, 6, activation="sigmoid"))
    assert set(np.unique(matte)) == {0.0, 1.0}


@pytest.mark.parametrize("shape", [(1, 23), (2, 24), (1, 1, 8, 8)])
def test_other_sizes_are_errors(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="answered with shape"):
        decode(np.zeros(shape, np.float32), SPEC)


def test_a_channel_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="channel 3"):
        decode(BOTH[None], ModelSpec("any", 4, 6, channel=3))


def test_colour_normalisation_and_layout() -> None:
    image = np.zeros((4, 6, 3), np.float32)
    image[..., 0] = 1  # red
    spec = ModelSpec("any", 4, 6, colour="bgr", mean=(0.1, 0.2, 0.3), std=(0.5, 0.5, 0.5))
    x = encode(image, spec)
    assert x.shape == (1, 3, 4, 6)
    np.testing.assert_allclose(x[0, :, 0, 0], [-0.2, -0.4, 1.4], atol=1e-6)
    assert encode(image, ModelSpec("any", 4, 6, layout="nhwc")).shape == (1, 4, 6, 3)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_priors_are_a_second_input_or_a_fourth_channel(layout: str) -> None:
    spec = ModelSpec("video", 4, 6, prior=True, layout=layout)
    image = np.ones((4, 6, 3), np.float32)
    axis = 1 if layout == "nchw" else 3
    two = encode_inputs(image, MATTE, spec, 2)
    (one,) = encode_inputs(image, MATTE, spec, 1)
    assert two[1].shape[axis] == 1
    np.testing.assert_array_equal(one, np.concatenate(two, axis=axis))
    first_frame = encode_inputs(image, None, spec, 2)
    assert first_frame[1].max() == 0


def test_what_a_model_does_not_take() -> None:
    with pytest.raises(UsageError, match="takes no prior"):
        encode_inputs(np.zeros((4, 6, 3), np.float32), MATTE, SPEC, 1)
    with pytest.raises(UsageError, match=r"\(4, 6, 3\)"):
        encode_inputs(np.zeros((6, 4, 3), np.float32), None, SPEC, 1)
    with pytest.raises(ModelError, match="2 inputs"):
        encode_inputs(np.zeros((4, 6, 3), np.float32), None, SPEC, 2)
