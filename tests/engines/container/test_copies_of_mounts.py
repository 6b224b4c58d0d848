"""A disk leaves a machine although somebody else on the host has a copy of all mounts; and stays where somebody was given it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoneware.engines.container.disks import DiskFolder, is_mounted, loops_of, loops_work
from stoneware.errors import Unreachable
from stoneware.model.machine import WantedDisk

NAME = "town-web-0-data"


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[DiskFolder]:
    """One disk, taken by a machine."""
    if not loops_work():
        pytest.skip("no loop devices here")
    disks = DiskFolder(tmp_path / "disks", tmp_path / "with space" / "mounts")
    disks.create(WantedDisk(name=NAME, owner="town", size_bytes=16 * 2**20), 0.0)
    with disks.holding(NAME):
        disks.take(NAME, "town-web-r1-0")
    yield disks
    with disks.holding(NAME):
        disks.let_go(NAME)
    disks.delete(NAME)


@contextlib.contextmanager
def stranger(*words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program with mounts of its own, a copy of the host's as they are now; it says that it is there."""
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"here\n"
            yield process
        finally:
            process.communicate(b"\n")


@pytest.mark.host
def test_a_copy_of_the_mounts_does_not_keep_a_disk(disks: DiskFolder) -> None:
    with stranger("echo here; read gone") as process:
        with disks.holding(NAME):
            disks.let_go(NAME)
        assert disks.get(NAME).writer is None
        assert not is_mounted(disks.mount_point(NAME))
        assert loops_of(disks.image(NAME)) == []
        assert process.poll() is None, "the stranger goes on"


@pytest.mark.host
@pytest.mark.parametrize(
    "uses",
    ['cd "$0"; echo here; read gone', 'mount --bind "$0" /mnt; umount "$0"; echo here; read gone'],
    ids=["works in it", "was given it"],
)
def test_a_disk_that_somebody_uses_is_not_let_go(disks: DiskFolder, uses: str) -> None:
    with stranger(uses, disks.mount_point(NAME)):
        with disks.holding(NAME), pytest.raises(Unreachable, match="still in use on this host, by loop"):
            disks.let_go(NAME)
        assert disks.get(NAME).writer == "town-web-r1-0", "the fence stands"
