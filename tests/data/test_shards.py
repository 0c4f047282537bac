"""Shards: the same folder back, the same bytes again, and nothing half-written."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from livematte.data.datasets import open_dataset
from livematte.data.files import write_picture
from livematte.data.shards import find_shards, pack, unpack
from livematte.errors import InputError, OutputError, UsageError

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Two sets with noise (which does not compress) and a list of who is held out."""
    root, rng = tmp_path / "sets", np.random.default_rng(0)
    for name in ("one", "two"):
        for index in range(4):
            picture = rng.integers(0, 255, (40, 40, 3), np.uint8)
            mask = (rng.random((40, 40)) > 0.5).astype(np.uint8) * 255
            write_picture(root / name / "images" / f"{index}.png", picture)
            write_picture(root / name / "masks" / f"{index}.png", mask)
    listed = {name: {"validation": ["3"]} for name in ("one", "two")}
    (root / "splits.json").write_text(json.dumps(listed))
    (root / ".hidden").write_text("x")
    return root


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_comes_back_as_it_was(sets: Path, tmp_path: Path) -> None:
    shards = pack(sets, tmp_path / "shards", megabytes=0.02)
    assert len(shards) > 2
    assert all(path.stat().st_size <= 0.02e6 for path in shards)
    assert find_shards(tmp_path / "shards") == shards
    unpack(tmp_path / "shards", tmp_path / "back")
    before = content(sets)
    del before[".hidden"]
    assert content(tmp_path / "back") == before
    assert open_dataset(tmp_path / "back", split="validation").names == ("one/3", "two/3")
    assert not list(tmp_path.glob(".livematte-*"))


def test_the_same_folder_gives_the_same_bytes(sets: Path, tmp_path: Path) -> None:
    first = content(pack(sets, tmp_path / "a")[0].parent)
    (sets / "one" / "images" / "0.png").touch()
    assert content(pack(sets, tmp_path / "b")[0].parent) == first


@pytest.mark.parametrize("inside", [False, True])
def test_a_single_set_keeps_its_split(sets: Path, tmp_path: Path, inside: bool) -> None:
    if inside:
        (sets / "splits.json").rename(sets / "one" / "splits.json")
    pack(sets / "one", tmp_path / "shards")
    unpack(tmp_path / "shards", tmp_path / "elsewhere")
    assert open_dataset(tmp_path / "elsewhere", split="validation").names == ("one/3",)


def test_linked_sets_travel_and_circles_are_refused(sets: Path, tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "one").symlink_to(sets / "one")
    pack(links, tmp_path / "shards")
    unpack(tmp_path / "shards", tmp_path / "back")
    assert len(content(tmp_path / "back")) == 8
    (sets / "one" / "again").symlink_to(sets / "one")
    with pytest.raises(InputError, match="again: a link to a folder that holds it"):
        pack(links, tmp_path / "circle")


def test_a_file_that_fits_no_shard_is_named(sets: Path, tmp_path: Path) -> None:
    (sets / "one" / "large.bin").write_bytes(bytes(50_000))
    with pytest.raises(InputError, match=r"large\.bin.*--megabytes"):
        pack(sets, tmp_path / "shards", megabytes=0.04)
    assert not (tmp_path / "shards").exists()


def test_shards_of_two_packings_do_not_mix(sets: Path, tmp_path: Path) -> None:
    pack(sets, tmp_path / "shards", megabytes=0.02)
    with pytest.raises(OutputError, match="choose an empty folder"):
        pack(sets, tmp_path / "shards")


def test_a_missing_shard_is_named(sets: Path, tmp_path: Path) -> None:
    shards = pack(sets, tmp_path / "shards", megabytes=0.02)
    shards[1].unlink()
    with pytest.raises(InputError, match=rf"{shards[1].name}: missing"):
        unpack(tmp_path / "shards", tmp_path / "back")


@pytest.mark.parametrize("damage", ["cut", "escape"])
def test_a_bad_shard_leaves_nothing_behind(sets: Path, tmp_path: Path, damage: str) -> None:
    shard = pack(sets, tmp_path / "shards")[0]
    if damage == "cut":
        shard.write_bytes(shard.read_bytes()[:20_000])
    else:
        with tarfile.open(shard, "w") as archive:
            info = tarfile.TarInfo("../outside")
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(InputError, match=shard.name):
        unpack(tmp_path / "shards", tmp_path / "back")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sets", "shards"]


def test_what_is_there_is_not_overwritten(sets: Path, tmp_path: Path) -> None:
    pack(sets, tmp_path / "shards")
    with pytest.raises(OutputError, match="exists"):
        unpack(tmp_path / "shards", sets)
    with pytest.raises(UsageError, match="no shards there"):
        unpack(sets, tmp_path / "back")


def test_the_commands(run: Run, sets: Path, tmp_path: Path) -> None:
    code, out, _ = run("data", "pack", sets, "-o", tmp_path / "shards")
    assert (code, out) == (0, f"{tmp_path / 'shards' / 'shard-001-of-001.tar'}\n")
    assert run("data", "unpack", tmp_path / "shards", "-o", tmp_path / "back")[0] == 0
    assert run("data", "pack", tmp_path / "none", "-o", tmp_path / "x")[0] == 3
