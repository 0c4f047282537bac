from livematte.networks.counting import count_folded_parameters
from networks.conformance import NetworkConformance


class TestMobileUNet(NetworkConformance):
    name = "mobile-unet"
    parameters = 3_630_593
    folded = 3_620_617
    macs = {128: 526.4e6}

    def test_folded_as_converters_do(self) -> None:
        """They keep the norms behind transposed convolutions: the published 3.624 M."""
        assert count_folded_parameters(self.create(), transposed=False) == 3_624_585


class TestMobileUNetBilinear(NetworkConformance):
    name = "mobile-unet-bilinear"
    parameters = 3_630_593
    folded = 3_620_617
    macs = {128: 2_019.8e6}
