import torch

from livematte import networks
from livematte.networks.counting import count_parameters
from networks.conformance import NetworkConformance


class TestSINet(NetworkConformance):
    name = "sinet"
    parameters = 86_910
    macs = {224: 63.87e6, 320: 130.3e6}
    heads = {"coarse": 8}

    def test_the_gate_lets_detail_through(self) -> None:
        """With one class the gate is always shut: the finer feature then changes nothing."""
        network = self.create_settled()
        before = self.run(network, self.image()).mask
        with torch.no_grad():
            network.fine[1].bias.add_(1.0)
        assert not torch.allclose(before, self.run(network, self.image()).mask)

    def test_the_gate_is_one_minus_the_surer_class(self) -> None:
        logits = torch.randn(2, 2, 4, 4)
        surer = torch.softmax(logits, dim=1).amax(dim=1, keepdim=True)
        gate = torch.sigmoid(-(logits[:, 1:] - logits[:, :1]).abs())
        torch.testing.assert_close(gate, 1 - surer)

    def test_parts_have_the_published_parameters(self) -> None:
        encoder = networks.create("sinet").encoder
        counts = [encoder.level1]
        for level in (encoder.level2, encoder.level3):
            counts += [level.halve, *level.body, level.finish]
        assert [count_parameters(part) for part in counts] == [
            *(360, 516, 2544, 2544, 192),
            *(8080, 8160, 8544, 9312, 9312, 8544, 10080, 8544, 9312, 432),
        ]
