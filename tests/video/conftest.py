"""Tiny videos, made where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from video.clips import HEIGHT, RATE, WIDTH, picture


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Write a video: ``make_video("a.mp4", frames=20, codec="libx264", sound="aac", ...)``."""

    def make(
        name: str,
        *,
        frames: int = 20,
        codec: str = "libx264",
        pixel_format: str = "yuv420p",
        size: tuple[int, int] = (WIDTH, HEIGHT),
        times: Sequence[float] | None = None,
        sound: str | None = None,
        degrees: int = 0,
        options: dict[str, str] | None = None,
        draw: Callable[[int], np.ndarray] | None = None,
        front: bool = False,
        speaks: float | None = None,
    ) -> Path:
        path = tmp_path / name
        flags = {"movflags": "+faststart"} if front and path.suffix in (".mp4", ".mov") else {}
        with av.open(path, "w", options=flags) as out:
            video = out.add_stream(codec, rate=RATE, options=options or {})
            video.width, video.height = size
            video.pix_fmt = pixel_format
            base = Fraction(1, RATE if times is None else 1000)
            video.time_base = video.codec_context.time_base = base
            if degrees:
                video.set_display_rotation(degrees)
            voice = out.add_stream(sound, rate=48000) if sound else None
            if voice is not None:
                _speak(out, voice, speaks or frames / RATE)
            for number in range(frames):
                image = draw(number) if draw else picture(number, *size)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                seconds = number / RATE if times is None else times[number]
                frame.pts, frame.time_base = round(seconds / base), base
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
        return path

    return make


def _speak(out: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    """A tone of 440 Hz."""
    at = np.arange(round(seconds * 48000))
    wave = (0.2 * np.sin(2 * np.pi * 440 * at / 48000)).astype(np.float32)
    for begin in range(0, wave.size, 1024):
        part = np.tile(wave[begin : begin + 1024], (2, 1))
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48000, begin
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
