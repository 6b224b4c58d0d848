"""QEMU's command line and the machine's facts: functions of what is wanted, safe for every name and value."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.engines.environment import config_env, manager_environment
from stoneware.engines.qemu.accelerator import Accelerator
from stoneware.engines.qemu.folder import Folder, MachineRecord
from stoneware.engines.qemu.words import (
    disk_node,
    machine_facts,
    machine_kernel_words,
    machine_words,
)
from stoneware.model.image import Artifact, Manifest, Recipe, SealedFile, Verity
from stoneware.model.machine import DiskMount, WantedMachine
from stoneware.names import disk_serial

KVM = Accelerator("kvm", "")
DISKS = (DiskMount(disk="town-web-data-0", mount="/srv"), DiskMount(disk="town-web-logs-0", mount="/var/log/app"))
values = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=30)


def record(**more: Any) -> MachineRecord:
    wanted = WantedMachine(
        name="town-web-r1-0",
        owner="town",
        group="web",
        fleet=1,
        index=0,
        digest="sha256:1",
        cpus=2,
        memory_bytes=2**29,
        **more,
    )
    return MachineRecord(wanted=wanted, ports={80: 20001, 443: 20000}, created_at=0)


def artifact(folder: Path) -> Artifact:
    names = {"layer-0": "layer-0.img", "layer-1": "layer-1.img", "vmlinux": "vmlinux", "initrd": "initrd.img"}
    manifest = Manifest(
        family="web",
        epoch=1,
        files={role: SealedFile(name=name, sha256="00", size_bytes=1) for role, name in names.items()},
        tree="sha256:" + "0" * 64,
        layers=(Verity(root_hash="00", salt="-", data_blocks=1, hash_start_block=1),) * 2,
        kernel_version="6.1",
        cmdline="quiet stoneware.init=/sbin/init",
        init="/sbin/init",
        recipe=Recipe(containerfile="Containerfile", containerfile_sha256="00"),
    )
    return Artifact(folder=folder, manifest=manifest)


def words(
    made: MachineRecord,
    images: str = "/images/1",
    machines: str = "/machines",
    accelerator: Accelerator = KVM,
    initrd: Path | None = None,
) -> list[str]:
    sealed = artifact(Path(images))
    return machine_words(
        Folder(Path(machines) / made.wanted.name), made, sealed, accelerator, initrd or sealed.file("initrd")
    )


def after(option: str, line: list[str]) -> list[str]:
    """The values that follow an option, in order."""
    return [value for word, value in itertools.pairwise(line) if word == option]


def test_the_machine_is_the_wanted_one() -> None:
    line = words(record())
    assert after("-name", line) == ["guest=town-web-r1-0"]
    assert (after("-smp", line), after("-m", line)) == (["2"], ["size=512M"])
    assert (after("-kernel", line), after("-initrd", line)) == (["/images/1/vmlinux"], ["/images/1/initrd.img"])
    assert after("-append", line) == ["quiet stoneware.init=/sbin/init systemd.unit=multi-user.target"]
    assert after("-pidfile", line) == ["/machines/town-web-r1-0/qemu.pid"]


def test_an_initramfs_with_secrets_is_an_open_file_and_they_are_in_no_word() -> None:
    line = words(record(secrets={"DB_PASSWORD": "db-password/2"}), initrd=Path("/proc/self/fd/7"))
    assert after("-initrd", line) == ["/proc/self/fd/7"]
    assert [word for word in line if "db-password" in word or "DB_PASSWORD" in word] == []


def test_the_root_is_read_only_and_nothing_else_is_plugged_in() -> None:
    layers = after("-blockdev", words(record(disks=DISKS)))
    assert len(layers) == 2
    for number, layer in enumerate(layers):
        assert {"read-only=on", f"file.filename=/images/1/layer-{number}.img"} <= set(layer.split(","))


@pytest.mark.parametrize(("isolated", "restrict"), [(False, "restrict=off"), (True, "restrict=on")])
def test_ports_are_reachable_from_this_host_only(isolated: bool, restrict: str) -> None:
    (net,) = after("-netdev", words(record(isolated=isolated)))
    assert restrict in net.split(",")
    assert [part for part in net.split(",") if part.startswith("hostfwd")] == [
        "hostfwd=tcp:127.0.0.1:20001-:80",
        "hostfwd=tcp:127.0.0.1:20000-:443",
    ]


def test_each_disk_has_a_port_to_come_to_and_the_boot_waits_for_it() -> None:
    made = record(disks=DISKS)
    ports = [device for device in after("-device", words(made)) if device.startswith("pcie-root-port")]
    assert [re.findall(r"id=(\w+)", port) for port in ports] == [["slot1"], ["slot2"]]
    assert machine_kernel_words(made) == ["systemd.unit=stoneware-wait.target"]
    assert machine_kernel_words(record()) == ["systemd.unit=multi-user.target"]


@pytest.mark.parametrize(
    ("name", "flag", "cpu"), [("kvm", "kvm", "host"), ("tcg", "tcg,thread=multi,tb-size=64", "max")]
)
def test_the_accelerator_has_its_own_words(name: str, flag: str, cpu: str) -> None:
    accelerator = Accelerator(name, "")
    line = words(record(), accelerator=accelerator)
    assert (after("-accel", line), after("-cpu", line)) == ([flag], [cpu])
    (append,) = after("-append", line)
    assert append.endswith(" ".join(["", *accelerator.kernel_words()]))
    assert ("tsc_early_khz=" in append) is (name == "tcg")


def test_a_folder_with_commas_adds_no_option() -> None:
    line = words(record(), images="/images,readonly=off/1", machines="/machines,x=y")
    (lower, _) = after("-blockdev", line)
    assert "file.filename=/images,,readonly=off/1/layer-0.img,file" in lower
    assert all(",,x=y/" in fact for fact in after("-fw_cfg", line))


def test_the_facts_are_lines_that_the_initramfs_reads() -> None:
    assert machine_facts(record(disks=DISKS)).splitlines() == [
        "hostname town-web-r1-0",
        f"disk {disk_serial('town-web-data-0')} /srv",
        f"disk {disk_serial('town-web-logs-0')} /var/log/app",
    ]
    assert disk_node("town-web-data-0") == f"disk-{disk_serial('town-web-data-0')}"


def unquoted(text: str) -> str:
    """A value between double quotes, in which a backslash stands before a quote or another backslash."""
    assert re.fullmatch(r'"([^"\\]|\\["\\])*"', text)
    return re.sub(r"\\(.)", r"\1", text[1:-1])


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), values, max_size=4))
def test_every_value_reaches_the_services_as_it_was_declared(config: dict[str, str]) -> None:
    lines = config_env(config).split("\n")
    assert lines.pop() == ""
    read = {key: unquoted(value) for key, _, value in (line.partition("=") for line in lines)}
    assert read == config
    head, grace, *rest = manager_environment(config).split("\n")[:-1]
    assert (head, grace) == ("[Manager]", "DefaultTimeoutStopSec=10s")
    pairs = [unquoted(line.removeprefix("DefaultEnvironment=")).replace("%%", "%") for line in rest]
    assert dict(pair.split("=", 1) for pair in pairs) == config
    assert not any("%" in line.replace("%%", "") for line in rest)
