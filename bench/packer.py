"""The peer of our bake: Packer's QEMU builder, as its manual says to use it for one file on an existing disk.

The base disk holds a tree of the size of the recipe's base (about 300 MB) with a kernel and an SSH server, which Packer needs. It
is used as a backing file, so nothing of it is copied; Packer starts it, copies the file in over SSH, and powers it off. The
accelerator is the one that our machines have.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.ground import Ground, say
from stoneware.bake.base import sources
from stoneware.engines.qemu.accelerator import Accelerator
from stoneware.host.run import run

PACKAGES = ("systemd-sysv", "linux-image-cloud-amd64", "openssh-server", "nginx-light", "python3")
BALLAST_FILES, BALLAST_BYTES = 2800, 40000
NETWORK = "[Match]\nName=e*\n[Network]\nDHCP=ipv4\n"
LIMIT_S = 900


@dataclass(frozen=True)
class PackerBase:
    """A disk that Packer can work on."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "base.qcow2"

    @property
    def key(self) -> Path:
        return self.folder / "key"


def base(ground: Ground) -> PackerBase:
    """The base disk; it stays in the ground's home from run to run."""
    made = PackerBase(ground.home.build / "packer")
    if not made.disk.exists():
        say("making a base disk for Packer (once, about a minute)")
        shutil.rmtree(made.folder, ignore_errors=True)
        made.folder.mkdir(parents=True)
        _make(made)
    return made


def _make(made: PackerBase) -> None:
    tree = made.folder / "tree"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", made.key])
    words: list[str | Path] = [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        "bookworm",
        tree,
        *sources(),
    ]
    run(words, timeout_s=LIMIT_S)
    (tree / "root" / ".ssh").mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(f"{made.key}.pub", tree / "root" / ".ssh" / "authorized_keys")
    (tree / "etc" / "systemd" / "network" / "net.network").write_text(NETWORK)
    run(["chroot", tree, "systemctl", "enable", "systemd-networkd", "ssh"])
    for number in range(BALLAST_FILES):
        place = tree / "opt" / "ballast" / str(number // 100)
        place.mkdir(parents=True, exist_ok=True)
        (place / str(number)).write_bytes(os.urandom(BALLAST_BYTES // 2) + b"text" * (BALLAST_BYTES // 8))
    shutil.copyfile(next((tree / "boot").glob("vmlinuz-*")), made.folder / "vmlinuz")
    shutil.copyfile(next((tree / "boot").glob("initrd.img-*")), made.folder / "initrd.img")
    raw = made.folder / "base.raw"
    run(["truncate", "--size=2G", raw])
    run(["mkfs.ext4", "-q", "-d", tree, "-L", "root", raw], timeout_s=LIMIT_S)
    run(["qemu-img", "convert", "-O", "qcow2", raw, made.folder / "new.qcow2"], timeout_s=LIMIT_S)
    raw.unlink()
    shutil.rmtree(tree)
    (made.folder / "new.qcow2").replace(made.disk)


def build_s(made: PackerBase, file: Path, accelerator: Accelerator) -> float:
    """Seconds of a `packer build` that copies `file` into the disk."""
    out = made.folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    kernel = " ".join(["root=/dev/vda", "rw", "quiet", "console=ttyS0", *accelerator.kernel_words()])
    template = {
        "builders": [
            {
                "type": "qemu",
                "iso_url": str(made.disk),
                "iso_checksum": "none",
                "disk_image": True,
                "use_backing_file": True,
                "qemu_img_args": {"create": ["-F", "qcow2"]},  # which newer qemu-img wants to be told
                "format": "qcow2",
                "disk_interface": "virtio",
                "net_device": "virtio-net",
                "accelerator": accelerator.name,
                "headless": True,
                "boot_wait": "1s",
                "memory": 512,
                "cpus": 2,
                "ssh_username": "root",
                "ssh_private_key_file": str(made.key),
                "ssh_timeout": "10m",
                "shutdown_command": "systemctl poweroff",
                "output_directory": str(out),
                "qemuargs": [
                    ["-kernel", str(made.folder / "vmlinuz")],
                    ["-initrd", str(made.folder / "initrd.img")],
                    ["-append", kernel],
                    ["-cpu", accelerator.cpu],
                    ["-device", "virtio-rng-pci"],
                    ["-device", "virtio-net,netdev=user.0"],
                ],
            }
        ],
        "provisioners": [{"type": "file", "source": str(file), "destination": "/srv/version"}],
    }
    (made.folder / "template.json").write_text(json.dumps(template))
    env = {"PACKER_CACHE_DIR": str(made.folder / "cache"), "CHECKPOINT_DISABLE": "1", "HOME": str(made.folder)}
    with _gone(out):
        began = time.monotonic()
        run(["packer", "build", "-color=false", made.folder / "template.json"], timeout_s=LIMIT_S, env=env)
        return time.monotonic() - began


@contextlib.contextmanager
def _gone(out: Path) -> Iterator[None]:
    try:
        yield
    finally:
        shutil.rmtree(out, ignore_errors=True)
