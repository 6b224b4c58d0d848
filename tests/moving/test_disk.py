"""A bootable disk, as tools see it: partitions hold the layers as they are, firmware finds its program, equal images are equal."""

from __future__ import annotations

import gzip
import struct
import tarfile
from pathlib import Path

import pytest
from tests.moving.small import make

from stoneware.bake.checks import DISK_STUB
from stoneware.bake.workspace import Workspace
from stoneware.errors import Misconfigured, Refused
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.image import Artifact
from stoneware.moving import uki
from stoneware.moving.disk import GIB, Disk
from stoneware.moving.partitions import SECTOR, Table, divide, sgdisk_words
from stoneware.moving.uki import facts, stub_end


@pytest.fixture
def space(home: Home, tmp_path: Path) -> Workspace:
    (tmp_path / "work").mkdir()
    return Workspace(home, tmp_path / "work", lambda _: None)


def test_partitions_follow_each_other_and_end_before_the_disk_does(artifact: Artifact) -> None:
    table = divide(artifact.manifest, 64 * 2**20, 2**20)
    assert [one.label for one in table.partitions] == ["esp", "layer-0", "layer-1"]
    ends = [0, *(one.start + one.sectors for one in table.partitions)]
    assert all(one.start % 2048 == 0 and one.start >= end for one, end in zip(table.partitions, ends, strict=False))
    assert table.size_bytes % 2**20 == 0
    assert ends[-1] + 34 <= table.size_bytes // SECTOR
    assert divide(artifact.manifest, 64 * 2**20, GIB).size_bytes == GIB


def test_identifiers_are_the_images_own(artifact: Artifact, there: Home) -> None:
    def identities(table: Table) -> list[str]:
        return [str(table.identity), *(str(one.identity) for one in table.partitions)]

    one = identities(divide(artifact.manifest, 2**20, 2**20))
    assert one == identities(divide(artifact.manifest, 2**20, GIB))
    other = identities(divide(make(there, seed=2).manifest, 2**20, 2**20))
    assert len({*one, *other}) == len(one) + len(other)


def test_the_words_that_write_a_table(artifact: Artifact) -> None:
    words = [str(word) for word in sgdisk_words(divide(artifact.manifest, 2**20, 2**20), Path("/disk"))]
    assert words[:3] == ["sgdisk", "--clear", "--set-alignment=2048"]
    assert "--new=2:4096:4119" in words
    assert "--change-name=2:layer-0" in words
    assert words[-1] == "/disk"


def test_what_a_machine_without_an_engine_is_told(artifact: Artifact) -> None:
    told = {path: entry.content for path, entry in facts(artifact.manifest).items()}
    assert set(told) == {
        "lib", "lib/facts", *(f"lib/facts/{name}" for name in ("machine", "config", "environment", "entrypoint", "tester"))
    }  # fmt: skip
    assert told["lib/facts/environment"].startswith(b"[Manager]")


def test_where_a_program_ends() -> None:
    def stub(*sections: tuple[int, int], base: int = 0x1000000) -> bytes:
        table = b"".join(b".sect\0\0\0" + struct.pack("<II", size, address) + bytes(24) for size, address in sections)
        coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 240, 0)
        optional = bytearray(240)
        struct.pack_into("<Q", optional, 24, base)
        return bytes(0x3C) + struct.pack("<I", 0x80) + bytes(0x40) + coff + bytes(optional) + table

    assert stub_end(stub((0x10, 0x1000), (0x1001, 0x5000))) == 0x1007000
    assert stub_end(stub((0x9000, 0x1000), (0x10, 0x5000), base=0)) == 0xA000


@pytest.mark.host
def test_a_disk_holds_the_layers_as_they_are(artifact: Artifact, space: Workspace, tmp_path: Path) -> None:
    one, two = tmp_path / "one.raw", tmp_path / "two.raw"
    for out in (one, two):
        Disk(space, artifact).write(out)
    content = one.read_bytes()
    assert content == two.read_bytes()
    assert "No problems found" in run(["sgdisk", "--verify", one]).stdout
    table = divide(artifact.manifest, (space.folder / "esp.img").stat().st_size, 2**20)
    for partition, (file, _) in zip(table.partitions[1:], artifact.layers, strict=True):
        shown = run(["sgdisk", f"--info={partition.number}", one]).stdout
        assert f"Partition name: '{partition.label}'" in shown
        assert f"Partition unique GUID: {str(partition.identity).upper()}" in shown
        assert f"First sector: {partition.start} " in shown
        layer = file.read_bytes()
        assert content[partition.start * SECTOR :][: len(layer)] == layer
    (tmp_path / "esp").write_bytes(content[2**20 :][: table.partitions[0].sectors * SECTOR])
    run(["mcopy", "-i", tmp_path / "esp", "::/EFI/BOOT/BOOTX64.EFI", tmp_path / "program"])
    for section, expected in (
        (".linux", artifact.file("kernel").read_bytes()),
        (".cmdline", b"console=ttyS0 systemd.unit="),
    ):
        run(["objcopy", "-O", "binary", f"--only-section={section}", tmp_path / "program", tmp_path / "section"])
        assert (tmp_path / "section").read_bytes().startswith(expected)
    assert one.stat().st_mode & 0o777 == 0o600


@pytest.mark.host
def test_compute_engine_gets_what_it_asks_for(artifact: Artifact, space: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "disk.tar.gz"
    Disk(space, artifact).write_gce(out)
    with tarfile.open(out) as tar:
        [member] = tar.getmembers()
    assert (member.name, member.size, member.uid, member.uname) == ("disk.raw", GIB, 0, "")
    with gzip.open(out) as unpacked:
        assert unpacked.read(265)[257:] == b"ustar  \0"  # oldgnu
    assert not (space.folder / "disk.raw").exists()


def test_an_image_that_is_no_vm_is_no_disk(artifact: Artifact, space: Workspace, tmp_path: Path) -> None:
    manifest = artifact.manifest.model_copy(update={"deliver": ("container",)})
    with pytest.raises(Refused, match="only an image that is delivered as a vm"):
        Disk(space, Artifact(folder=artifact.folder, manifest=manifest)).write(tmp_path / "out")


def test_a_host_without_the_stub_says_what_to_install(
    artifact: Artifact, space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DISK_STUB.name == "linuxx64.efi.stub"
    monkeypatch.setattr(uki, "DISK_STUB", tmp_path / "nothing")
    with pytest.raises(Misconfigured, match="install systemd-boot-efi"):
        Disk(space, artifact).write(tmp_path / "out")
