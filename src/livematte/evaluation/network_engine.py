"""Run a torch network as if it were a model file, so that a checkpoint can be evaluated."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livematte.engines.base import check_input
from livematte.errors import DeviceError, ModelError
from livematte.networks.base import Network
from livematte.spec import ModelSpec

__all__ = ["NetworkEngine"]


class NetworkEngine:
    """An :class:`livematte.engines.Engine` over a network in memory.

    Attributes:
        name: ``torch``.
        spec: the network's spec.
        device: where it runs, ``cpu`` or ``cuda``.
        threads: torch's threads of one operation; None leaves torch's choice.
    """

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

        ``threads`` holds for the whole process: torch knows no other way.

        Raises:
            DeviceError: the device cannot be had.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
            raise DeviceError(f"torch has no device {device!r} here: use --device cpu")
        if threads is not None:
            torch.set_num_threads(threads)
        self.spec = spec
        self.device = device
        self.threads = threads
        self._network = network.to(device).eval()

    @torch.inference_mode()
    def run(
        self, image: NDArray[np.float32], prior: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """See :meth:`livematte.engines.Engine.run`."""
        check_input(image, prior, self.spec)
        last: Tensor | None = None
        if self.spec.prior:
            empty = np.zeros((self.spec.height, self.spec.width), np.float32)
            last = torch.from_numpy(empty if prior is None else prior)[None, None].to(self.device)
        picture = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
        logit: Tensor = self._network(picture.to(self.device), last).mask
        matte: NDArray[np.float32] = logit.sigmoid()[0, 0].float().cpu().numpy()
        if not np.isfinite(matte).all():
            raise ModelError(f"{self.spec.name}: the network answered with NaN or infinity")
        return matte
