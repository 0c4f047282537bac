from livematte.networks.counting import count_parameters
from networks.conformance import NetworkConformance


class TestSlimNet(NetworkConformance):
    name = "slimnet"
    parameters = 347_570
    folded = 347_570
    macs = {512: 296.5e6}

    def test_parts_have_the_published_parameters(self) -> None:
        network = self.create()
        encoder = [count_parameters(part) for part in network.bottlenecks]
        middle = [2560, 27152, 2600, 27152, 2560, 27152]
        assert encoder == [5920, 2816, 2816, 22592, *[4992] * 4, 11136, *middle * 2, 22024]
        assert [count_parameters(part) for part in network.decoder] == [56256, 19904, 3480]
