import pytest

from livematte import networks
from livematte.errors import UsageError
from networks.conformance import NetworkConformance


class TestLiveMatte(NetworkConformance):
    name = "livematte"
    parameters = 544_050
    macs = {256: 156.9e6}
    heads = {"edge": 1}


def test_an_encoder_that_there_is_not_is_named() -> None:
    with pytest.raises(UsageError, match="no encoder is called 'resnet'; there are mobilenet_v2"):
        networks.create("livematte", encoder="resnet")
