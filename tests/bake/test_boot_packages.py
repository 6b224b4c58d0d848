"""What the boot pack consists of, as its packages say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.bake.boot_packages import NOTES, owners, read, save
from stoneware.errors import BakeFailed

FIELDS = "Package: busybox-static\nVersion: 1:1.35.0-4\nArchitecture: amd64\nSource: busybox (1:1.35)\nMaintainer: Ann <a@b>\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree" / NOTES).mkdir(parents=True)
    (tmp_path / "tree" / NOTES / "busybox-static.fields").write_text(FIELDS)
    (tmp_path / "tree" / NOTES / "busybox-static.files").write_text("./\n./bin/\n./bin/busybox\n")
    return tmp_path / "tree"


def test_a_file_is_of_its_package_and_that_has_a_supplier(tree: Path, tmp_path: Path) -> None:
    [found] = owners(tree, [(tree / "bin" / "busybox", "initrd.img")] * 2)
    assert found.component.purl == "pkg:deb/debian/busybox-static@1:1.35.0-4?arch=amd64&distro=debian-12"
    assert (found.component.path, found.component.source, found.supplier) == ("initrd.img", "busybox", "Ann")
    save((found,), tmp_path / "packages.json")
    assert read(tmp_path / "packages.json") == (found,)


def test_a_file_of_no_package_is_named(tree: Path) -> None:
    with pytest.raises(BakeFailed, match="bin/other"):
        owners(tree, [(tree / "bin" / "other", "initrd.img")])
