"""Sound on its way from a source to a sink: packets, copied without decoding them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

from av.audio.stream import AudioStream
from av.packet import Packet

__all__ = ["STEP_BACK", "Sound"]

STEP_BACK = Fraction(1, 10)
"""Seconds by which a source's clock steps back where it begins again, and does not only tremble."""

_UNCLAIMED = 1000  # packets kept for a sink that may still ask for them: about 20 seconds


@dataclass
class Sound:
    """The packets that a source has met and its sink has not yet taken.

    A source meets some before there is a sink. They wait for it, but not for ever: a sink without
    sound costs no memory.

    Attributes:
        stream: the source's stream: the sink's copy takes its parameters.
        origin: seconds (of the source) that lie at the output's 0.
        begin, end: seconds to copy from and to; None: all.
    """

    stream: AudioStream
    origin: Fraction
    begin: Fraction | None = None
    end: Fraction | None = None
    _packets: deque[Packet[AudioStream]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _wanted: bool = False
    _reached: Fraction | None = None
    _joined: Fraction = Fraction(0)

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec."""
        return self.stream.codec_context.codec.canonical_name

    def want(self) -> None:
        """Keep every packet from now on, and those that wait."""
        self._wanted = True

    def put(self, packet: Packet[AudioStream]) -> bool:
        """Take a packet of the source; whether more may be wanted (the end is not reached)."""
        if packet.pts is None or packet.time_base is None:
            return True  # the packet that flushes a decoder
        time = self._gone_on(packet.pts * packet.time_base, packet)
        if self.end is not None and time >= self.end:
            return False
        if self.begin is None or time >= self.begin:
            shift = round((self.origin - self._joined) / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            with self._lock:
                self._packets.append(packet)
                if not self._wanted and len(self._packets) > _UNCLAIMED:
                    self._packets.clear()
        return True

    def _gone_on(self, time: Fraction, packet: Packet[AudioStream]) -> Fraction:
        """Seconds of a packet; where the source's clock has stepped back, it goes on."""
        time += self._joined
        if self._reached is not None and time < self._reached - STEP_BACK:
            self._joined += self._reached - time
            time = self._reached
        self._reached = time + (packet.duration or 0) * (packet.time_base or 0)
        return time

    def take(self) -> list[Packet[AudioStream]]:
        """The packets kept since the last time."""
        with self._lock:
            packets = list(self._packets)
            self._packets.clear()
        return packets
