"""Read pictures safely, and encode them.

Reading: only formats that Pillow decodes by itself, a pixel limit checked against the header
before anything is decoded, upright by EXIF, colours in sRGB, alpha kept.
"""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from livematte.errors import InputError, OutputError, UsageError, one_line
from livematte.sources import Source, opened

__all__ = [
    "MAX_PIXELS",
    "READABLE_SUFFIXES",
    "UNREADABLE_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "Picture",
    "encode_picture",
    "format_of",
    "read_picture",
]

_log = logging.getLogger(__name__)

MAX_PIXELS = 64_000_000

# Left out on purpose: what calls other programs (EPS) or is rare enough to be an attack only.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PPM")
READABLE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")
) | {".avif", ".ppm", ".pgm", ".pbm", ".pnm"}
# Pictures that people have in their folders, but that need decoders which Pillow does not bring.
UNREADABLE_SUFFIXES = frozenset(
    (".heic", ".heif", ".jp2", ".j2k", ".jpx", ".jxl", ".jxr", ".psd", ".svg", ".eps", ".tga")
) | {".exr", ".hdr", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"}
WRITABLE_SUFFIXES = {".png": "PNG", ".webp": "WEBP", ".jpg": "JPEG", ".jpeg": "JPEG"}
_SAVE_OPTIONS: dict[str, dict[str, int]] = {
    "PNG": {"compress_level": 2},
    "WEBP": {"quality": 92, "alpha_quality": 100, "method": 3},
    "JPEG": {"quality": 93, "subsampling": 0},
}
_GREY = 128
_limit_lock = threading.Lock()


class _Notes:
    """Sends Pillow's warnings (odd EXIF, trailing bytes) to the log, with the file's name.

    The interpreter has one handler of warnings for all threads. So the first of several readers
    sets it and the last one puts it back, and each thread keeps the name of its own file.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._readers = 0
        self._handler = contextlib.ExitStack()

    @contextlib.contextmanager
    def to_log(self, name: str) -> Iterator[None]:
        with self._lock:
            if not self._readers:
                self._handler.enter_context(warnings.catch_warnings())
                warnings.simplefilter("always")
                warnings.showwarning = self._show
            self._readers += 1
        self._thread.name = name
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                if not self._readers:
                    self._handler.close()

    def _show(self, message: Warning | str, *_: object, **__: object) -> None:
        _log.info("%s: %s", getattr(self._thread, "name", "livematte"), message)


_notes = _Notes()


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright, in sRGB.

    Attributes:
        rgb: H×W×3 uint8 RGB; mid grey where the picture is fully transparent.
        alpha: H×W float32 in [0, 1], the picture's own; None where it is opaque.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.float32] | None = None


def read_picture(
    source: Source,
    *,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    upright: bool = True,
) -> Picture:
    """Decode a picture file, the bytes of one, or a stream of them.

    Several frames: the first. EXIF orientations come out upright; ICC profiles, CMYK ones too,
    are converted to sRGB (a broken profile is ignored, with a warning in the log); 16 bits become
    8; transparency of any kind becomes ``alpha``.

    Args:
        source: the file, its content, or a stream of it.
        name: what to call it in messages; by default the file's path.
        max_pixels: refuse larger pictures, told by their header.
        upright: apply the EXIF orientation; without it the picture stays as it is stored.

    Raises:
        InputError: missing, unreadable, empty, damaged, not a picture, or above the limit.
    """
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    with opened(source, name, max_pixels) as stream, _notes.to_log(name):
        image = _identify(stream, name)
        width, height = image.size
        if width * height > max_pixels:
            raise InputError(
                f"{name}: {width}×{height} is {width * height / 1e6:.1f} megapixels, the limit is "
                f"{max_pixels / 1e6:.1f}; raise it with --max-pixels {width * height}, or make "
                "the picture smaller"
            )
        try:
            image.load()
            return _to_picture(_upright(image, name) if upright else image, name)
        except InputError:
            raise
        except MemoryError as error:
            raise InputError(
                f"{name}: {width}×{height} needs more memory than there is; make it smaller"
            ) from error
        except Exception as error:  # a decoder fed with damage may raise anything
            raise InputError(
                f"{name}: the picture is damaged or cut short ({one_line(error)}); "
                "copy or export it again"
            ) from error


def _identify(stream: IO[bytes], name: str) -> Image.Image:
    """Open by content, whatever the file is called; nothing is decoded yet."""
    Image.init()
    formats = [known for known in _FORMATS if known in Image.OPEN]  # AVIF is not in every Pillow
    try:
        # Our own limit is checked right after; Pillow's would refuse what --max-pixels allows.
        with _limit_lock:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                return Image.open(stream, formats=formats)
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    except UnidentifiedImageError:
        raise InputError(
            f"{name}: not a picture that livematte reads (JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, "
            "PPM), or its beginning is damaged; convert it to one of these"
        ) from None
    except Exception as error:  # a header parser fed with damage may raise anything
        raise InputError(
            f"{name}: the picture's header is damaged ({one_line(error)}); copy or export it again"
        ) from error


def _upright(image: Image.Image, name: str) -> Image.Image:
    """Turned and mirrored as EXIF says."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception as error:  # EXIF is free-form bytes: damage shows as any exception
        _log.warning("%s: broken EXIF ignored (%s)", name, one_line(error))
        return image


def _to_picture(image: Image.Image, name: str) -> Picture:
    profile = image.info.get("icc_profile")
    if image.mode == "F":
        raise InputError(f"{name}: a floating-point picture; convert it to 8 or 16 bits")
    if image.mode.startswith("I"):
        image = _from_16_bits(image)
    alpha = None
    if image.has_transparency_data:
        straight = image.convert("RGBA")
        alpha = np.asarray(straight.getchannel("A"), dtype=np.float32) / np.float32(255)
        image = image.getchannel("L") if image.mode == "LA" else straight.convert("RGB")
    rgb = np.array(_to_srgb(image, profile, name), dtype=np.uint8)
    if alpha is None or alpha.min() == 1:
        return Picture(rgb)
    rgb[alpha == 0] = _GREY
    return Picture(rgb, alpha)


def _from_16_bits(image: Image.Image) -> Image.Image:
    """16-bit (or wider, in 16 bits' range) grey to 8-bit grey."""
    wide = np.asarray(image).astype(np.int64)
    return Image.fromarray(((np.clip(wide, 0, 65535) * 255 + 32767) // 65535).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None, name: str) -> Image.Image:
    """Through the embedded profile, or by Pillow's plain conversion where there is none."""
    if not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        # Grey and palette pictures often carry the profile of the RGB picture they came from.
        if source.profile.xcolor_space.strip() == "RGB":
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except Exception as error:  # littlecms and Pillow raise several unrelated kinds
        _log.warning("%s: broken colour profile ignored (%s)", name, one_line(error))
        return image.convert("RGB")
    return converted if converted is not None else image.convert("RGB")


def format_of(path: Path) -> str:
    """Pillow's name of the format that a file's suffix asks for.

    Raises:
        UsageError: no suffix, or one that livematte does not write.
    """
    try:
        return WRITABLE_SUFFIXES[path.suffix.lower()]
    except KeyError:
        raise UsageError(
            f"{path}: cannot tell the format; end it in {', '.join(WRITABLE_SUFFIXES)}"
        ) from None


def encode_picture(pixels: NDArray[np.uint8], file_format: str) -> bytes:
    """A picture file's content.

    Args:
        pixels: H×W grey, H×W×3 RGB or H×W×4 RGBA (straight alpha), uint8, sRGB.
        file_format: ``PNG``, ``WEBP`` or ``JPEG``.

    Raises:
        UsageError: RGBA for JPEG, which has no alpha.
        OutputError: the format cannot hold a picture of this size.
    """
    if file_format == "JPEG" and pixels.ndim == 3 and pixels.shape[2] == 4:
        raise UsageError("JPEG cannot hold transparency: write a cut-out as PNG or WebP")
    buffer = io.BytesIO()
    try:
        Image.fromarray(pixels).save(buffer, file_format, **_SAVE_OPTIONS[file_format])
    except (OSError, ValueError) as error:
        height, width = pixels.shape[:2]
        raise OutputError(
            f"{file_format} cannot hold {width}×{height} pixels ({one_line(error)}); write PNG"
        ) from error
    return buffer.getvalue()
