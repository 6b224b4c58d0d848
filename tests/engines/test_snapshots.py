"""Snapshots as files: whole or not there, on a disk that is full, and after a death in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stoneware.engines.snapshots import SnapshotFolder, copy_whole
from stoneware.errors import NotFound, Refused
from stoneware.host.copying import copy_sparse, unwatched
from stoneware.host.run import run
from stoneware.model.machine import Disk
from stoneware.model.snapshot import WantedSnapshot

MIB = 2**20
DISK = Disk(name="worlds", owner="town", size_bytes=16 * MIB, created_at=0.0)
WANTED = WantedSnapshot(name="before")


class Death(BaseException):
    """The process dies here."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "worlds.raw"
    path.write_bytes(b"fox" * (16 * MIB // 3) + b"!")
    return path


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for half of it."""
    point = tmp_path / "small"
    point.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", point])
    yield point
    run(["umount", point])


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


@pytest.mark.host
def test_a_full_disk_in_the_middle_is_said_and_leaves_nothing(small: Path, source: Path) -> None:
    folder = SnapshotFolder(small)
    with pytest.raises(Refused, match="no room for snapshot before"):
        folder.take(DISK, WANTED, 0.0, lambda part: copy_sparse(source, part) and None)
    assert (folder.all(), left(small)) == ([], [])
    with pytest.raises(Refused, match="8 MiB free, and this copy needs 16 MiB"):
        folder.take(DISK, WANTED, 0.0, lambda part: copy_whole(source, part, unwatched) and None)
    assert left(small) == []


def test_what_a_death_leaves_is_no_snapshot_and_no_obstacle(tmp_path: Path, source: Path) -> None:
    folder = SnapshotFolder(tmp_path / "snapshots")
    folder.path.mkdir()
    (folder.path / ".before.part").write_bytes(b"half of it")
    (folder.path / "before.raw").write_bytes(b"renamed, but not on record")
    assert folder.all() == []
    with pytest.raises(NotFound):
        folder.copy_out("before", DISK.size_bytes, tmp_path / "copy", unwatched)
    folder.take(DISK, WANTED, 7.0, lambda part: copy_sparse(source, part) and None)
    assert left(folder.path) == ["before.json", "before.raw"]
    folder.copy_out("before", DISK.size_bytes, tmp_path / "copy", unwatched)
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


def test_a_second_take_copies_nothing(tmp_path: Path, source: Path) -> None:
    folder = SnapshotFolder(tmp_path / "snapshots")
    folder.take(DISK, WANTED, 0.0, lambda part: copy_sparse(source, part) and None)

    def die(_: Path) -> None:
        raise Death

    folder.take(DISK, WANTED, 1.0, die)
    with pytest.raises(Death):
        folder.take(DISK, WANTED.model_copy(update={"name": "other"}), 1.0, die)
    assert [(one.name, one.created_at) for one in folder.all()] == [("before", 0.0)]


def test_deleting_takes_halves_too(tmp_path: Path) -> None:
    folder = SnapshotFolder(tmp_path / "snapshots")
    folder.delete("before")
    folder.path.mkdir()
    (folder.path / ".before.part").write_bytes(b"half of it")
    folder.delete("before")
    assert list(folder.path.iterdir()) == []
