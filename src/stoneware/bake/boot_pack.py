"""The boot pack: kernel, modules, busybox and dmsetup from Debian's own packages, and the initramfs made of them.

It is the same for all images, and lies outside their root trees: a recipe describes an application, not a kernel.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from stoneware.bake import boot_packages, initramfs, units
from stoneware.bake.base import EPOCH, debootstrap_words, unfetched
from stoneware.bake.vmlinux import unpack_kernel
from stoneware.bake.workspace import Workspace
from stoneware.errors import BakeFailed, ToolFailed
from stoneware.host import cpio
from stoneware.host.files import locked, sync_folder
from stoneware.model.component import BootComponent

NOTED = "packages.json"
"""Beside the pack: what it consists of. A pack without it is fetched again."""
PACKAGES = ("linux-image-cloud-amd64", "busybox-static", "dmsetup")


@dataclass(frozen=True)
class BootPack:
    """What starts a machine: a kernel, packed for firmware and plain for virtual machines, and the initramfs that belongs to it.
    `packages` are those that something of is in these."""

    kernel_version: str
    kernel: Path
    vmlinux: Path
    initrd: Path
    packages: tuple[BootComponent, ...] = ()


def ensure_boot_pack(space: Workspace) -> BootPack:
    """Fetches the pack when it isn't there (about ten seconds, once), and makes the initramfs when our scripts changed."""
    folder = space.home.build / "boot"
    with locked(space.home.build / ".boot.lock"):
        if not ((folder / "tree").exists() and (folder / NOTED).exists()):
            _fetch(space, folder)
        tree = folder / "tree"
        kernels = sorted((tree / "boot").glob("vmlinuz-*"))
        if not kernels:
            raise BakeFailed("the boot pack has no kernel", next_step=f"remove {folder}; it is made again")
        version = kernels[-1].name.removeprefix("vmlinuz-")
        initrd = folder / f"initrd-{version}-{_scripts_digest()[:16]}.img"
        if not initrd.exists():
            fresh = space.folder / "initrd.img"
            initramfs.build_initramfs(tree, version, fresh, EPOCH)
            fresh.replace(initrd)
        vmlinux = folder / f"vmlinux-{version}"
        if not vmlinux.exists():
            fresh = space.folder / "vmlinux"
            unpack_kernel(space, kernels[-1], fresh)
            fresh.replace(vmlinux)
        sync_folder(folder)
        packages = boot_packages.read(folder / NOTED)
    return BootPack(version, kernels[-1], vmlinux, initrd, packages)


def refresh_boot_pack(space: Workspace) -> str:
    """Fetches today's packages where some were fetched before, and returns the kernel's version; empty where none were.

    Images that were sealed with the ones before keep them."""
    folder = space.home.build / "boot"
    with locked(space.home.build / ".boot.lock"):
        if not (folder / "tree").exists():
            return ""
        _fetch(space, folder)
    return ensure_boot_pack(space).kernel_version


def _fetch(space: Workspace, folder: Path) -> None:
    space.line("fetching kernel, busybox and dmsetup (once)")
    fresh, hook = space.folder / "boot-tree", space.folder / "boot-hook"
    hook.write_text(boot_packages.HOOK)
    hook.chmod(0o755)
    words = debootstrap_words("extract", PACKAGES, fresh, f"--extract-hook={hook}")
    try:
        space.run(words, timeout_s=1800)
    except ToolFailed as failed:
        raise unfetched("the kernel's packages can't be fetched", failed) from failed
    kernels = [(kernel.resolve(), "vmlinuz") for kernel in sorted((fresh / "boot").glob("vmlinuz-*"))]
    packed = [(file, "initrd.img") for file in initramfs.programs(fresh).values()]
    packages = boot_packages.owners(fresh, [*kernels, *packed])
    for unneeded in ("usr/share", "var", "etc/ssl", boot_packages.NOTES):
        shutil.rmtree(fresh / unneeded, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    boot_packages.save(packages, folder / NOTED)
    shutil.rmtree(folder / "tree", ignore_errors=True)
    for made in (*folder.glob("initrd-*"), *folder.glob("vmlinux-*")):  # of the packages before
        made.unlink()
    fresh.rename(folder / "tree")
    sync_folder(folder)


def _scripts_digest() -> str:
    """Changes with everything of ours that goes into an initramfs."""
    digest = hashlib.sha256()
    guest = files("stoneware.bake.guest")
    for script in initramfs.SCRIPTS:
        digest.update(guest.joinpath(script).read_bytes())
    for module in (initramfs, cpio, units):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()
