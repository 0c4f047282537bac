"""The folder layouts of the public sets: each function lists one set, or answers None.

Every function takes the dataset's folder and looks only at names of files, never inside pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from livematte.data.dataset import Pair, image_name, list_images
from livematte.data.reading import IMAGE_SUFFIXES, mask_values, read_mask
from livematte.data.sample import Matte
from livematte.data.supervisely import read_annotation

__all__ = [
    "LAYOUTS",
    "Listing",
    "aisegment",
    "baidu",
    "match",
    "p3m",
    "plain",
    "ppm100",
    "supervisely",
    "voc",
]

VOC_PERSON = 15
VOC_VOID = 255


@dataclass(frozen=True)
class Listing:
    """What a layout found.

    Attributes:
        pairs: complete samples.
        missing: pictures without mask and masks without picture.
        decode: reads one of its masks.
        validation: names that the set itself holds out; None when it says nothing.
    """

    pairs: tuple[Pair, ...]
    missing: tuple[Path, ...] = ()
    decode: Callable[[Path], Matte] = read_mask
    validation: frozenset[str] | None = None


def plain(root: Path) -> Listing | None:
    """``images/`` and ``masks/`` with the same names; a mask may add ``_mask`` or ``_matte``."""
    if not ((root / "images").is_dir() and (root / "masks").is_dir()):
        return None
    masks = _by_name(root / "masks", strip=("_mask", "-mask", "_matte", "-matte"))
    return Listing(*match(_by_name(root / "images"), masks))


def p3m(root: Path) -> Listing | None:
    """P3M-10k: ``blurred_image/`` or ``original_image/`` with soft mattes in ``mask/``.

    Either one such folder, or the whole set with ``train/`` and ``validation/``.
    """
    pairs: list[Pair] = []
    missing: list[Path] = []
    held_out: set[str] = set()
    folders = [root, root / "train", *sorted(root.glob("validation/*")), root / "validation"]
    for folder in folders:
        images = _first_folder(folder, "blurred_image", "original_image")
        if images is None or not (folder / "mask").is_dir():
            continue
        prefix = "" if folder == root else folder.relative_to(root).as_posix() + "/"
        found, lost = match(_by_name(images), _by_name(folder / "mask"), prefix=prefix)
        pairs += found
        missing += lost
        if prefix.startswith("validation/"):
            held_out.update(pair.name for pair in found)
    if not pairs and not missing:
        return None
    soft = partial(read_mask, kind="soft")
    return Listing(tuple(pairs), tuple(missing), soft, frozenset(held_out) or None)


def ppm100(root: Path) -> Listing | None:
    """PPM-100: ``image/`` with soft mattes in ``matte/``."""
    if not ((root / "image").is_dir() and (root / "matte").is_dir()):
        return None
    pairs, missing = match(_by_name(root / "image"), _by_name(root / "matte"))
    return Listing(pairs, missing, partial(read_mask, kind="soft"))


def aisegment(root: Path) -> Listing | None:
    """AISegment: ``clip_img/S/clip_N/X.jpg`` with RGBA cut-outs ``matting/S/matting_N/X.png``."""
    if not ((root / "clip_img").is_dir() and (root / "matting").is_dir()):
        return None
    images = _by_name(root / "clip_img", rename=lambda name: name.replace("clip_", "", 1))
    masks = _by_name(root / "matting", rename=lambda name: name.replace("matting_", "", 1))
    pairs, missing = match(images, masks)
    return Listing(pairs, missing, partial(read_mask, kind="soft"))


def baidu(root: Path) -> Listing | None:
    """Baidu people: ``images/X.jpg``, ``profiles/X-profile.jpg``, also in ``clean_images/``."""
    for folder in (root, root / "clean_images"):
        if (folder / "images").is_dir() and (folder / "profiles").is_dir():
            profiles = _by_name(folder / "profiles", strip=("-profile", "_profile"))
            pairs, missing = match(_by_name(folder / "images"), profiles)
            return Listing(pairs, missing, partial(read_mask, kind="hard"))
    return None


def supervisely(root: Path) -> Listing | None:
    """Supervisely Person: ``DS/img/X.png`` with ``DS/ann/X.json`` or ``DS/ann/X.png.json``."""
    folders = [f for f in [root, *sorted(root.glob("*"))] if (f / "ann").is_dir()]
    folders = [f for f in folders if (f / "img").is_dir()]
    if not folders:
        return None
    images: dict[str, Path] = {}
    annotations: dict[str, Path] = {}
    for folder in folders:
        prefix = "" if folder == root else f"{folder.name}/"
        images |= _by_name(folder / "img", prefix=prefix)
        suffixes = tuple(sorted(IMAGE_SUFFIXES | {s.upper() for s in IMAGE_SUFFIXES}))
        annotations |= _by_name(
            folder / "ann", prefix=prefix, suffixes=frozenset({".json"}), strip=suffixes
        )
    return Listing(*match(images, annotations), read_annotation)


def voc(root: Path) -> Listing | None:
    """PASCAL VOC: ``JPEGImages/`` with ``SegmentationClass/``; class 15 is the person, 255 void.

    The lists in ``ImageSets`` are followed where they are there: ``Segmentation/val.txt`` is held
    out, and ``Main/person_*.txt`` says which pictures hold a person.
    """
    if not ((root / "JPEGImages").is_dir() and (root / "SegmentationClass").is_dir()):
        return None
    masks = _by_name(root / "SegmentationClass")
    images = {k: v for k, v in _by_name(root / "JPEGImages").items() if k in masks}
    people = {
        words[0]
        for path in sorted(root.glob("ImageSets/Main/person_*.txt"))
        for words in map(str.split, path.read_text().splitlines())
        if len(words) == 2 and words[1] != "-1"
    }
    if people:
        images = {k: v for k, v in images.items() if k in people}
        masks = {k: v for k, v in masks.items() if k in people}
    held_out = root / "ImageSets" / "Segmentation" / "val.txt"
    validation = frozenset(held_out.read_text().split()) if held_out.is_file() else None
    return Listing(*match(images, masks), _decode_voc, validation)


def _decode_voc(path: Path) -> Matte:
    values = mask_values(path)
    void = values == VOC_VOID
    person = (values == VOC_PERSON).astype(np.float32)
    return Matte(person, void if void.any() else None, soft=False)


def match(
    images: dict[str, Path], masks: dict[str, Path], *, prefix: str = ""
) -> tuple[tuple[Pair, ...], tuple[Path, ...]]:
    """Join pictures and masks by name: complete pairs, and the files that have no partner."""
    pairs = (Pair(prefix + k, images[k], masks[k]) for k in sorted(images.keys() & masks.keys()))
    alone = [images[k] for k in images.keys() - masks.keys()]
    alone += [masks[k] for k in masks.keys() - images.keys()]
    return tuple(pairs), tuple(sorted(alone))


def _by_name(
    folder: Path,
    *,
    prefix: str = "",
    strip: Iterable[str] = (),
    suffixes: frozenset[str] = IMAGE_SUFFIXES,
    rename: Callable[[str], str] = str,
) -> dict[str, Path]:
    """A folder's files by name, without the first of the endings ``strip`` that fits."""
    files: dict[str, Path] = {}
    for path in list_images(folder, suffixes):
        name = image_name(folder, path)
        ending = next((e for e in strip if name.endswith(e)), "")
        files.setdefault(prefix + rename(name.removesuffix(ending)), path)
    return files


def _first_folder(parent: Path, *names: str) -> Path | None:
    return next((parent / name for name in names if (parent / name).is_dir()), None)


LAYOUTS: dict[str, Callable[[Path], Listing | None]] = {
    "aisegment": aisegment,
    "supervisely": supervisely,
    "baidu": baidu,
    "voc": voc,
    "p3m": p3m,
    "ppm100": ppm100,
    "plain": plain,
}
