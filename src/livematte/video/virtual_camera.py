"""Frames into a virtual camera, which calls and meetings take for a real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from livematte.errors import MissingExtra, OutputError, UsageError, one_line
from livematte.video.frames import Composed, SourceInfo

__all__ = ["VirtualCameraSink"]


class VirtualCameraSink:
    """Sends frames to a virtual camera device: v4l2loopback (Linux), OBS (Windows, macOS)."""

    lasting = False

    def __init__(
        self,
        info: SourceInfo,
        device: str | None = None,
        *,
        open_device: Callable[..., Any] | None = None,
    ) -> None:
        """
        Args:
            info: of the source, whose rate it takes over.
            device: its name, such as ``/dev/video10``; None: the first one.
            open_device: called as ``pyvirtualcam.Camera``, which it is by default.

        Raises:
            MissingExtra: pyvirtualcam is not installed.
        """
        self._info, self._device = info, device
        self._open = open_device or _camera_class()
        self._camera: Any = None

    def write(self, composed: Composed) -> None:
        """Show one frame; the first one decides the size.

        Raises:
            OutputError: there is no such device, or it takes no other size.
            UsageError: frames with transparency.
        """
        pixels = composed.pixels
        if pixels.ndim == 2:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            raise UsageError("a virtual camera shows no transparency: give --background or --alpha")
        if self._camera is None:
            height, width = pixels.shape[:2]
            try:
                self._camera = self._open(
                    width=width, height=height, fps=float(self._info.rate), device=self._device
                )
            except (RuntimeError, OSError) as error:
                raise OutputError(
                    f"no virtual camera can be had ({one_line(error)}); load v4l2loopback (Linux), "
                    "or install OBS (Windows, macOS)"
                ) from error
        try:
            self._camera.send(pixels)
        except (RuntimeError, OSError) as error:
            raise OutputError(f"the virtual camera went away ({one_line(error)})") from error

    def close(self) -> None:
        """Let go of the device."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()

    def abort(self) -> None:
        """As :meth:`close`: what was shown was shown."""
        self.close()


def _camera_class() -> Callable[..., Any]:
    try:
        import pyvirtualcam  # noqa: PLC0415
    except ModuleNotFoundError:
        raise MissingExtra("pyvirtualcam", "camera") from None
    camera: Callable[..., Any] = pyvirtualcam.Camera
    return camera
