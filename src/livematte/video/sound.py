"""Sound on its way from a source to a sink: packets, copied without decoding them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

from av.audio.stream import AudioStream
from av.packet import Packet

__all__ = ["Sound"]


@dataclass
class Sound:
    """The packets that a source has met and its sink has not yet taken.

    Nothing is kept until a sink asks for it, so a sink without sound costs no memory.

    Attributes:
        stream: the source's stream: the sink's copy takes its parameters.
        origin: seconds that lie at the output's 0.
        end: seconds (of the source) at which to stop; None: never.
    """

    stream: AudioStream
    origin: Fraction
    end: Fraction | None = None
    _packets: deque[Packet[AudioStream]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _wanted: bool = False

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec."""
        return self.stream.codec_context.name

    def want(self) -> None:
        """Keep packets from now on."""
        self._wanted = True

    def put(self, packet: Packet[AudioStream]) -> bool:
        """Take a packet of the source; whether more may be wanted (the end is not reached)."""
        if packet.pts is None or packet.time_base is None:
            return True  # the packet that flushes a decoder
        time = packet.pts * packet.time_base
        if self.end is not None and time >= self.end:
            return False
        if self._wanted and time >= self.origin:
            shift = round(self.origin / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            with self._lock:
                self._packets.append(packet)
        return True

    def take(self) -> list[Packet[AudioStream]]:
        """The packets kept since the last time."""
        with self._lock:
            packets = list(self._packets)
            self._packets.clear()
        return packets
