"""Files that are written are whole, or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from livematte.errors import OutputError
from livematte.files import write_atomically, write_together


def test_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "out.png"
    write_atomically(target, b"first")
    assert target.read_bytes() == b"first"

    def interrupted(self: Path, other: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(target, b"second")
    assert target.read_bytes() == b"first"
    assert list(target.parent.iterdir()) == [target]


def test_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "out", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "out.png", tmp_path, tmp_path / ("x" * 300 + ".png")):
        with pytest.raises(OutputError, match=r"cannot be written|is not a file"):
            write_atomically(path, b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_links_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    write_atomically(tmp_path / "link.png", b"x")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").read_bytes() == b"x"
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError):
        write_atomically(tmp_path / "a", b"x")


def test_replaced_files_keep_their_mode(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    target.chmod(0o604)
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o604


def test_write_protected_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write all
    with pytest.raises(OutputError, match="write-protected"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"


def test_files_that_belong_together_are_all_replaced_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (tmp_path / name for name in ("a", "sub/b", "c"))
    write_together({first: b"1", second: b"1"})
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"1")
    real = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if target == second:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OutputError, match=r"b: cannot be written \(No space left"):
        write_together({first: b"2", third: b"2", second: b"2"})
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"1")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "sub"]
