"""The equal forms of transposed convolutions give the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from livematte.export.transposed import CroppedTranspose, with_plain_transposes


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2, "stride": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
        {"kernel_size": (2, 5), "stride": (3, 2), "padding": (0, 2), "output_padding": (0, 1)},
        {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1, "groups": 4},
    ],
)
def test_refused_ones_are_replaced_by_their_equals(options: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Sequential(nn.ConvTranspose2d(4, 8, **options)), nn.ReLU())
    plain = with_plain_transposes(network)
    assert isinstance(plain[0][0], CroppedTranspose)
    assert isinstance(network[0][0], nn.ConvTranspose2d)
    x = torch.rand(2, 4, 5, 7)
    torch.testing.assert_close(plain(x), network(x))


def test_others_stay() -> None:
    for conv in (
        nn.ConvTranspose2d(4, 8, 4, stride=2, padding=1),
        nn.ConvTranspose2d(4, 8, 2, stride=3, output_padding=1),
        nn.ConvTranspose2d(4, 8, 2, stride=2, dilation=2),
    ):
        assert isinstance(with_plain_transposes(nn.Sequential(conv))[0], nn.ConvTranspose2d)
