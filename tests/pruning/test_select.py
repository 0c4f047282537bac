"""Channels that go take their multiply-accumulates with them, and the rest still works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from livematte import networks
from livematte.errors import ModelError, UsageError
from livematte.networks.base import Network, NetworkOutput
from livematte.networks.channels import channel_counts
from livematte.networks.counting import count_macs, count_parameters
from livematte.pruning.select import prune_network

SIZE = (64, 64)


def small(**options: object) -> Network:
    torch.manual_seed(0)
    wide = {"width": 0.35, "decoder": (32, 24, 24, 16), "repeats": 1, **options}
    return networks.create("livematte", **wide).eval()


@pytest.mark.parametrize("ratio", [0.2, 0.5])
def test_as_much_goes_as_was_asked(ratio: float) -> None:
    network = small()
    before, parameters = count_macs(network, SIZE), count_parameters(network)
    pruned = prune_network(network, ratio, size=SIZE)
    left = count_macs(pruned, SIZE) / before
    assert 1 - ratio - 0.1 < left <= 1 - ratio
    assert count_parameters(pruned) < parameters
    assert count_macs(network, SIZE) == before  # the network itself stays


def test_what_is_left_answers_at_full_size_with_channels_in_eights() -> None:
    pruned = prune_network(small(prior=True), 0.4, size=SIZE)
    image = torch.rand(2, 3, *SIZE)
    output = pruned.train()(image, image[:, :1])
    assert output.mask.shape == (2, 1, *SIZE)
    assert output.edge is not None  # the head that only training uses fits as well
    assert all(
        outputs % 8 == 0
        for name, (_, outputs) in channel_counts(pruned).items()
        if not name.endswith("head")
    )


def test_the_counts_rebuild_the_network() -> None:
    network = small()
    pruned = prune_network(network, 0.3, size=SIZE)
    full = channel_counts(network)
    counts = {name: c for name, c in channel_counts(pruned).items() if c != full[name]}
    rebuilt = small(channels=counts)
    rebuilt.load_state_dict(pruned.state_dict())
    image = torch.rand(1, 3, *SIZE)
    with torch.no_grad():
        assert torch.equal(rebuilt.eval()(image).mask, pruned(image).mask)


@pytest.mark.parametrize("name", ["mobile-unet", "prisma-net", "deeplab"])
def test_concatenations_and_transposed_convolutions(name: str) -> None:
    torch.manual_seed(0)
    network = networks.create(name).eval()
    pruned = prune_network(network, 0.3, size=SIZE)
    assert count_macs(pruned, SIZE) <= 0.7 * count_macs(network, SIZE)
    with torch.no_grad():
        assert pruned(torch.rand(1, 3, *SIZE)).mask.shape == (1, 1, *SIZE)


class Two(Network):
    """Sixteen channels that matter, and sixteen that weigh more but lead nowhere."""

    default_size = SIZE

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 32, 1)
        self.head = nn.Conv2d(32, 1, 1)
        torch.manual_seed(0)
        with torch.no_grad():
            self.first.weight[16:] *= 100
            self.head.weight[:, 16:] = 0

    def predict(self, x: Tensor) -> NetworkOutput:
        return NetworkOutput(self.head(self.first(x)))


def test_the_loss_tells_which_channels_matter() -> None:
    network = Two().eval()
    image = torch.rand(2, 3, *SIZE)

    def losses(twin: Network) -> Iterator[Tensor]:
        yield twin(image).mask.square().mean()

    pruned = prune_network(network, 0.5, size=SIZE, losses=losses)
    with torch.no_grad():
        torch.testing.assert_close(pruned(image).mask, network(image).mask)
    by_weight = prune_network(network, 0.5, size=SIZE)
    with torch.no_grad():
        assert not torch.allclose(by_weight(image).mask, network(image).mask)


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.3, 30.0, float("nan")])
def test_a_ratio_out_of_range_is_refused(ratio: float) -> None:
    with pytest.raises(UsageError, match="give a share between 0 and 1"):
        prune_network(small(), ratio, size=SIZE)


def test_too_much_says_how_much_can_go() -> None:
    with pytest.raises(UsageError, match=r"only 0\.\d\d can go"):
        prune_network(small(), 0.99, size=SIZE)


def test_a_layer_that_mixes_channels_in_groups_is_named() -> None:
    with pytest.raises(ModelError, match=r"SINet cannot be pruned: layer encoder\.level2\.body\.0"):
        prune_network(networks.create("sinet"), 0.3, size=SIZE)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"encoder.nowhere": [8, 8]}, "has no layer 'encoder.nowhere'"),
        ({"encoder.stem.1": [8, 16]}, "its inputs are its outputs"),
        ({"encoder.stem.0": [3, 0]}, "1 or more"),
        ({"encoder.stem.0": [3]}, "encoder.stem.0 cannot have"),
    ],
)
def test_counts_that_cannot_be_are_refused(counts: dict[str, list[int]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        small(channels=counts)
