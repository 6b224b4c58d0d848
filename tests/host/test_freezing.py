"""A real file system that stands still: writers wait, and it is thawed whatever becomes of whoever froze it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoneware.errors import Refused, Unreachable
from stoneware.host.freezing import FREEZER, frozen
from stoneware.host.run import run

pytestmark = pytest.mark.host


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    image, point = tmp_path / "disk", tmp_path / "mounted"
    with image.open("wb") as out:
        out.truncate(64 * 2**20)
    run(["mke2fs", "-q", "-t", "ext4", image])
    point.mkdir()
    run(["mount", "-o", "loop", image, point])
    yield point
    run(["umount", point])


def test_who_writes_waits_until_it_is_thawed(mounted: Path) -> None:
    wrote = threading.Event()

    def write() -> None:
        (mounted / "fox").write_text("fox")
        wrote.set()

    writer = threading.Thread(target=write)
    with frozen(mounted, 10):
        writer.start()
        assert not wrote.wait(0.3)
    assert wrote.wait(10)
    writer.join()


def test_it_is_thawed_when_the_time_is_over_and_the_copy_counts_for_nothing(mounted: Path) -> None:
    with pytest.raises(Refused, match="at most"), frozen(mounted, 0.1):
        time.sleep(0.5)
        (mounted / "fox").write_text("it can be written to again")


def test_it_is_thawed_when_its_parent_dies(mounted: Path) -> None:
    words = [sys.executable, "-I", "-S", str(FREEZER), str(mounted), "60"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as freezer:
        assert freezer.stdin and freezer.stdout
        assert freezer.stdout.readline() == b"frozen\n"
        freezer.stdin.close()  # as the kernel does for a process that was killed
        assert freezer.wait(10) == 0
    (mounted / "fox").write_text("fox")


def test_what_goes_wrong_inside_thaws_it_too(mounted: Path) -> None:
    with pytest.raises(ValueError, match="wrong"), frozen(mounted, 10):
        raise ValueError("wrong")
    (mounted / "fox").write_text("fox")


def test_a_folder_where_nothing_is_mounted_is_never_frozen(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="nothing is mounted"), frozen(tmp_path, 1):
        raise AssertionError("it was frozen")
