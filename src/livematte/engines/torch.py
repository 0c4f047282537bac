"""torch: runs a checkpoint of training, as the other engines run model files.

The one engine that needs the training half, and the only module below it that may import it: a
checkpoint is weights and a recipe, and only :mod:`livematte.training` can build the network of it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from livematte.engines.base import encode_inputs, spec_for
from livematte.errors import DeviceError, MissingExtra, ModelError, UsageError, one_line
from livematte.spec import ModelSpec

if TYPE_CHECKING:
    from livematte.networks.base import Network

__all__ = ["TorchEngine", "open_checkpoint"]

_log = logging.getLogger(__name__)

_DEVICES = ("auto", "cpu", "cuda", "mps")


class TorchEngine:
    """Runs a network in memory, in 32-bit floats."""

    name = "torch"

    def __init__(
        self,
        network: Network,
        spec: ModelSpec,
        *,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Put the network into evaluation mode on its device.

        Args:
            network: a trained network.
            spec: what it takes; its ``prior`` must be the network's.
            device: ``cpu``, ``cuda``, ``mps``, or ``auto``: CUDA where there is one, else the CPU.
            threads: of one operation, in the whole process: torch knows no other way.

        Raises:
            DeviceError: the device cannot be had.
        """
        import torch  # noqa: PLC0415

        if device not in _DEVICES:
            raise UsageError(f"torch has no device {device!r}: take one of {', '.join(_DEVICES)}")
        there = {
            "cpu": True,
            "cuda": torch.cuda.is_available(),
            "mps": torch.backends.mps.is_available(),
        }
        self.device = ("cuda" if there["cuda"] else "cpu") if device == "auto" else device
        if not there[self.device]:
            raise DeviceError(f"{device} was asked for, but torch sees none: use --device cpu")
        if threads is not None:
            torch.set_num_threads(threads)
        self.spec = spec
        self.threads = threads
        self._network = network.to(self.device).float().eval()

    def run(
        self, image: NDArray[np.float32], prior: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """See :meth:`livematte.engines.base.Engine.run`."""
        import torch  # noqa: PLC0415

        spec = spec_for(image, self.spec)
        try:
            with torch.inference_mode():
                inputs = [
                    torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32)).to(self.device)
                    for plane in encode_inputs(image, prior, spec, 1 + spec.prior)
                ]
                logit = self._network(*inputs).mask
                matte: NDArray[np.float32] = logit.sigmoid()[0, 0].float().cpu().numpy()
        except RuntimeError as error:
            if self.device == "cpu":
                raise ModelError(
                    f"{self.spec.name}: torch cannot run it ({one_line(error, 300)})"
                ) from error
            raise DeviceError(
                f"{self.spec.name}: {self.device} failed ({one_line(error, 300)}); use --device cpu"
            ) from error
        if not np.isfinite(matte).all():
            raise ModelError(
                f"{self.spec.name}: the network answered with NaN or infinity; its weights are "
                "damaged"
            )
        return matte


def open_checkpoint(
    path: Path,
    model: bytes,
    spec: ModelSpec | None,
    *,
    fallback: ModelSpec | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> TorchEngine:
    """Open a checkpoint that livematte wrote.

    Args:
        path: the checkpoint.
        model: its content, which torch reads from ``path`` again.
        spec: instead of the name, size and prior that the recipe in the checkpoint says.
        fallback: not needed.
        device, threads: see :class:`TorchEngine`.

    Raises:
        ModelError: a damaged checkpoint, one of something else, or a spec that is not the
            network's.
        DeviceError: the device cannot be had.
        MissingExtra: what training needs is not installed.
    """
    del model, fallback
    try:
        from livematte.training.checkpoint import load_trained  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "train") from error
    recipe, network = load_trained(path)
    if spec is None:
        height, width = recipe.stages[-1].size
        precision = "int8" if recipe.options.get("quantised") else "fp32"
        spec = ModelSpec(recipe.name, height, width, prior=recipe.prior, precision=precision)
    if spec.prior != network.prior:
        raise ModelError(
            f"{path}: the network {'takes' if network.prior else 'has no'} prior, "
            "which is not what its spec says"
        )
    if spec.height % network.stride or spec.width % network.stride:
        raise ModelError(
            f"{path}: the network takes sides that are multiples of {network.stride}, "
            f"its spec says {spec.height}×{spec.width}"
        )
    engine = TorchEngine(network, spec, device=device, threads=threads)
    _log.info("%s: torch on %s", path, engine.device)
    return engine
