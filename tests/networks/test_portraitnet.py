import pytest
import torch

from livematte import networks
from livematte.networks.blocks import upsample
from livematte.networks.counting import count_macs, count_parameters
from networks.conformance import NetworkConformance


class TestPortraitNet(NetworkConformance):
    name = "portraitnet"
    parameters = 2_080_904
    macs = {224: 361.2e6, 256: 471.8e6}
    heads = {"edge": 1}

    @pytest.mark.parametrize(
        ("options", "trainable", "total"),
        [
            ({"edge": False}, 2_080_760, 2_080_760),
            ({"prior": True}, 2_081_192, 2_081_192),
            ({"prior": True, "edge": False}, 2_081_048, 2_081_048),
            ({"upsampling": "depthwise"}, 1_902_728, 1_905_544),
            ({"upsampling": "bilinear"}, 1_902_728, 1_902_728),
        ],
    )
    def test_variants_have_the_published_parameters(
        self, options: dict[str, object], trainable: int, total: int
    ) -> None:
        network = networks.create("portraitnet", **options)
        assert count_parameters(network) == trainable
        assert sum(p.numel() for p in network.parameters()) == total

    def test_video_variant_needs_the_published_operations(self) -> None:
        network = networks.create("portraitnet", prior=True, edge=False)
        assert count_macs(network, (224, 224)) == pytest.approx(364.9e6, rel=0.01)
        assert count_macs(network, (256, 256)) == pytest.approx(476.5e6, rel=0.01)

    @pytest.mark.parametrize("kind", ["transposed", "depthwise"])
    def test_doubling_starts_as_bilinear(self, kind: str) -> None:
        double = networks.create("portraitnet", upsampling=kind).doublings[1]
        x = torch.rand(1, 32, 5, 7)
        with torch.no_grad():
            learned = double(x)
        inner = (..., slice(2, -2), slice(2, -2))
        torch.testing.assert_close(learned[inner], upsample(x)[inner])

    def test_boundary_head_can_be_left_out(self) -> None:
        network = networks.create("portraitnet", edge=False).train()
        assert self.run(network, self.image(2)).edge is None

    def test_normalises_as_published(self) -> None:
        """BGR in 0..255, minus (103.94, 116.78, 123.68), times 0.017."""
        network = self.create()
        for channel, value in enumerate((123.68, 116.78, 103.94)):
            ours = (1.0 - network.mean[channel]) / network.std[channel]
            assert ours == pytest.approx((255 - value) * 0.017)
