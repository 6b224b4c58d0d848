"""QEMU's command line as a function of what is wanted. Nothing here looks at the host or starts anything."""

from __future__ import annotations

from pathlib import Path

from stoneware.engines.qemu.accelerator import QEMU, Accelerator
from stoneware.engines.qemu.folder import Folder, MachineRecord
from stoneware.model.image import Artifact, Entrypoint
from stoneware.names import disk_serial

SLOT = "slot"
"""How the empty ports are called, with a number each."""
FACTS = ("machine", "config", "environment", "entrypoint", "tester")
"""What a machine is told, each a file beside its record."""


def machine_words(
    folder: Folder, record: MachineRecord, artifact: Artifact, accelerator: Accelerator, initrd: Path
) -> list[str]:
    """The words that start a machine. It has an empty root port for each disk, to plug it in while it runs.

    `initrd` is the image's initramfs, or an open file that has more behind it (`secrets.py`).
    """
    wanted = record.wanted
    words = [QEMU, "-name", f"guest={wanted.name}", "-nodefaults", "-no-user-config", "-no-reboot"]
    words += ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]
    words += ["-machine", "q35,usb=off,vmport=off,smbus=off,graphics=off", *accelerator.argv(), "-cpu", accelerator.cpu]
    words += ["-smp", str(wanted.cpus), "-m", f"size={wanted.memory_bytes // 2**20}M", "-display", "none"]
    words += ["-kernel", str(artifact.file("vmlinux")), "-initrd", str(initrd)]
    words += [
        "-append",
        " ".join([artifact.manifest.cmdline, *machine_kernel_words(record), *accelerator.kernel_words()]),
    ]
    words += _layers(artifact) + _network(record) + _channels(folder, wanted.agent) + ["-device", "virtio-rng-pci"]
    for number in range(1, len(wanted.disks) + 1):
        words += ["-device", f"pcie-root-port,id={SLOT}{number},bus=pcie.0,chassis={number},slot={number}"]
    return words


def machine_kernel_words(record: MachineRecord) -> list[str]:
    """What the guest's kernel is told beyond the image's own words: where its boot is to stop."""
    return [f"systemd.unit={'stoneware-wait' if record.wanted.disks else 'multi-user'}.target"]


def machine_facts(record: MachineRecord) -> str:
    """What the machine is told about itself, for the initramfs: `hostname NAME`, and `disk SERIAL MOUNT` lines."""
    disks = [f"disk {disk_serial(mount.disk)} {mount.mount}" for mount in record.wanted.disks]
    return "\n".join([f"hostname {record.wanted.name}", *disks]) + "\n"


def entrypoint_lines(entrypoint: Entrypoint | None, config: dict[str, str]) -> str:
    """What runs in a machine whose image has no init, as `bake/guest/application` reads it, and its environment."""
    if entrypoint is None:
        return ""
    lines = [f"user {entrypoint.user or '0'}", f"folder {entrypoint.folder}", f"signal {entrypoint.stop_signal}"]
    lines += [f"env {_one_line(f'{key}={value}')}" for key, value in sorted({**entrypoint.env, **config}.items())]
    lines += [f"arg {_one_line(word)}" for word in entrypoint.argv]
    return "\n".join(lines) + "\n"


def disk_node(disk: str) -> str:
    """What QEMU calls a plugged disk, its block node and its device alike."""
    return f"disk-{disk_serial(disk)}"


def _one_line(text: str) -> str:
    """As `printf %b` reads it back."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _layers(artifact: Artifact) -> list[str]:
    """A disk for each sealed layer of the root, with the serial number that the initramfs looks for."""
    words = []
    for number, (file, _) in enumerate(artifact.layers):
        node = f"layer-{number}"
        drive = (
            f"driver=raw,node-name={node},read-only=on,file.driver=file,file.filename={_comma(file)},file.locking=off"
        )
        words += ["-blockdev", drive, "-device", f"virtio-blk-pci,drive={node},serial={node}"]
    return words


def _network(record: MachineRecord) -> list[str]:
    forwards = [f"hostfwd=tcp:127.0.0.1:{host}-:{guest}" for guest, host in sorted(record.ports.items())]
    restrict = "on" if record.wanted.isolated else "off"
    options = ",".join(["user,id=net", f"restrict={restrict}", "ipv6=off", *forwards])
    return ["-netdev", options, "-device", "virtio-net-pci,netdev=net,romfile="]


def _channels(folder: Folder, agent: bool) -> list[str]:
    """Console, monitor, keeper, and the facts. Sockets are named relative to the folder: paths of sockets are short."""
    words = ["-chardev", "file,id=console,path=console.log,append=on", "-serial", "chardev:console"]
    words += [
        "-chardev",
        "socket,id=monitor,path=monitor.sock,server=on,wait=off",
        "-mon",
        "chardev=monitor,mode=control",
    ]
    words += ["-chardev", "socket,id=keeper,path=keeper.sock,server=on,wait=off", "-device", "virtio-serial-pci"]
    words += ["-device", "virtserialport,chardev=keeper,name=org.stoneware.keeper"]
    if agent:
        words += ["-chardev", "socket,id=tester,path=tester.sock,server=on,wait=off"]
        words += ["-device", "virtserialport,chardev=tester,name=org.stoneware.tester"]
    for fact in FACTS:
        words += ["-fw_cfg", f"name=opt/org.stoneware/{fact},file={_comma(folder.path / fact)}"]
    return [*words, "-pidfile", str(folder.pidfile)]


def _comma(path: Path) -> str:
    """QEMU splits options at commas; a doubled one stands for itself."""
    return str(path).replace(",", ",,")
