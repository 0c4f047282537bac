"""Reading every kind of picture, refusing everything else, encoding what is written."""

import io
import logging
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from livematte.errors import InputError, OutputError, UsageError
from livematte.images import Picture, encode_picture, format_of, read_picture

Encoded = Callable[..., bytes]


def saved(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def test_colours_survive(encoded: Encoded, portrait: np.ndarray) -> None:
    picture = read_picture(encoded("PNG"))
    np.testing.assert_array_equal(picture.rgb, portrait)
    assert picture.alpha is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientations_come_out_upright(orientation: int, file_format: str) -> None:
    upright = np.zeros((40, 64, 3), np.uint8)
    upright[:20, :32] = 255  # a bright corner, top left
    # How a camera stores the picture so that the orientation tag turns it upright again.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(np.ascontiguousarray(stored)), file_format, exif=exif)
    rgb = read_picture(content).rgb
    assert rgb.shape == upright.shape
    assert np.abs(rgb.astype(int) - upright).mean() < 4


def test_broken_exif_is_ignored(encoded: Encoded, portrait: np.ndarray) -> None:
    broken = encoded("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12", quality=95)
    assert read_picture(broken).rgb.shape == portrait.shape


def in_mode(portrait: np.ndarray, mode: str) -> Image.Image:
    image = Image.fromarray(portrait)
    if mode == "1":
        return Image.fromarray(portrait[..., 0] > 100)
    if mode == "P":
        return image.quantize(16, dither=Image.Dither.NONE)
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    return image.convert(mode)


@pytest.mark.parametrize(
    ("file_format", "mode"),
    [
        ("PNG", "P"),
        ("GIF", "P"),
        ("JPEG", "CMYK"),
        ("TIFF", "CMYK"),
        ("TIFF", "YCbCr"),
        ("TIFF", "LAB"),
        ("BMP", "RGB"),
        ("PPM", "RGB"),
        ("PNG", "RGBA"),
        ("WEBP", "RGB"),
    ],
)
def test_colour_modes(portrait: np.ndarray, file_format: str, mode: str) -> None:
    picture = read_picture(saved(in_mode(portrait, mode), file_format))
    assert picture.rgb.shape == portrait.shape
    assert picture.alpha is None
    assert np.abs(picture.rgb.astype(int) - portrait).mean() < 5


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_modes(portrait: np.ndarray, mode: str) -> None:
    rgb = read_picture(saved(in_mode(portrait, mode))).rgb
    assert rgb.shape == portrait.shape
    assert (rgb[..., 0] == rgb[..., 2]).all()
    assert rgb[60, 48].mean() != rgb[0].mean()


def test_16_bit_grey() -> None:
    wide = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    rgb = read_picture(saved(Image.fromarray(wide))).rgb
    np.testing.assert_array_equal(rgb[0, :, 0], np.round(wide[0] / 257).astype(np.uint8))


def test_floating_point_pictures_are_refused() -> None:
    content = saved(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF")
    with pytest.raises(InputError, match="convert it to 8 or 16 bits"):
        read_picture(content)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_becomes_alpha(mode: str) -> None:
    pixels = np.full((8, 8, 4), (200, 10, 10, 255), np.uint8)
    pixels[:4, :, 3] = 0
    pixels[4:, :4, 3] = 128 if mode != "P" else 255
    image = Image.fromarray(pixels)
    if mode == "P":
        palette = Image.fromarray(pixels[..., :3]).quantize(4)
        index = np.asarray(palette).copy()
        index[:4] = 7
        replaced = Image.fromarray(index)
        replaced.putpalette(palette.getpalette() + [0] * (768 - len(palette.getpalette())))
        content = saved(replaced, transparency=7)
    else:
        content = saved(image.convert(mode))
    picture = read_picture(content)
    assert picture.alpha is not None
    assert picture.alpha[:4].max() == 0
    assert picture.alpha[6, 6] == 1
    if mode != "P":
        assert picture.alpha[6, 2] == pytest.approx(128 / 255)
    assert (picture.rgb[:4] == 128).all()  # what is not there has no colour


def test_icc_profiles_become_srgb(encoded: Encoded) -> None:
    """A grey ramp tagged with a linear-light profile comes out brighter."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = read_picture(encoded("PNG", icc_profile=lab)).rgb
    np.testing.assert_allclose(plain, read_picture(encoded("PNG")).rgb, atol=2)
    # Red and blue exchanged: the profile's red primary is read from its own tag.
    swapped = bytearray(lab)
    at = {
        swapped[128 + 4 + 12 * i : 132 + 4 + 12 * i].decode(): 132 + 12 * i
        for i in range(int.from_bytes(swapped[128:132], "big"))
    }
    red, blue = at["rXYZ"], at["bXYZ"]
    swapped[red + 4 : red + 12], swapped[blue + 4 : blue + 12] = (
        swapped[blue + 4 : blue + 12],
        swapped[red + 4 : red + 12],
    )
    exchanged = read_picture(encoded("PNG", icc_profile=bytes(swapped))).rgb
    assert exchanged[60, 48, 2] > exchanged[60, 48, 0]  # the red disc is blue now


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_broken_and_foreign_profiles_are_ignored(
    encoded: Encoded, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        broken = read_picture(encoded("JPEG", mode, icc_profile=b"no profile" * 20), name="x.jpg")
    assert "x.jpg: broken colour profile ignored" in caplog.text
    np.testing.assert_array_equal(broken.rgb, read_picture(encoded("JPEG", mode)).rgb)


def test_content_decides_not_the_name(encoded: Encoded, tmp_path: Path, portrait) -> None:
    (tmp_path / "really_a_png.jpg").write_bytes(encoded("PNG"))
    np.testing.assert_array_equal(read_picture(tmp_path / "really_a_png.jpg").rgb, portrait)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7])
def test_truncated_files(encoded: Encoded, file_format: str, part: float) -> None:
    content = encoded(file_format)
    with pytest.raises(InputError, match=r"^name: "):
        read_picture(content[: int(len(content) * part)], name="name")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"<!doctype html><html><body>404", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not a picture"),
        (bytes(range(256)) * 8, "not a picture"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 300, "x: "),
    ],
)
def test_what_is_not_a_picture(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_picture(content, name="x")


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((30_000, 30_000), "30000×30000 is 900.0 megapixels, the limit is 64.0"),
        ((2**31 - 1, 2**31 - 1), "the limit is 64.0"),
        ((0, 10), "x: "),
    ],
)
def test_sizes_are_refused_from_the_header(huge_png, size: tuple[int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_picture(huge_png(*size), name="x")


def test_the_limit_can_be_moved(encoded: Encoded, huge_png) -> None:
    with pytest.raises(InputError, match="--max-pixels 11520"):
        read_picture(encoded(), max_pixels=11_519)
    assert read_picture(encoded(), max_pixels=11_520).rgb.shape == (120, 96, 3)
    # Above Pillow's own limit it is still ours that decides, and damage is still damage.
    with pytest.raises(InputError, match="damaged or cut short"):
        read_picture(huge_png(14_000, 14_000), max_pixels=200_000_000)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.jpg: no such file"):
        read_picture(tmp_path / "no.jpg")
    with pytest.raises(InputError, match="cannot be read"):
        read_picture(tmp_path)


@pytest.mark.parametrize(("suffix", "file_format"), [(".PNG", "PNG"), (".webp", "WEBP")])
def test_formats_go_by_suffix(suffix: str, file_format: str) -> None:
    assert format_of(Path("x" + suffix)) == file_format
    pixels = np.full((5, 7, 4), (255, 0, 0, 120), np.uint8)
    back = Image.open(io.BytesIO(encode_picture(pixels, file_format)))
    assert (back.mode, back.size) == ("RGBA", (7, 5))


def test_formats_that_cannot_hold_it() -> None:
    with pytest.raises(UsageError, match="JPEG cannot hold transparency"):
        encode_picture(np.zeros((4, 4, 4), np.uint8), "JPEG")
    with pytest.raises(UsageError, match="cannot tell the format"):
        format_of(Path("x.xyz"))
    with pytest.raises(OutputError, match="WEBP cannot hold 20000×1"):
        encode_picture(np.zeros((1, 20_000), np.uint8), "WEBP")


def test_readers_in_several_threads_put_the_handler_of_warnings_back(
    encoded: Encoded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first to come is the first to go, which nested handlers would not survive."""
    caplog.set_level(logging.INFO, "livematte")
    here, gone = threading.Event(), threading.Event()

    def decode(image: Image.Image, name: str) -> Picture:
        if name == "early":
            here.set()
            late_is_here.wait(10)
        else:
            late_is_here.set()
            gone.wait(10)
        warnings.warn("odd", stacklevel=1)
        return Picture(np.zeros((1, 1, 3), np.uint8))

    late_is_here = threading.Event()
    monkeypatch.setattr("livematte.images._to_picture", decode)
    before = (warnings.filters, list(warnings.filters), warnings.showwarning)
    with ThreadPoolExecutor(2) as pool:
        early = pool.submit(read_picture, encoded(), name="early")
        here.wait(10)
        late = pool.submit(read_picture, encoded(), name="late")
        early.result(10)
        gone.set()
        late.result(10)
    assert (warnings.filters, list(warnings.filters), warnings.showwarning) == before
    assert warnings.filters is before[0]
    assert caplog.messages == ["early: odd", "late: odd"]


def test_orientation_is_left_alone_when_asked() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(Image.new("RGB", (8, 4)), exif=exif)
    assert read_picture(content).rgb.shape == (8, 4, 3)
    assert read_picture(content, upright=False).rgb.shape == (4, 8, 3)
