"""The network zoo: every architecture by name, over one contract (:mod:`.base`)."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livematte import weights
from livematte.errors import UsageError

if TYPE_CHECKING:
    from livematte.networks.base import Network
    from livematte.networks.channels import ChannelCounts

__all__ = ["create", "names"]


@dataclass(frozen=True)
class _Entry:
    """Where a network's class is, and the options that make it the named variant."""

    module: str
    class_name: str
    options: dict[str, Any] = field(default_factory=dict)


_REGISTRY = {
    "deeplab": _Entry("deeplab", "DeepLab"),
    "livematte": _Entry("livematte", "LiveMatte"),
    "mobile-unet": _Entry("mobile_unet", "MobileUNet"),
    "mobile-unet-bilinear": _Entry("mobile_unet", "MobileUNet", {"upsampling": "bilinear"}),
    "mobile-unet-v3": _Entry("mobile_unet_v3", "MobileUNetV3"),
    "mobile-unet-v3-half": _Entry("mobile_unet_v3", "MobileUNetV3", {"width": 0.5}),
    "mobilenetv3-transition": _Entry("mobilenetv3_transition", "MobileNetV3Transition"),
    "portraitnet": _Entry("portraitnet", "PortraitNet"),
    "prisma-net": _Entry("prisma_net", "PrismaNet"),
    "sinet": _Entry("sinet", "SINet"),
    "slimnet": _Entry("slimnet", "SlimNet"),
}


def names() -> tuple[str, ...]:
    """Names that :func:`create` takes, sorted."""
    return tuple(_REGISTRY)


def create(
    name: str,
    *,
    prior: bool = False,
    pretrained: str | Path | None = None,
    channels: ChannelCounts | None = None,
    quantised: bool = False,
    **options: Any,
) -> Network:
    """Build a network with fresh or given weights.

    Args:
        name: one of :func:`names`.
        prior: take the last matte as a fourth input channel.
        pretrained: the name of a bundled model, or a ``.pt``, ``.pth``, ``.ckpt`` or ``.onnx`` file
            of livematte, for the whole network; or whatever
            :func:`livematte.networks.pretrained.load_encoder` reads for its encoder.
        channels: [inputs, outputs] of the layers of a pruned network that have others than the
            class gives them.
        quantised: round features and weights as 8-bit integers do, for quantisation-aware training
            (:mod:`livematte.networks.quantised`).
        options: further keywords of the network's class.

    Raises:
        UsageError: unknown name, or an option the network does not have.
        ModelError: a checkpoint is missing, damaged, or of another network.
        InputError: an encoder's starting weights cannot be used.
    """
    entry = _REGISTRY.get(name)
    if entry is None:
        raise UsageError(f"unknown network {name!r}; there are {', '.join(_REGISTRY)}")
    kind: type[Network] = getattr(
        importlib.import_module(f"{__name__}.{entry.module}"), entry.class_name
    )
    known = [key for key in inspect.signature(kind).parameters if key != "prior"]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UsageError(
            f"network {name!r} has no option {', '.join(unknown)}; "
            f"it has {', '.join(known) or 'none'}"
        )
    network = kind(prior=prior, **{**entry.options, **options})
    if channels:
        from livematte.networks.channels import set_channels  # noqa: PLC0415

        set_channels(network, channels)
    if quantised:
        from livematte.networks.quantised import quantise  # noqa: PLC0415

        network = quantise(network)
    if pretrained is not None:
        _load(network, pretrained)
    return network


def _load(network: Network, source: str | Path) -> None:
    from livematte.networks import checkpoint, exported, pretrained  # noqa: PLC0415

    path = _bundled(str(source)) or Path(source)
    if path.suffix == ".onnx":
        exported.load_exported(network, path)
    elif path.suffix in checkpoint.SUFFIXES and not pretrained.holds_encoder_alone(path):
        checkpoint.load_weights(network, path)
    else:
        pretrained.load_encoder(network, source)


def _bundled(name: str) -> Path | None:
    """A bundled model's file: its checkpoint in a checkout of the repository, else its ONNX."""
    model = {model.name: model for model in weights.bundled()}.get(name)
    return None if model is None else model.checkpoint or model.path
