"""Sound on its way from a source to a sink: packets, copied without decoding them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

from av.audio.stream import AudioStream
from av.packet import Packet

from livematte.video.clock import OnwardClock

__all__ = ["Sound"]

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
    _clock: OnwardClock = field(default_factory=OnwardClock)

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
        lasts = (packet.duration or 0) * packet.time_base
        time = self._clock.at(packet.pts * packet.time_base, lasts)
        if self.end is not None and time >= self.end:
            return False
        if self.begin is None or time >= self.begin:
            shift = round((self.origin - self._clock.ahead) / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            with self._lock:
                self._packets.append(packet)
                if not self._wanted and len(self._packets) > _UNCLAIMED:
                    self._packets.clear()
        return True

    def take(self, begin: Fraction = Fraction(0)) -> list[Packet[AudioStream]]:
        """The packets kept since the last time.

        Args:
            begin: seconds that are to become 0; what lies before them is left out. At 0, nothing
                is: encoders begin a little earlier.
        """
        with self._lock:
            packets = list(self._packets)
            self._packets.clear()
        return [packet for packet in packets if _begin_later(packet, begin)] if begin else packets


def _begin_later(packet: Packet[AudioStream], begin: Fraction) -> bool:
    """Count a packet's time from ``begin`` seconds on; whether it lies at or after them."""
    assert packet.pts is not None
    assert packet.dts is not None
    assert packet.time_base is not None
    shift = round(begin / packet.time_base)
    packet.pts -= shift
    packet.dts -= shift
    return packet.pts >= 0
