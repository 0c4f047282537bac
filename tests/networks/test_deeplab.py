from typing import Any

import pytest
import torch

from livematte import networks
from livematte.errors import UsageError
from networks.conformance import NetworkConformance


class TestDeepLab(NetworkConformance):
    name = "deeplab"
    parameters = 692_130
    folded = 683_474
    macs = {513: 2.80e9}
    size = (65, 97)


class TestDeepLabPlus(NetworkConformance):
    """No portrait model was published with this head; the numbers are arithmetic on the paper's."""

    name = "deeplab"
    options = {"head": "v3plus", "output_stride": 16}
    parameters = 1_169_650
    macs = {513: 3.702e9}
    size = (65, 97)


@pytest.mark.parametrize(("output_stride", "side"), [(8, 9), (16, 5)])
def test_output_stride(output_stride: int, side: int) -> None:
    network = networks.create("deeplab", output_stride=output_stride)
    features = network.encoder(torch.rand(2, 3, 65, 65))
    assert features[-1].shape[-2:] == (side, side)


def test_any_size_is_taken() -> None:
    mask = networks.create("deeplab").eval()(torch.rand(1, 3, 64, 50)).mask
    assert mask.shape == (1, 1, 64, 50)


@pytest.mark.parametrize("options", [{"output_stride": 32}, {"head": "v4"}])
def test_unknown_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="output_stride 8 or 16"):
        networks.create("deeplab", **options)
