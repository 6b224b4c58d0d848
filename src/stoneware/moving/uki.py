"""A unified kernel image (UAPI group specification UKI.1): systemd's stub with command line, kernel and initramfs as its
sections, so that firmware starts it without a boot loader.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from stoneware.bake.base import EPOCH
from stoneware.bake.checks import DISK_STUB
from stoneware.bake.workspace import Workspace
from stoneware.engines.environment import manager_environment
from stoneware.engines.qemu.words import entrypoint_lines
from stoneware.errors import Misconfigured
from stoneware.host.cpio import FILE, FOLDER, Entry, behind
from stoneware.model.image import Artifact, Manifest
from stoneware.moving.whole import pieces

PAGE = 4096


def make_uki(space: Workspace, artifact: Artifact, words: Sequence[str], out: Path) -> None:
    """Writes the kernel image of a sealed image; `words` are added to its kernel's command line.

    Raises Misconfigured where systemd's stub is missing, Refused for a file that isn't what was sealed, ToolFailed.
    """
    if not DISK_STUB.is_file():
        raise Misconfigured(f"there is no {DISK_STUB}", "install systemd-boot-efi", code="tool-missing")
    cmdline, initrd = space.folder / "cmdline", space.folder / "initrd"
    line = " ".join([artifact.manifest.cmdline, "systemd.unit=multi-user.target", *words])
    cmdline.write_bytes(line.encode() + b"\0")
    initrd.write_bytes(behind(_sealed(artifact, "initrd"), facts(artifact.manifest), EPOCH))
    kernel = space.folder / "linux"
    kernel.write_bytes(_sealed(artifact, "kernel"))
    argv: list[str | Path] = ["objcopy"]
    address = stub_end(DISK_STUB.read_bytes())
    for name, file in ((".cmdline", cmdline), (".linux", kernel), (".initrd", initrd)):
        argv += ["--add-section", f"{name}={file}", "--change-section-vma", f"{name}={address:#x}"]
        address += _pages(file.stat().st_size)
    space.run([*argv, DISK_STUB, out], timeout_s=120, quiet=True)
    _undate(out)


def _sealed(artifact: Artifact, role: str) -> bytes:
    return b"".join(pieces(artifact.file(role), artifact.manifest.files[role]))


def facts(manifest: Manifest) -> dict[str, Entry]:
    """What an engine tells a machine (`bake/guest/lib.sh`), for one that has no engine: a second archive behind the initramfs."""
    texts = {
        "machine": "",
        "config": "",
        "environment": manager_environment({}),
        "entrypoint": entrypoint_lines(manifest.entrypoint, {}),
        "tester": "",
    }
    files = {f"lib/facts/{name}": Entry(FILE | 0o600, text.encode()) for name, text in texts.items()}
    return {"lib": Entry(FOLDER | 0o755), "lib/facts": Entry(FOLDER | 0o700), **files}


def stub_end(stub: bytes) -> int:
    """The first free address behind a program's sections (Microsoft's PE format: COFF header, optional header, section table)."""
    [start] = struct.unpack_from("<I", stub, 0x3C)
    sections, optional = struct.unpack_from("<H", stub, start + 6)[0], struct.unpack_from("<H", stub, start + 20)[0]
    [base] = struct.unpack_from("<Q", stub, start + 24 + 24)
    table = start + 24 + optional
    ends = []
    for number in range(sections):
        size, address = struct.unpack_from("<II", stub, table + 40 * number + 8)
        ends.append(int(base) + int(address) + int(size))
    return _pages(max(ends))


def _undate(program: Path) -> None:
    """objcopy writes the present time into a program, and a checksum of it; firmware looks at neither."""
    with program.open("r+b") as file:
        file.seek(0x3C)
        [start] = struct.unpack("<I", file.read(4))
        for place in (start + 8, start + 24 + 64):
            file.seek(place)
            file.write(b"\0" * 4)


def _pages(size_bytes: int) -> int:
    return -(-size_bytes // PAGE) * PAGE
