from livematte import networks
from livematte.networks.counting import count_folded_parameters
from networks.conformance import NetworkConformance


class TestMobileUNetV3(NetworkConformance):
    name = "mobile-unet-v3"
    parameters = 2_565_345
    folded = 2_552_241
    macs = {224: 550.0e6}

    def test_notebook_variant_with_four_channels(self) -> None:
        network = networks.create("mobile-unet-v3", prior=True)
        assert count_folded_parameters(network) == 2_552_385


class TestMobileUNetV3Half(NetworkConformance):
    name = "mobile-unet-v3-half"
    parameters = 1_204_253
    folded = 1_192_213
    macs = {224: 221.8e6}


class TestMobileNetV3Transition(NetworkConformance):
    name = "mobilenetv3-transition"
    parameters = 952_018
    folded = 940_122
    macs = {256: 147.5e6}
