"""From decoded pictures to upright RGB, and back to the colours that encoders take.

The matrix and the range that a file declares are used. A file that declares no matrix has that
of its size: BT.709 from 720 lines on, BT.601 below, as players assume.
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from numpy.typing import NDArray

__all__ = ["Turn", "assumed_matrix", "from_pixels", "is_hdr", "to_rgb", "turn_of"]

Turn = tuple[bool, bool, bool]
"""Transpose, then mirror top to bottom, then left to right."""

_UPRIGHT: Turn = (False, False, False)
_HD_LINES = 720
_UNSPECIFIED = (0, 2)  # 0 is "RGB", which YUV formats cannot be
_HDR_CURVES = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)


def is_hdr(frame: VideoFrame) -> bool:
    """Whether the brightness is coded for HDR screens (PQ or HLG)."""
    return frame.color_trc in _HDR_CURVES


def turn_of(frame: VideoFrame) -> Turn:
    """How the picture must be turned to stand upright, from its display matrix.

    The matrix maps a stored (x, y) to the shown one: x' = a·x + c·y, y' = b·x + d·y (as in ISO
    14496-12, first two columns); only quarter turns and mirrors are followed.
    """
    side_data: Any = frame.side_data  # whose type in PyAV knows motion vectors alone
    matrix = side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return _UPRIGHT
    a, b, _, c, d = struct.unpack("5i", bytes(matrix)[:20])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (False, d < 0, a < 0)
    return (True, b < 0, c < 0)


def assumed_matrix(lines: int) -> Colorspace:
    """The matrix of pictures of so many lines that declare none."""
    return Colorspace.ITU709 if lines >= _HD_LINES else Colorspace.ITU601


def to_rgb(frame: VideoFrame, converter: VideoReformatter, turn: Turn) -> NDArray[np.uint8]:
    """The picture as H×W×3 uint8 RGB, full range, turned."""
    matrix = frame.colorspace
    if matrix in _UNSPECIFIED:
        matrix = assumed_matrix(frame.height)
    full = converter.reformat(
        frame,
        format="rgb24",
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=frame.color_range or None,
        dst_color_range=ColorRange.JPEG,
    )
    image = np.asarray(full.to_ndarray(), dtype=np.uint8)
    transpose, upside_down, mirrored = turn
    if transpose:
        image = image.transpose(1, 0, 2)
    if upside_down:
        image = image[::-1]
    if mirrored:
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def from_pixels(
    pixels: NDArray[np.uint8],
    pixel_format: str,
    converter: VideoReformatter,
    matrix: Colorspace = Colorspace.ITU709,
) -> VideoFrame:
    """Pixels (H×W grey, H×W×3 or H×W×4, full range) as an encoder's frame, tagged as BT.709.

    ``matrix`` is another one for formats that carry no tag, where readers assume it. The sides
    must be even where the format halves the chroma.
    """
    if pixels.ndim == 2 and pixel_format != "gray":
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    given = "gray" if pixels.ndim == 2 else {3: "rgb24", 4: "rgba"}[pixels.shape[2]]
    frame = VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), format=given)
    if pixel_format == given:
        return frame
    return converter.reformat(
        frame,
        format=pixel_format,
        dst_colorspace=matrix,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_color_trc=ColorTrc.BT709,
        dst_color_primaries=ColorPrimaries.BT709,
    )
