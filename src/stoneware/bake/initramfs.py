"""The initramfs: the few programs that open the sealed root and start it. It depends on the kernel and our scripts alone,
never on an image, so that all images of a kernel share it byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from stoneware.bake.units import unit_files, unit_links
from stoneware.errors import BakeFailed
from stoneware.host.cpio import DEVICE, FILE, FOLDER, LINK, Entry, archive
from stoneware.host.run import run

MODULES = (
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_console",
    "virtio_rng",
    "qemu_fw_cfg",
    "erofs",
    "overlay",
    "dm-mod",
    "dm-verity",
)
"""What a machine needs before its root is there; no module is needed after. ext4 and the serial console are built in."""
DISK_MODULES = ("virtio_scsi", "sd_mod")
"""What else a machine needs that starts from a disk of partitions, loaded there alone. NVMe and packet sockets are built in."""

PROGRAMS = ("usr/sbin/dmsetup", "sbin/dmsetup")
LIBRARIES = ("libdevmapper.so.1.02.1", "libc.so.6", "libselinux.so.1", "libudev.so.1", "libm.so.6", "libpcre2-8.so.0")
LIBRARY_FOLDERS = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
APPLETS = """sh mount umount mkdir modprobe insmod cat sed tr ln cp touch chown chmod stat hostname ip switch_root mknod usleep
sleep poweroff echo printf ls rm udhcpc""".split()
FSTABS = {
    "fstab": "proc /proc proc defaults\nsys /sys sysfs defaults\ndev /dev devtmpfs defaults\n",
    "fstab.plain": "pts /dev/pts devpts mode=0620,ptmxmode=0666,nosuid,noexec\nshm /dev/shm tmpfs mode=1777,nosuid,nodev\n",
}
"""Mounted in one go: in software emulation each program that starts costs tens of milliseconds."""
SCRIPTS = ("init", "keeper", "shell", "lib.sh", "plain", "application", "dhcp")


def build_initramfs(tree: Path, kernel_version: str, out: Path, epoch: int) -> None:
    """Writes the initramfs of a boot tree (kernel modules, busybox, dmsetup) to `out`, compressed with zstd.

    Raises BakeFailed when the tree lacks something.
    """
    entries = {
        folder: Entry(FOLDER | 0o755) for folder in ("bin", "dev", "etc", "lib", "lib64", "proc", "run", "sys", "root")
    }
    entries["dev/console"] = Entry(DEVICE | 0o600, device=(5, 1))
    entries["dev/null"] = Entry(DEVICE | 0o666, device=(1, 3))
    entries |= {name: _program(file) for name, file in programs(tree).items()}
    entries |= {f"bin/{applet}": Entry(LINK | 0o777, b"busybox") for applet in APPLETS}
    entries |= _modules(tree, kernel_version) | _units()
    entries |= {f"etc/{name}": Entry(FILE | 0o644, text.encode()) for name, text in FSTABS.items()}
    guest = files("stoneware.bake.guest")
    for script in SCRIPTS:
        entries["init" if script == "init" else f"lib/{script}"] = Entry(
            FILE | 0o755, guest.joinpath(script).read_bytes()
        )
    raw = out.with_suffix(".cpio")
    try:
        raw.write_bytes(archive(entries, epoch))
        run(["zstd", "-q", "-f", "-10", "--no-progress", raw, "-o", out], timeout_s=60)
    finally:
        raw.unlink(missing_ok=True)


def programs(tree: Path) -> dict[str, Path]:
    """Programs and libraries of the initramfs, by their names there, each with its file in the boot tree. Raises BakeFailed."""
    loader = "ld-linux-x86-64.so.2"
    wanted: dict[str, Sequence[str]] = {
        "bin/busybox": ("bin/busybox", "usr/bin/busybox"),
        "bin/dmsetup": PROGRAMS,
        f"lib64/{loader}": [f"{folder}/{loader}" for folder in LIBRARY_FOLDERS],
    }
    wanted |= {f"lib/{library}": [f"{folder}/{library}" for folder in LIBRARY_FOLDERS] for library in LIBRARIES}
    return {name: _first(tree, places) for name, places in wanted.items()}


def _modules(tree: Path, kernel_version: str) -> dict[str, Entry]:
    """The modules, where `modprobe` looks for them, with their dependencies in modules.dep."""
    home = f"lib/modules/{kernel_version}"
    order = module_order(tree, kernel_version, MODULES)
    more = module_order(tree, kernel_version, (*MODULES, *DISK_MODULES))
    entries = {f"{home}/{name}.ko": Entry(FILE | 0o644, path.read_bytes()) for name, path in more}
    lines = [
        f"{name}.ko:{''.join(f' {needed}.ko' for needed in _needs(path) if needed in dict(more))}\n"
        for name, path in more
    ]
    entries[f"{home}/modules.dep"] = Entry(FILE | 0o644, "".join(lines).encode())
    for file, names in (("etc/modules", order), ("etc/modules.disk", [one for one in more if one not in order])):
        entries[file] = Entry(FILE | 0o644, "".join(f"{name}\n" for name, _ in names).encode())
    return entries | {folder: Entry(FOLDER | 0o755) for folder in ("lib", "lib/modules", home)}


def _units() -> dict[str, Entry]:
    """The run-time units of systemd, ready to be copied."""
    entries = {f"lib/units/{path}": Entry(FILE | 0o644, text.encode()) for path, text in unit_files().items()}
    entries |= {f"lib/units/{path}": Entry(LINK | 0o777, target.encode()) for path, target in unit_links().items()}
    folders = {str(parent) for path in entries for parent in Path(path).parents if str(parent) != "."}
    return entries | {folder: Entry(FOLDER | 0o755) for folder in folders}


def module_order(tree: Path, kernel_version: str, wanted: tuple[str, ...]) -> list[tuple[str, Path]]:
    """Modules and all that they depend on, each after what it needs. Built-in ones are left out.

    Dependencies are read from the modules themselves (the `depends=` line of their .modinfo section).
    """
    root = _first(tree, (f"lib/modules/{kernel_version}", f"usr/lib/modules/{kernel_version}"))
    known = {_plain(path.name.split(".ko")[0]): path for path in sorted(root.rglob("*.ko"))}
    builtin = {_plain(Path(line).stem) for line in (root / "modules.builtin").read_text().split()}
    order: dict[str, Path] = {}

    def visit(name: str) -> None:
        if name in order or name in builtin:
            return
        if name not in known:
            raise BakeFailed(f"kernel {kernel_version} has no module {name}", next_step="use Debian's cloud kernel")
        for needed in _needs(known[name]):
            visit(needed)
        order[name] = known[name]

    for name in wanted:
        visit(_plain(name))
    return list(order.items())


def _needs(module: Path) -> list[str]:
    found = re.search(rb"\0depends=([^\0]*)\0", module.read_bytes())
    return [_plain(name) for name in (found[1].decode() if found else "").split(",") if name]


def _plain(module: str) -> str:
    return module.replace("-", "_")


def _first(tree: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (tree / name).exists():
            return (tree / name).resolve()
    raise BakeFailed(f"the boot pack lacks {names[0]}", next_step="remove it from the build folder; it is made again")


def _program(path: Path) -> Entry:
    return Entry(FILE | 0o755, path.read_bytes())
