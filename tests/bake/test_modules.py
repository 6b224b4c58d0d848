"""Kernel modules go into the initramfs after what they need; what is built in is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.bake.initramfs import DISK_MODULES, MODULES, _modules, module_order
from stoneware.errors import BakeFailed


def kernel(tree: Path, builtin: str = "", **modules: str) -> Path:
    """A boot tree whose modules depend on others, as their .modinfo says."""
    root = tree / "lib/modules/6.1"
    (root / "kernel").mkdir(parents=True)
    (root / "modules.builtin").write_text(builtin)
    for name, depends in modules.items():
        (root / "kernel" / f"{name}.ko").write_bytes(
            b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0"
        )
    return tree


def order(tree: Path, *wanted: str) -> list[str]:
    return [name for name, _ in module_order(tree, "6.1", wanted)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (("virtio_pci",), ["virtio", "virtio_ring", "virtio_pci"]),
        (("dm-verity",), ["dm_mod", "dm_verity"]),
        (("dm_verity", "dm-mod"), ["dm_mod", "dm_verity"]),
        (("ext4",), []),
        (("virtio_ring", "virtio_pci"), ["virtio", "virtio_ring", "virtio_pci"]),
    ],
)
def test_each_after_what_it_needs(wanted: tuple[str, ...], expected: list[str], tmp_path: Path) -> None:
    modules = {
        "virtio": "",
        "virtio_ring": "virtio",
        "virtio_pci": "virtio,virtio_ring",
        "dm-mod": "",
        "dm-verity": "dm-mod",
    }
    assert order(kernel(tmp_path, "kernel/fs/ext4/ext4.ko\n", **modules), *wanted) == expected


def test_a_module_that_the_kernel_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(BakeFailed, match=r"kernel 6\.1 has no module overlay"):
        order(kernel(tmp_path), "overlay")
    with pytest.raises(BakeFailed, match=r"lacks lib/modules/5\.0"):
        module_order(tmp_path, "5.0", ())


def test_what_only_a_disk_needs_is_there_but_not_loaded_elsewhere(tmp_path: Path) -> None:
    depends = {
        "virtio_scsi": "virtio,scsi_mod",
        "sd_mod": "scsi_mod",
        "scsi_mod": "",
        "virtio": "",
        "virtio_pci": "virtio",
    }
    names = {name: depends.get(name, "") for name in (*MODULES, *DISK_MODULES, *depends)}
    entries = _modules(kernel(tmp_path, **names), "6.1")
    always, on_a_disk = (entries[f"etc/modules{end}"].content.decode().split() for end in ("", ".disk"))
    assert on_a_disk == ["scsi_mod", "virtio_scsi", "sd_mod"]
    assert not set(always) & set(on_a_disk)
    assert "virtio_scsi.ko: virtio.ko scsi_mod.ko" in entries["lib/modules/6.1/modules.dep"].content.decode()
    for name in (*always, *on_a_disk):
        assert f"lib/modules/6.1/{name}.ko" in entries
