"""Masks of every habit become the matte their maker meant."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from livematte.data.reading import decode_mask, mask_values, read_image, read_mask
from livematte.images import read_picture


def mask(*values: int) -> np.ndarray:
    return np.array([values], np.uint8)


@pytest.mark.parametrize(
    ("values", "alpha", "ignore"),
    [
        (mask(0, 255, 255), [0, 1, 1], None),
        (mask(0, 1, 1), [0, 1, 1], None),
        (mask(0, 128, 255), [0, 0, 1], [0, 1, 0]),
        (mask(0, 1, 255), [0, 1, 0], [0, 0, 1]),
        (mask(0, 1, 255, 255), [0, 0, 1, 1], None),
        (mask(0, 0, 0), [0, 0, 0], None),
        (mask(255, 255, 255), [1, 1, 1], None),
    ],
)
def test_hard_masks(values, alpha, ignore):
    matte = decode_mask(values)
    assert not matte.soft
    assert matte.alpha.tolist() == [alpha]
    assert (matte.ignore is None) == (ignore is None)
    if ignore is not None:
        assert matte.ignore.astype(int).tolist() == [ignore]


def test_greys_are_a_soft_matte_unless_a_codec_made_them():
    values = mask(0, 51, 128, 255)
    soft = decode_mask(values)
    assert soft.soft
    assert soft.ignore is None
    np.testing.assert_allclose(soft.alpha, [[0, 0.2, 128 / 255, 1]], atol=1e-6)
    for hard in (decode_mask(values, lossy=True), decode_mask(values, kind="hard")):
        assert not hard.soft
        assert hard.alpha.tolist() == [[0, 0, 1, 1]]
    assert decode_mask(mask(0, 255), kind="soft").soft


def test_picture_modes(tmp_path):
    person = np.zeros((6, 8), np.uint8)
    person[2:, 3:6] = 255
    pictures = {
        "bilevel": Image.fromarray(person).convert("1"),
        "colour": Image.merge("RGB", [Image.fromarray(person), *[Image.new("L", (8, 6))] * 2]),
        "alpha": Image.fromarray(np.dstack([np.full((6, 8, 3), 9, np.uint8), person])),
        "opaque": Image.fromarray(np.dstack([person] * 3 + [np.full_like(person, 255)])),
        "sixteen": Image.fromarray(person.astype(np.uint16) * 257),
    }
    ordinary = Image.fromarray((person > 0).astype(np.uint8))
    ordinary.putpalette([0, 0, 0, 128, 0, 0])
    pictures["indices"] = ordinary
    swapped = Image.fromarray((person == 0).astype(np.uint8))
    swapped.putpalette([255, 255, 255, 0, 0, 0])
    pictures["grey palette"] = swapped
    for name, picture in pictures.items():
        path = tmp_path / f"{name}.png"
        picture.save(path)
        matte = read_mask(path)
        np.testing.assert_array_equal(matte.alpha, person / 255, err_msg=name)
        assert not matte.soft, name


def test_a_mask_saved_as_jpeg_is_hard(tmp_path):
    person = np.zeros((16, 16), np.uint8)
    person[4:, 5:12] = 255
    path = tmp_path / "mask.jpg"
    Image.fromarray(person).save(path, quality=60)
    assert len(np.unique(mask_values(path))) > 2
    matte = read_mask(path)
    assert not matte.soft
    np.testing.assert_array_equal(matte.alpha, person / 255)


def test_sixteen_bits_become_eight(tmp_path):
    Image.fromarray(np.array([[0, 8224, 16705]], np.uint16)).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 32, 65]


def test_what_lies_under_transparency_stays_hidden(tmp_path):
    pixels = np.array([[[250, 10, 10, 255], [250, 10, 10, 0]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "cut.png")
    assert read_image(tmp_path / "cut.png").tolist() == [[[250, 10, 10], [128, 128, 128]]]


def test_training_and_use_see_the_same_picture(tmp_path):
    """A colour profile, and CMYK."""
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    in_lab = ImageCms.profileToProfile(
        Image.fromarray(pixels), ImageCms.createProfile("sRGB"), lab, outputMode="LAB"
    )
    in_lab.save(tmp_path / "lab.tif", icc_profile=lab.tobytes())
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "cmyk.jpg")
    for name in ("lab.tif", "cmyk.jpg"):
        np.testing.assert_array_equal(
            read_image(tmp_path / name), read_picture(tmp_path / name).rgb, err_msg=name
        )
    assert np.abs(read_image(tmp_path / "lab.tif").astype(int) - pixels).mean() < 4


@pytest.mark.parametrize("orientation", [3, 6])
def test_only_a_mask_that_needs_it_keeps_the_stored_orientation(orientation, tmp_path):
    stored = np.zeros((4, 6, 3), np.uint8)
    stored[0, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "x.png", exif=exif)
    upright = np.rot90(stored, 2 if orientation == 3 else -1)
    for shape, wanted in (
        (None, upright),
        (upright.shape[:2], upright),
        ((4, 6), upright if orientation == 3 else stored),
        ((9, 9), upright),
    ):
        np.testing.assert_array_equal(read_image(tmp_path / "x.png", shape=shape), wanted)
