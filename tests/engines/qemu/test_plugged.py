"""Whatever is plugged into a machine is ours, a disk of its, or told."""

from __future__ import annotations

from pathlib import Path

from stoneware.engines.qemu.plugged import plugged, way_in, wrong_devices
from stoneware.engines.qemu.words import disk_node

PLUGGED = {"slot1": "pcie-root-port", disk_node("town-web-data-0"): "virtio-blk-pci"}


def test_ports_and_disks_of_the_machine_are_no_news() -> None:
    assert list(wrong_devices(PLUGGED, ["town-web-data-0"])) == []
    assert way_in(PLUGGED) == []


def test_another_disk_and_any_other_device_are_told() -> None:
    found = list(wrong_devices({**PLUGGED, "spy": "virtserialport"}, []))
    assert found == [
        f"a virtio-blk-pci was plugged in by hand: {disk_node('town-web-data-0')}",
        "a virtserialport was plugged in by hand: spy",
    ]


def test_the_console_of_break_glass_is_a_login_once() -> None:
    ways = {"shell-console": "virtconsole", "shell-control": "virtserialport"}
    assert way_in(PLUGGED | ways) == ["the host's console (shell-console)"]
    assert list(wrong_devices(ways, [])) == []


def test_without_an_answer_nobody_knows(tmp_path: Path) -> None:
    assert plugged(tmp_path) is None
