"""Packing is exact for every pattern, and the toy graphs are what they are called."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from livematte.benchmark.carriers import CARRIERS
from livematte.benchmark.copies import measure, to_markdown
from livematte.benchmark.packing import pack_mask, packing_weights, unpack_mask
from livematte.benchmark.toy_graphs import GRAPHS, build_graph, example_input
from livematte.errors import DeviceError, UsageError

OUTPUTS = [
    (1, 1, 256, 256),
    (1, 1, 256, 16),
    (1, 4, 256, 256),
    (1, 256, 16),
    (1, 256, 16),
    (1, 256, 16),
    (1, 4, 256, 256),
]


def test_every_pattern_of_sixteen_pixels_comes_back() -> None:
    patterns = np.arange(65536, dtype=">u2").reshape(256, 256)
    mask = np.unpackbits(patterns.view(np.uint8), axis=-1).view(bool)
    packed = pack_mask(mask)
    assert packed.dtype == np.float32
    assert packed.shape == (256, 256)
    assert np.unique(packed).size == 65536
    np.testing.assert_array_equal(unpack_mask(packed), mask)


def test_the_leftmost_pixel_weighs_most() -> None:
    assert packing_weights()[[0, 7, 15]].tolist() == [128.0, 1.0, 1 / 256]
    mask = np.zeros((2, 32), bool)
    mask[1, 16] = True
    assert pack_mask(mask).tolist() == [[0.0, 0.0], [0.0, 128.0]]


@pytest.mark.parametrize("shape", [(4, 20), (16,)])
def test_masks_that_cannot_be_packed(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="multiple of 16"):
        pack_mask(np.zeros(shape, bool))


def test_the_shapes_of_the_reference() -> None:
    given = [tuple(build_graph(name)(example_input(name)).shape) for name in GRAPHS]
    assert given == OUTPUTS
    assert tuple(example_input("flat input, packed").shape) == (1, 196608)


@pytest.mark.parametrize("engine", CARRIERS)
def test_what_an_engine_packs_is_the_thresholded_mask(engine: str) -> None:
    graph, example = build_graph("packed"), example_input("packed")
    with torch.no_grad():
        score = graph.convolution(example)[0, 0].numpy()
    carrier = CARRIERS[engine](graph, example, "cpu")
    carrier.put(example.numpy())
    carrier.compute()
    mask = unpack_mask(carrier.get()[0, 0])
    certain = np.abs(score) > 1e-5
    np.testing.assert_array_equal(mask[certain], (score > 0)[certain])


@pytest.mark.parametrize("name", ["flat input, packed", "sliced input, padded output"])
def test_onnx_runtime_gives_what_torch_gives(name: str) -> None:
    graph, example = build_graph(name), example_input(name)
    answers = []
    for engine in ("torch", "onnxruntime"):
        carrier = CARRIERS[engine](graph, example, "cpu")
        carrier.put(example.numpy())
        carrier.compute()
        answers.append(carrier.get())
    assert answers[0].shape == answers[1].shape
    if not GRAPHS[name].packed:
        np.testing.assert_allclose(answers[0], answers[1], atol=1e-4)


def test_the_report_sets_decoding_against_the_copy_it_saves() -> None:
    report = measure(["torch"], rounds=1)
    assert [one.graph for one in report.copies] == list(GRAPHS)
    sizes = {one.graph: (round(one.in_kb), round(one.out_kb)) for one in report.copies}
    assert sizes["convolution"] == (262, 262)
    assert sizes["packed"] == (262, 16)
    assert [one.decode_ms is None for one in report.copies] == [
        not shape.packed for shape in GRAPHS.values()
    ]
    assert "decoding 256×256 takes" in to_markdown(report)


def test_what_cannot_be_had() -> None:
    with pytest.raises(UsageError, match="'litert' cannot be measured"):
        measure(["litert"])
    with pytest.raises(DeviceError, match="no CUDA"):
        CARRIERS["openvino"](build_graph("packed"), example_input("packed"), "cuda")


def test_the_command(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("bench", "gpu-io", "--engines", "torch", "--rounds", 1)
    assert code == 0, err
    assert "| sliced input, padded output | torch (cpu) |" in out
