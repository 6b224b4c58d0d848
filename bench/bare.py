"""The peer of our engine: QEMU started by hand, as somebody would who has no use for it.

The same image, accelerator, processors and memory, and the facts that the guest reads at boot; no sandbox, no monitor, nobody
who talks to the keeper, no record, no check of the image. What makes a QEMU slow without need is left out here as well. The
keeper in the image has a port that leads nowhere: without any, it would look for one twenty times a second, at the peer's cost.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from stoneware.engines.qemu.accelerator import QEMU, Accelerator
from stoneware.engines.qemu.folder import Folder
from stoneware.model.image import Artifact
from stoneware.model.machine import WantedMachine

FACTS = {
    "machine": "hostname bare\n",
    "config": "",
    "environment": "[Manager]\nDefaultTimeoutStopSec=10s\n",
    "entrypoint": "",
}


@contextlib.contextmanager
def running(
    folder: Folder, wanted: WantedMachine, artifact: Artifact, accelerator: Accelerator, port: int
) -> Iterator[None]:
    """Starts it, and ends it afterwards. It forwards host port `port` to guest port 80."""
    folder.path.mkdir(exist_ok=True)
    for name, text in FACTS.items():
        (folder.path / name).write_text(text)
    said = words(folder, wanted, artifact, accelerator, port)
    with subprocess.Popen(said, stdin=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield
        finally:
            process.kill()


def words(folder: Folder, wanted: WantedMachine, artifact: Artifact, accelerator: Accelerator, port: int) -> list[str]:
    """QEMU's command line."""
    kernel = [artifact.manifest.cmdline, "systemd.unit=multi-user.target", *accelerator.kernel_words()]
    said = [QEMU, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", "q35"]
    said += ["-accel", accelerator.name, "-cpu", accelerator.cpu, "-smp", str(wanted.cpus)]
    said += ["-m", f"{wanted.memory_bytes // 2**20}M", "-serial", "null", "-pidfile", str(folder.pidfile)]
    said += ["-kernel", str(artifact.file("vmlinux")), "-initrd", str(artifact.file("initrd"))]
    said += ["-append", " ".join(kernel)]
    for number, (file, _) in enumerate(artifact.layers):
        said += ["-drive", f"if=none,id=layer-{number},format=raw,readonly=on,file={file}"]
        said += ["-device", f"virtio-blk-pci,drive=layer-{number},serial=layer-{number}"]
    said += ["-netdev", f"user,id=net,ipv6=off,hostfwd=tcp:127.0.0.1:{port}-:80"]
    said += ["-device", "virtio-net-pci,netdev=net,romfile="]
    said += ["-chardev", "null,id=nobody", "-device", "virtio-serial-pci"]
    said += ["-device", "virtserialport,chardev=nobody,name=org.stoneware.keeper"]
    for name in FACTS:
        said += ["-fw_cfg", f"name=opt/org.stoneware/{name},file={folder.path / name}"]
    return said
