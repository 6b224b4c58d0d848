"""A disk's file is known by what is in it, wherever it is moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.engines.ext4 import identity_of, make_ext4, wrong_identity
from stoneware.engines.qemu.disks import DiskFolder
from stoneware.model.machine import WantedDisk


def wanted(name: str) -> WantedDisk:
    return WantedDisk(name=name, owner="town", size_bytes=16 * 2**20)


@pytest.mark.host
def test_the_file_of_another_disk_is_told_also_while_nobody_has_it(tmp_path: Path) -> None:
    disks = DiskFolder(tmp_path)
    for name in ("one", "other"):
        disks.create(wanted(name), 0.0)
    assert [disks.looked_at(one).damage for one in disks.all()] == ["", ""]
    disks.image("one").rename(tmp_path / "aside")
    assert disks.looked_at(disks.get("one")).damage == "its file is gone"
    disks.image("other").rename(disks.image("one"))
    (tmp_path / "aside").rename(disks.image("other"))
    wrong = "the file of another disk lies in its place"
    assert [disks.looked_at(one).damage for one in disks.all()] == [wrong, wrong]


@pytest.mark.host
def test_a_disk_that_was_made_of_a_copy_has_the_identity_of_the_copy(tmp_path: Path) -> None:
    disks = DiskFolder(tmp_path)
    disks.create(wanted("one"), 0.0)
    part = disks.part("copy")
    part.write_bytes(disks.image("one").read_bytes())
    disks.adopt(disks.get("one").model_copy(update={"name": "copy"}), part)
    assert disks.get("copy").identity == disks.get("one").identity != ""
    assert disks.looked_at(disks.get("copy")).damage == ""


@pytest.mark.host
def test_one_of_an_earlier_stoneware_is_believed(tmp_path: Path) -> None:
    make_ext4(tmp_path / "one.raw", wanted("one"))
    assert len(identity_of(tmp_path / "one.raw")) == 32
    assert wrong_identity("", tmp_path / "one.raw") == ""
