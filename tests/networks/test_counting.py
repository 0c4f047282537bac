from torch import Tensor, nn

from livematte.networks.base import Network, NetworkOutput
from livematte.networks.blocks import upsample
from livematte.networks.counting import (
    count_folded_parameters,
    count_macs,
    count_parameters,
    folded_norms,
)


class Small(Network):
    """One layer of each kind, small enough to count by hand."""

    default_size = (8, 8)
    stride = 1

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__(prior=prior)
        self.conv = nn.Conv2d(self.in_channels, 4, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.late_norm = nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 1, 2, stride=2)
        self.up_norm = nn.BatchNorm2d(1)
        self.frozen = nn.Parameter(self.up.weight.detach().clone(), requires_grad=False)

    def predict(self, x: Tensor) -> NetworkOutput:
        x = self.norm(self.conv(x))
        x = self.late_norm(upsample(self.depthwise(x)))
        return NetworkOutput(self.up_norm(self.up(x[..., ::2, ::2])))


def test_parameters_leave_out_the_frozen() -> None:
    assert count_parameters(Small()) == 3 * 4 * 9 + 8 + 4 * 9 + 4 + 8 + 16 + 1 + 2


def test_macs() -> None:
    conv, depthwise, up = 16 * 27 * 4, 16 * 9 * 4, 16 * 4 * 4
    assert count_macs(Small(), (8, 8)) == conv + depthwise + up
    assert count_macs(Small(), (16, 8)) == 2 * (conv + depthwise + up)
    assert count_macs(Small(prior=True), (8, 8)) == conv // 3 * 4 + depthwise + up


def test_only_a_norm_right_behind_a_convolution_is_folded() -> None:
    network = Small()
    assert folded_norms(network) == [
        (network.conv, network.norm),
        (network.up, network.up_norm),
    ]
    total = count_parameters(network)
    assert count_folded_parameters(network) == total - 4 - 2
    assert count_folded_parameters(network, transposed=False) == total - 4 + 2


def test_counting_leaves_the_network_as_it_was() -> None:
    network = Small().train()
    count_macs(network, (8, 8))
    assert network.training
    assert network.conv.weight.device.type == "cpu"
    assert not network.conv._forward_hooks
