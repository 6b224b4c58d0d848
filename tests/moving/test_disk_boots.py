"""An exported disk starts under UEFI firmware, without any engine beside it: it finds its layers by the labels of their partitions,
asks for its address by DHCP, and serves.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.foundry import Foundry

from stoneware.bake.workspace import workspace
from stoneware.engines.qemu.accelerator import QEMU, find_accelerator
from stoneware.host.probe import ask
from stoneware.host.process import end, start_ticks
from stoneware.host.run import spawn
from stoneware.model.probe import HttpProbe
from stoneware.moving.disk import Disk

FIRMWARE = [
    (Path(f"/usr/share/OVMF/OVMF_CODE{size}.fd"), Path(f"/usr/share/OVMF/OVMF_VARS{size}.fd")) for size in ("_4M", "")
]
LIMIT_S = 120.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def machine(foundry: Foundry, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A machine that knows nothing but the disk: on virtio-scsi, as a cloud attaches it. Its port 80 here, and its console."""
    accelerator = find_accelerator(tmp_path / "accelerator")
    disk, variables, console = tmp_path / "disk.raw", tmp_path / "vars.fd", tmp_path / "console"
    with workspace(foundry.home, "disk", lambda _: None) as space:
        Disk(space, foundry.version_1, accelerator.kernel_words()).write(disk)
    code, fresh = next(pair for pair in FIRMWARE if pair[0].exists())
    shutil.copyfile(fresh, variables)
    port = free_port()
    words = [QEMU, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", "q35,usb=off"]
    words += [*accelerator.argv(), "-cpu", accelerator.cpu, "-smp", "2", "-m", "512M"]
    words += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}"]
    words += ["-drive", f"if=pflash,format=raw,unit=1,file={variables}"]
    words += ["-blockdev", f"driver=raw,node-name=disk,read-only=on,file.driver=file,file.filename={disk}"]
    words += ["-device", "virtio-scsi-pci,id=scsi", "-device", "scsi-hd,drive=disk,bus=scsi.0"]
    words += ["-netdev", f"user,id=net,ipv6=off,net=10.9.8.0/24,hostname=given,hostfwd=tcp:127.0.0.1:{port}-:80"]
    words += ["-device", "virtio-net-pci,netdev=net,romfile=", "-serial", f"file:{console}"]
    pid = spawn(words, log=tmp_path / "qemu.log")
    ticks = start_ticks(pid)
    assert ticks is not None, (tmp_path / "qemu.log").read_text()
    yield port, console
    end(pid, ticks)


@pytest.mark.vm
def test_a_disk_boots_alone_and_serves(machine: tuple[int, Path]) -> None:
    port, console = machine
    probe, until = HttpProbe(port=80, path="/version"), time.monotonic() + LIMIT_S
    while not (answer := ask(probe, f"127.0.0.1:{port}", 5.0)).ok:
        said = console.read_text(errors="replace")[-2000:] if console.exists() else "nothing"
        assert time.monotonic() < until, f"{answer.detail}; the console says: {said}"
        assert "FAILED" not in said, said
        time.sleep(0.2)
