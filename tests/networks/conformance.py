"""What every network must do, as one test class that each network's own test class inherits."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livematte import networks
from livematte.errors import UsageError
from livematte.networks.base import Network, NetworkOutput
from livematte.networks.counting import (
    count_folded_parameters,
    count_macs,
    count_parameters,
    folded_norms,
)

__all__ = ["NetworkConformance"]


class _Alpha(nn.Module):
    """What an export wraps a network into: the mask's probability alone."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        mask: Tensor = self.network(image).mask
        return torch.sigmoid(mask)


class NetworkConformance:
    """Inherit, name the network, and give its published numbers.

    Attributes:
        name, options: what :func:`livematte.networks.create` takes.
        parameters: trainable parameters, exactly.
        folded: parameters with every batch norm folded, where that number is published.
        macs: published multiply-accumulates by side of a square input; 1 % is allowed.
        size: (height, width) of the small input of the tests.
        heads: answers besides the mask in training mode, with their reduction.
    """

    name: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}
    parameters: ClassVar[int]
    folded: ClassVar[int | None] = None
    macs: ClassVar[dict[int, float]]
    size: ClassVar[tuple[int, int]] = (64, 96)
    heads: ClassVar[dict[str, int]] = {}

    def create(self, *, prior: bool = False) -> Network:
        torch.manual_seed(0)
        return networks.create(self.name, prior=prior, **self.options)

    def create_settled(self, *, prior: bool = False) -> Network:
        """In evaluation mode, with norms that have seen a batch, so that logits are moderate."""
        network = self.create(prior=prior).train()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        image = self.image(4)
        self.run(network, image, *([image[:, :1]] if prior else []))
        return network.eval()

    def image(self, batch: int = 1) -> Tensor:
        return torch.rand(batch, 3, *self.size, generator=torch.Generator().manual_seed(1))

    def run(self, network: Network, *inputs: Tensor) -> NetworkOutput:
        with torch.no_grad():
            output: NetworkOutput = network(*inputs)
        return output

    def test_has_the_published_parameters(self) -> None:
        assert count_parameters(self.create()) == self.parameters

    def test_has_the_published_parameters_when_folded(self) -> None:
        if self.folded is None:
            pytest.skip("no folded count was published")
        assert count_folded_parameters(self.create()) == self.folded

    def test_needs_the_published_operations(self) -> None:
        network = self.create()
        assert network.default_size[0] in self.macs
        for side, published in self.macs.items():
            assert count_macs(network, (side, side)) == pytest.approx(published, rel=0.01)

    def test_normalises_once(self) -> None:
        """No colour of an image may leave the range that networks are initialised for."""
        network = self.create()
        for value in (0.0, 1.0):
            for mean, std in zip(network.mean, network.std, strict=True):
                assert abs((value - mean) / std) < 3

    def test_calls_its_encoder_as_a_module(self) -> None:
        """Freezing and calibrating find it by this name and hook into its call."""
        network = self.create().eval()
        if not hasattr(network, "encoder"):
            pytest.skip("has no encoder apart from its decoder")
        calls: list[int] = []
        assert isinstance(network.encoder, nn.Module)
        network.encoder.register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs)))
        self.run(network, self.image())
        assert calls == [1]

    @pytest.mark.parametrize("batch", [1, 3])
    def test_answers_at_the_size_of_the_input(self, batch: int) -> None:
        output = self.run(self.create_settled(), self.image(batch))
        assert output.mask.shape == (batch, 1, *self.size)
        assert output.mask.isfinite().all()
        assert output.edge is None
        assert output.coarse is None

    def test_answers_the_same_again_and_alone(self) -> None:
        network, image = self.create_settled(), self.image(3)
        together = self.run(network, image).mask
        assert torch.equal(together, self.run(network, image).mask)
        torch.testing.assert_close(
            together[1:2], self.run(network, image[1:2]).mask, atol=1e-3, rtol=1e-3
        )

    def test_trains_its_extra_heads(self) -> None:
        output = self.run(self.create().train(), self.image(2))
        for head in ("edge", "coarse"):
            answer = getattr(output, head)
            if head in self.heads:
                expected = tuple(side // self.heads[head] for side in self.size)
                assert answer.shape == (2, 1, *expected)
            else:
                assert answer is None

    def test_starts_undecided(self) -> None:
        """Fresh logits of a hundred would need many epochs to come back."""
        assert self.run(self.create().train(), self.image(2)).mask.abs().mean() < 10

    def test_gradient_reaches_every_parameter(self) -> None:
        network = self.create().train()
        output = network(self.image(2))
        loss = sum(
            F.binary_cross_entropy_with_logits(logits, torch.rand_like(logits).round())
            for logits in output
            if logits is not None
        )
        assert isinstance(loss, Tensor)
        loss.backward()
        # a batch norm takes the mean away, and the bias in front of it with it
        redundant = {id(convolution.bias) for convolution, _ in folded_norms(network)}
        idle = [
            name
            for name, parameter in network.named_parameters()
            if parameter.requires_grad
            and id(parameter) not in redundant
            and (parameter.grad is None or not parameter.grad.any())
        ]
        assert idle == []

    def test_takes_a_prior(self) -> None:
        network, image = self.create_settled(prior=True), self.image()
        empty, full = torch.zeros_like(image[:, :1]), torch.ones_like(image[:, :1])
        without, with_prior = (self.run(network, image, prior).mask for prior in (empty, full))
        assert without.shape == (1, 1, *self.size)
        assert not torch.allclose(without, with_prior)

    def test_a_prior_costs_one_more_input_channel(self) -> None:
        kernel = next(m for m in self.create().modules() if isinstance(m, nn.Conv2d)).weight
        extra = count_parameters(self.create(prior=True)) - self.parameters
        assert extra == kernel[:, :1].numel()

    @pytest.mark.parametrize("prior", [False, True])
    def test_refuses_a_missing_or_unwanted_prior(self, prior: bool) -> None:
        inputs = [self.image()] if prior else [self.image(), self.image()[:, :1]]
        with pytest.raises(UsageError, match="prior"):
            self.create(prior=prior)(*inputs)

    # PyTorch 2.13 warns about its own use of a deprecated class
    @pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*:FutureWarning")
    def test_exports_to_onnx(self) -> None:
        module, image = _Alpha(self.create_settled()).eval(), self.image()
        program = torch.onnx.export(module, (image,), dynamo=True, verbose=False)
        assert program is not None
        session = onnxruntime.InferenceSession(
            program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        (answer,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
        with torch.no_grad():
            expected = module(image).numpy()
        assert expected.std() > 1e-3, "a constant answer would prove nothing"
        np.testing.assert_allclose(answer, expected, atol=1e-4)
