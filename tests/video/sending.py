"""Grey pictures that become lighter, sent at their own pace."""

from __future__ import annotations

import contextlib
import socket
import threading
from fractions import Fraction

import av
import numpy as np

RATE = 25


def send(place: str, file_format: str, frames: int, over: threading.Event) -> None:
    """Send ``frames`` pictures of 64×48, a key frame among five, until there are or it is over."""
    with av.open(place, "w", format=file_format) as out:
        options = {"tune": "zerolatency", "preset": "ultrafast", "g": "5"}
        stream = out.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            grey = np.full((48, 64, 3), 40 + 2 * (number % 100), np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
            if over.wait(1 / RATE):
                break
        out.mux(stream.encode(None))


class UdpSender:
    """Sends MPEG-TS over UDP on loopback, to whoever listens, until it is closed.

    Attributes:
        address: what to open.
    """

    def __init__(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"udp://127.0.0.1:{free.getsockname()[1]}"
        self._over = threading.Event()
        self._sending = threading.Thread(target=self._send, daemon=True)
        self._sending.start()

    def close(self) -> None:
        """Fall silent: UDP has no end."""
        self._over.set()
        self._sending.join(5)

    def _send(self) -> None:
        with contextlib.suppress(OSError):
            send(f"{self.address}?pkt_size=1316", "mpegts", RATE * 120, self._over)
