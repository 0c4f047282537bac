"""A camera of the network, as little of one as FFmpeg puts up with: RTSP over one TCP connection.

RFC 2326, with the RTP packets interleaved (its section 10.12). FFmpeg makes the packets; they come
to us over UDP on loopback.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

from video.sending import send

SESSION = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
    "a=control:t0\r\n"
)


class RtspCamera:
    """Serves one client ``frames`` grey pictures that become lighter, then closes or falls silent.

    Attributes:
        address: what to open.
    """

    def __init__(self, frames: int, *, stalls: bool = False) -> None:
        self._frames, self._stalls = frames, stalls
        self._packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._packets.bind(("127.0.0.1", 0))
        self._packets.settimeout(0.2)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._encoded, self._over = threading.Event(), threading.Event()
        self.address = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/door"
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def close(self) -> None:
        """Hang up."""
        self._over.set()
        self._listener.close()
        self._serving.join(5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError), self._packets:
            client, _ = self._listener.accept()
            with client:
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        """Answer requests until the client plays; then send."""
        received = b""
        while data := client.recv(4096):
            received += data
            while b"\r\n\r\n" in received:
                head, received = received.split(b"\r\n\r\n", 1)
                first, *fields = head.decode().split("\r\n")
                named = dict(line.lower().split(": ", 1) for line in fields)
                client.sendall(self._answer(first.split()[0], named["cseq"]))
                if first.startswith("PLAY"):
                    threading.Thread(target=self._encode, daemon=True).start()
                    self._pass_on(client)
                    return

    def _answer(self, method: str, number: str) -> bytes:
        body = SESSION if method == "DESCRIBE" else ""
        lines = [f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1"]
        if body:
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        if method == "SETUP":
            lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def _encode(self) -> None:
        place = f"rtp://127.0.0.1:{self._packets.getsockname()[1]}"
        send(place, "rtp", self._frames, self._over)
        self._encoded.set()

    def _pass_on(self, client: socket.socket) -> None:
        """Send RTP packets within the connection, each behind a dollar, its channel and length."""
        ending = False
        while not ending:
            ending = self._encoded.is_set()  # what came before that is still to be read
            with contextlib.suppress(TimeoutError):
                while not self._over.is_set():
                    packet = self._packets.recv(65536)
                    client.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
        if self._stalls:
            self._over.wait(20)
