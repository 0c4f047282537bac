"""Every layout is recognised from a folder generated here, and reads back what was put in."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livematte.data.dataset import Backgrounds
from livematte.data.datasets import ConcatDataset, FileDataset, open_dataset
from livematte.errors import InputError, UsageError

HEIGHT, WIDTH = 24, 16
PERSON = np.zeros((HEIGHT, WIDTH), bool)
PERSON[8:, 4:12] = True
VOID = np.zeros((HEIGHT, WIDTH), bool)
VOID[6:8, 4:12] = True
SOFT = np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)


def save(path: Path, array: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def photo(path: Path, seed: int = 0) -> None:
    pixels = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    save(path, pixels)


def grey(person: int = 255, void: int | None = None) -> np.ndarray:
    mask = np.where(PERSON, person, 0).astype(np.uint8)
    if void is not None:
        mask[VOID] = void
    return mask


def palette(path: Path, indices: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(indices)
    picture.putpalette([(i * 37 + c * 11) % 256 for i in range(256) for c in range(3)])
    picture.save(path)


def plain(root: Path) -> None:
    for i in range(3):
        photo(root / "images" / f"{i}.jpg", i)
        save(root / "masks" / f"{i}.png", grey())


def p3m(root: Path) -> None:
    for part, folder in (("train", "blurred_image"), ("validation/P3M-500-NP", "original_image")):
        photo(root / part / folder / "a.jpg")
        save(root / part / "mask" / "a.png", SOFT)


def ppm100(root: Path) -> None:
    photo(root / "image" / "a.jpg")
    save(root / "matte" / "a.png", SOFT)


def aisegment(root: Path) -> None:
    photo(root / "clip_img" / "1803" / "clip_00000000" / "1803-01.jpg")
    cutout = np.dstack([np.zeros((HEIGHT, WIDTH, 3), np.uint8), SOFT])
    save(root / "matting" / "1803" / "matting_00000000" / "1803-01.png", cutout)
    (root / "matting" / "1803" / "matting_00000000" / "._1803-01.png").write_bytes(b"macOS")


def baidu(root: Path) -> None:
    photo(root / "clean_images" / "images" / "1.jpg")
    profile = root / "clean_images" / "profiles" / "1-profile.jpg"
    save(profile, grey(), quality=95)


def voc(root: Path) -> None:
    classes = grey(15, void=255)
    classes[0, 0] = 7
    for name in ("p1", "p2", "car"):
        photo(root / "JPEGImages" / f"{name}.jpg")
        palette(root / "SegmentationClass" / f"{name}.png", classes)
    photo(root / "JPEGImages" / "only_boxes.jpg")
    lists = root / "ImageSets"
    (lists / "Main").mkdir(parents=True)
    (lists / "Segmentation").mkdir()
    (lists / "Main" / "person_trainval.txt").write_text("p1  1\np2  0\ncar -1\n")
    (lists / "Segmentation" / "val.txt").write_text("p2\n")


def eg1800_png(root: Path) -> None:
    for name in ("00001", "00002", "00003"):
        photo(root / "images_data_crop" / f"{name}.jpg")
        save(root / "GT_png" / f"{name}_mask.png", grey(1))
    (root / "eg1800_train.txt").write_text("00001.jpg\n")
    (root / "eg1800_test.txt").write_text("00002.jpg\n")


def eg1800_mat(root: Path) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    for name in ("00001", "00002", "00003"):
        photo(root / "images_data_crop" / f"{name}.jpg")
        (root / "images_mask").mkdir(exist_ok=True)
        savemat(root / "images_mask" / f"{name}_mask.mat", {"mask": grey(1)})
    savemat(root / "trainlist.mat", {"trainlist": np.array([[1]])})
    savemat(root / "testlist.mat", {"testlist": np.array([[2]])})


def supervisely(root: Path) -> None:
    photo(root / "ds1" / "img" / "a.png")
    stamp = io.BytesIO()
    rgba = np.full((HEIGHT - 8, 8, 4), 255, np.uint8)
    Image.fromarray(rgba).save(stamp, "PNG")
    data = base64.b64encode(zlib.compress(stamp.getvalue())).decode()
    ring = [[4, 6], [11, 6], [11, 7], [4, 7]]
    objects = [
        {"classTitle": "person_bmp", "bitmap": {"data": data, "origin": [4, 8]}},
        {
            "classTitle": "neutral",
            "bitmap": None,
            "points": {"exterior": ring, "interior": []},
        },
    ]
    (root / "ds1" / "ann").mkdir()
    annotation = {"size": {"height": HEIGHT, "width": WIDTH}, "objects": objects}
    (root / "ds1" / "ann" / "a.png.json").write_text(json.dumps(annotation))
    (root / "meta.json").write_text("{}")


def arrays(root: Path) -> None:
    np.save(root / "img_uint8.npy", np.zeros((3, HEIGHT, WIDTH, 3), np.uint8))
    np.savez(root / "msk_uint8.npz", np.stack([grey()] * 3)[..., None])


def pp_humanseg(root: Path) -> None:
    for part in ("train", "val"):
        photo(root / "images" / f"{part}.jpg")
        save(root / "annotations" / f"{part}.png", grey(1, void=255))
        line = f"images/{part}.jpg annotations/{part}.png\n"
        (root / f"{part}.txt").write_text(line)


CASES: dict[str, tuple[Callable[[Path], None], list[str], bool, bool]] = {
    "plain": (plain, ["0", "1", "2"], False, False),
    "p3m": (p3m, ["train/a", "validation/P3M-500-NP/a"], True, False),
    "ppm100": (ppm100, ["a"], True, False),
    "aisegment": (aisegment, ["1803/00000000/1803-01"], True, False),
    "baidu": (baidu, ["1"], False, False),
    "voc": (voc, ["p1", "p2"], False, True),
    "eg1800 png": (eg1800_png, ["00001", "00002"], False, False),
    "eg1800 mat": (eg1800_mat, ["00001", "00002"], False, False),
    "supervisely": (supervisely, ["ds1/a"], False, True),
    "arrays": (arrays, ["00000", "00001", "00002"], False, False),
    "pp-humanseg": (pp_humanseg, ["images/train", "images/val"], False, True),
}


@pytest.mark.parametrize("case", CASES)
def test_layouts(case: str, tmp_path: Path):
    make, names, soft, void = CASES[case]
    make(tmp_path)
    dataset = open_dataset(tmp_path)
    assert list(dataset.names) == names
    assert len(dataset) == len(names)
    sample = dataset.load(0)
    assert sample.name == names[0]
    assert sample.image.shape == (HEIGHT, WIDTH, 3)
    assert sample.image.dtype == np.uint8
    assert sample.alpha.dtype == np.float32
    assert sample.soft is soft
    expected = SOFT / 255 if soft else PERSON
    np.testing.assert_allclose(sample.alpha, expected, atol=1e-6)
    if void:
        np.testing.assert_array_equal(sample.ignore, VOID)
    else:
        assert sample.ignore is None
    again = open_dataset(tmp_path, layout=case.split()[0])
    assert again.names == dataset.names


@pytest.mark.parametrize(
    ("make", "held_out"),
    [
        (p3m, ["validation/P3M-500-NP/a"]),
        (voc, ["p2"]),
        (eg1800_png, ["00002"]),
        (eg1800_mat, ["00002"]),
        (pp_humanseg, ["images/val"]),
    ],
)
def test_the_sets_own_lists_split_it(make, held_out, tmp_path):
    make(tmp_path)
    train = open_dataset(tmp_path, split="train")
    validation = open_dataset(tmp_path, split="validation")
    assert list(validation.names) == held_out
    assert sorted([*train.names, *validation.names]) == sorted(open_dataset(tmp_path).names)


class TestSplits:
    def test_splits_file_beside_the_set(self, tmp_path):
        plain(tmp_path / "set")
        lists = {"set": {"pairs": 3, "validation": ["1"]}}
        (tmp_path / "splits.json").write_text(json.dumps(lists))
        assert open_dataset(tmp_path / "set", split="train").names == ("0", "2")
        assert open_dataset(tmp_path / "set", split="validation").names == ("1",)
        assert len(open_dataset(tmp_path / "set")) == 3

    def test_excluded_names_are_in_no_split(self, tmp_path):
        plain(tmp_path / "set")
        lists = {"set": {"validation": ["1"], "excluded": ["0"]}}
        (tmp_path / "splits.json").write_text(json.dumps(lists))
        assert open_dataset(tmp_path / "set", split="train").names == ("2",)
        assert open_dataset(tmp_path / "set", split="validation").names == ("1",)

    def test_without_lists_a_tenth_is_held_out_and_stays_so(self, tmp_path):
        for i in range(60):
            photo(tmp_path / "images" / f"{i}.png")
            save(tmp_path / "masks" / f"{i}.png", grey())
        before = set(open_dataset(tmp_path, split="validation").names)
        assert 1 <= len(before) <= 15
        assert not before & set(open_dataset(tmp_path, split="train").names)
        photo(tmp_path / "images" / "new.png")
        save(tmp_path / "masks" / "new.png", grey())
        assert set(open_dataset(tmp_path, split="validation").names) - {"new"} == before

    def test_broken_splits_file_is_named(self, tmp_path):
        plain(tmp_path / "set")
        (tmp_path / "splits.json").write_text("[1]")
        with pytest.raises(InputError, match=r"splits\.json.*validation"):
            open_dataset(tmp_path / "set", split="train")

    def test_unknown_split(self, tmp_path):
        with pytest.raises(UsageError, match="train and validation"):
            open_dataset(tmp_path, split="test")


def test_a_folder_of_sets_is_joined(tmp_path):
    plain(tmp_path / "first")
    ppm100(tmp_path / "second")
    photo(tmp_path / "backgrounds" / "images" / "room.jpg")
    lists = {"second": {"validation": ["a"]}, "first": {"validation": ["2"]}}
    (tmp_path / "splits.json").write_text(json.dumps(lists))
    dataset = open_dataset(tmp_path)
    assert isinstance(dataset, ConcatDataset)
    assert dataset.names == ("first/0", "first/1", "first/2", "second/a")
    assert [dataset.load(i).name for i in range(4)] == list(dataset.names)
    assert dataset.load(-1).name == "second/a"
    with pytest.raises(IndexError):
        dataset.load(4)
    train = open_dataset(tmp_path, split="train")
    assert train.names == ("first/0", "first/1")


def test_backgrounds_have_an_empty_matte(tmp_path):
    for i in range(3):
        photo(tmp_path / "rooms" / "images" / f"{i}.png", i)
    (tmp_path / "splits.json").write_text(json.dumps({"rooms": {"validation": ["1"]}}))
    rooms = Backgrounds.open(tmp_path / "rooms", split="train")
    assert rooms.names == ("0", "2")
    sample = rooms.load(1)
    assert sample.alpha.shape == (HEIGHT, WIDTH)
    assert not sample.alpha.any()
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="no pictures"):
        Backgrounds.open(tmp_path / "nothing")


class TestTrouble:
    def test_no_such_folder(self, tmp_path):
        with pytest.raises(InputError, match="no such folder"):
            open_dataset(tmp_path / "absent")

    def test_unknown_contents_name_what_was_expected(self, tmp_path):
        photo(tmp_path / "holiday.jpg")
        with pytest.raises(InputError, match=r"images/ and masks/.*aisegment"):
            open_dataset(tmp_path)

    def test_wrong_layout(self, tmp_path):
        plain(tmp_path)
        with pytest.raises(InputError, match="expected the layout 'voc'"):
            open_dataset(tmp_path, layout="voc")
        with pytest.raises(UsageError, match="choose from"):
            open_dataset(tmp_path, layout="coco")

    def test_no_complete_pair(self, tmp_path):
        photo(tmp_path / "images" / "a.jpg")
        save(tmp_path / "masks" / "b.png", grey())
        with pytest.raises(InputError, match="no complete pairs"):
            open_dataset(tmp_path)

    def test_files_without_partner_are_listed_and_left_out(self, tmp_path):
        plain(tmp_path)
        photo(tmp_path / "images" / "alone.jpg")
        dataset = open_dataset(tmp_path)
        assert isinstance(dataset, FileDataset)
        assert len(dataset) == 3
        assert [path.name for path in dataset.missing] == ["alone.jpg"]

    def test_sizes_that_differ_name_the_files(self, tmp_path):
        photo(tmp_path / "images" / "a.jpg")
        save(tmp_path / "masks" / "a.png", np.zeros((5, 7), np.uint8))
        with pytest.raises(InputError, match=r"a\.png.*7×5.*a\.jpg.*16×24"):
            open_dataset(tmp_path).load(0)

    @pytest.mark.parametrize("content", [b"", b"not a picture"])
    def test_unreadable_picture(self, content, tmp_path):
        plain(tmp_path)
        (tmp_path / "images" / "0.jpg").write_bytes(content)
        with pytest.raises(InputError, match=r"0\.jpg: (the file is empty|not a picture)"):
            open_dataset(tmp_path).load(0)

    def test_truncated_picture(self, tmp_path):
        plain(tmp_path)
        path = tmp_path / "images" / "0.jpg"
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(InputError, match=r"0\.jpg"):
            open_dataset(tmp_path).load(0)

    @pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"size": {"height": 4}}'])
    def test_bad_annotation(self, text, tmp_path):
        supervisely(tmp_path)
        path = tmp_path / "ds1" / "ann" / "a.png.json"
        path.write_text(text)
        with pytest.raises(InputError, match=r"a\.png\.json: not a Supervisely annotation"):
            open_dataset(tmp_path).load(0)

    def test_arrays_that_do_not_fit(self, tmp_path):
        np.save(tmp_path / "img_uint8.npy", np.zeros((2, 4, 4, 3), np.uint8))
        np.save(tmp_path / "msk_uint8.npy", np.zeros((2, 4, 5), np.uint8))
        with pytest.raises(InputError, match=r"N×H×W×3"):
            open_dataset(tmp_path)
        (tmp_path / "msk_uint8.npy").write_bytes(b"")
        with pytest.raises(InputError, match=r"msk_uint8\.npy: not a NumPy"):
            open_dataset(tmp_path)


def test_supervisely_objects_are_clipped_and_have_holes(tmp_path):
    photo(tmp_path / "img" / "a.png")
    stamp = io.BytesIO()
    Image.fromarray(np.full((6, 6), 255, np.uint8)).convert("1").save(stamp, "PNG")
    data = base64.b64encode(zlib.compress(stamp.getvalue())).decode()
    square = {"exterior": [[2, 10], [10, 10], [10, 20], [2, 20]]}
    hole = {"interior": [[[4, 12], [8, 12], [8, 18], [4, 18]]]}
    objects = [
        {"classTitle": "person_bmp", "bitmap": {"data": data, "origin": [-3, -2]}},
        {"classTitle": "person_poly", "points": square | hole},
    ]
    annotation = {"size": {"height": HEIGHT, "width": WIDTH}, "objects": objects}
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "a.json").write_text(json.dumps(annotation))
    alpha = open_dataset(tmp_path).load(0).alpha
    assert alpha[:4, :3].all()
    assert not alpha[4:9].any()
    assert alpha[10, 2] == 1
    assert alpha[15, 6] == 0


def test_pictures_with_orientation(tmp_path):
    """EXIF is applied, unless the mask was drawn on the picture as it is stored."""
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    save(tmp_path / "images" / "upright.png", stored, exif=exif)
    save(tmp_path / "masks" / "upright.png", np.zeros((WIDTH, HEIGHT), np.uint8))
    save(tmp_path / "images" / "raw.png", stored, exif=exif)
    save(tmp_path / "masks" / "raw.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    dataset = open_dataset(tmp_path)
    assert dataset.load(0).image.shape == (HEIGHT, WIDTH, 3)
    assert dataset.load(1).image.shape == (WIDTH, HEIGHT, 3)
