"""The bench of real virtual machines: the tamperings of the table, done as root of their host, or as root inside them."""

from __future__ import annotations

import base64
import json
import shutil
import time
from typing import Any

from bench.ground import free_port
from tests.tampering.deeds import Deeds
from tests.tampering.hands import DEPLOYMENT, package
from tests.tampering.machine_hands import MachineHands
from tests.tampering.rows import MORE, ROWS, Row

from stoneware.engines.qemu.shell import PORTS
from stoneware.engines.qemu.words import disk_node
from stoneware.errors import Refused

LISTENER = 'import socket, time; s = socket.socket(); s.bind(("0.0.0.0", 4444)); s.listen(); time.sleep(600)'
TERMINAL = "import pty, time; pty.openpty(); time.sleep(600)"

IMPOSSIBLE = {
    "boot_another_root": "a kernel that was told another root hash finds no root: it doesn't boot, and the machine is missing",
    "leave_a_layer_out": "the same: the initramfs opens the layers that the kernel's words name",
    "show_one_image_and_run_another": "what is shown is what the process has open",
    "start_another_image_under_its_name": "its pidfile is locked; without the old process the machine is missing",
    "restart_it_with_other_memory_behind_its_record": "a process that ended is made anew before anybody can start another",
    "write_where_nothing_is_written": "below",
    "run_a_package_manager": "below",
}
"""Rows of the table that can't be done to a virtual machine, and why. What is tried all the same is in `PROOFS`."""
HEALED = {"stop_listening": "sick: ", "stop_its_processors": "sick: "}
"""Rows whose machine falls sick at once and is made anew for it, with what the repair says."""
BOTH = ("image.file", "machine.files")
OTHERWISE = {
    "flip_a_byte_of_a_stored_image": BOTH,
    "flip_a_byte_under_a_running_machine": ("image.file", "inside.corrupted", "machine.files"),
    "take_cpus_from_it": ("machine.files", "machine.size"),
    "start_a_unit": ("inside.program", "inside.unit"),
    "delete_a_disk": ("disk.missing", "machine.disk", "machine.files"),
    "swap_the_disks_of_two_machines": ("disk.writer", "machine.disk", "machine.files"),
    "swap_the_files_of_two_disks": ("disk.missing", "machine.files"),
}
"""Classes where a real machine shows more than the engine in memory: its process has files open."""
OWN = [
    Row("flip_a_byte_of_its_kernel", BOTH),
    Row("flip_a_byte_of_its_initramfs", BOTH),
    Row("edit_the_manifest_of_a_stored_image", BOTH),
    Row("edit_the_words_that_it_was_started_with", ("machine.files",)),
    Row("let_it_be_reached_from_elsewhere", ("machine.address",)),
    Row("plug_a_device_into_it", ("machine.files",)),
    Row("plug_the_console_into_it", ("inside.mounted", "inside.program", "inside.session")),
    Row("copy_its_disk_by_its_monitor", ("machine.files",)),
    Row("write_over_a_file_in_memory", ("inside.written",)),
    Row("start_a_program_from_a_writable_path", ("inside.program",)),
]
"""Rows of virtual machines alone."""
PROOFS = [
    "a_file_can_t_be_written_where_nothing_is_writable",
    "a_root_can_t_be_made_writable",
    "a_layer_can_t_be_written_to",
    "a_package_manager_can_t_install",
    "a_network_can_t_be_plugged_in",
    "a_file_in_a_writable_path_is_the_machines_own",
]
"""What is tried, and fails; or is allowed."""
DEEDS = [row for row in (*ROWS, *MORE, *OWN) if row.deed not in (*IMPOSSIBLE, *HEALED)]


def kinds_of(row: Row) -> tuple[str, ...]:
    """The classes that a virtual machine has to show."""
    return OTHERWISE.get(row.deed, row.kinds)


class MachineBench(Deeds, MachineHands):
    """The deeds of the table that are done to virtual machines alone, and what can't be done to them."""

    found_within_s = 60.0
    healed_within_s = 240.0

    # Files and images ------------------------------------------------------------------------------------------------

    def flip_a_byte_of_a_stored_image(self) -> None:
        """Of the hash tree, at its end, which nobody reads."""
        layer = self._image / "layer-2.img"
        self._flip(layer, layer.stat().st_size - 1)

    def lose_a_file_of_a_stored_image(self) -> None:
        self._move_away(self._image / "layer-0.list")

    def flip_a_byte_of_its_kernel(self) -> None:
        self._flip(self._image / "vmlinux", 70_000)

    def flip_a_byte_of_its_initramfs(self) -> None:
        self._flip(self._image / "initrd.img", 70_000)

    def edit_the_manifest_of_a_stored_image(self) -> None:
        self._edit_json(self._image / "manifest.json", lambda body: body.update(writable=["/etc"]))

    def flip_a_byte_under_a_running_machine(self) -> None:
        """In its middle; then the machine reads all of it. What its kernel saw ends with it."""
        layer = self._image / "layer-0.img"
        self._flip(layer, layer.stat().st_size // 8192 * 4096)
        self._undo.append(self._kill)
        self._in_hole("sh", "-c", "echo 3 >/proc/sys/vm/drop_caches")
        assert self._hole("dd", "if=/dev/dm-0", "of=/dev/null", "bs=1M").status != 0

    def replace_an_open_file_of_the_image(self) -> None:
        layer = self._image / "layer-2.img"
        aside = self.stage.folder / "aside"
        layer.rename(aside)
        shutil.copy2(aside, layer)
        self._undo.append(lambda: aside.rename(layer))

    # Machines --------------------------------------------------------------------------------------------------------

    def give_it_more_memory(self) -> None:
        self._edit_machine(memory_bytes=2**32)

    def take_cpus_from_it(self) -> None:
        self._edit_machine(cpus=3)

    def change_its_configuration(self) -> None:
        self._edit_machine(config={"DEBUG": "1"})

    def give_it_another_secret(self) -> None:
        self._edit_machine(secrets={"PASSWORD": "other/1"})

    def open_another_port_to_it(self) -> None:
        self._edit_json(self._folder.path / "machine.json", lambda body: body["ports"].update({"2222": free_port()}))

    def edit_the_words_that_it_was_started_with(self) -> None:
        path = self._folder.path / "words.json"
        before = path.read_bytes()
        path.write_text(json.dumps([*json.loads(before), "-snapshot"]))
        self._undo.append(lambda: path.write_bytes(before))

    def let_it_be_reached_from_elsewhere(self) -> None:
        port = free_port()
        line = f"hostfwd_add tcp:127.0.0.1:{port}-:22"
        self._talk(("human-monitor-command", {"command-line": line}))
        removal = {"command-line": f"hostfwd_remove tcp:127.0.0.1:{port}"}
        self._undo.append(lambda: self._talk(("human-monitor-command", removal)))

    def plug_a_device_into_it(self) -> None:
        self._plug("spy", "virtserialport", {})

    def plug_the_console_into_it(self) -> None:
        """As break-glass does it, but behind its back."""
        for name, (device, number) in PORTS.items():
            address = {"type": "unix", "data": {"path": f"{name}.sock"}}
            backend = {"type": "socket", "data": {"addr": address, "server": True, "wait": False}}
            self._plug(name, device, {"nr": number, "name": f"org.stoneware.{name}"}, backend)
        control = self._control()
        control.sendall(b"xterm 24 80\n")
        self._undo = [control.close, self._kill]  # what was mounted for it ends with the machine

    def copy_its_disk_by_its_monitor(self) -> None:
        target = self.stage.folder / "stolen.raw"
        target.touch()
        target.write_bytes(b"")
        with target.open("r+b") as out:
            out.truncate(2**28)
        file = {"driver": "file", "filename": str(target)}
        node = {"driver": "raw", "node-name": "stolen", "file": file}
        job = {"job-id": "theft", "device": disk_node(self.disk), "target": "stolen", "sync": "none"}
        self._talk(("blockdev-add", node), ("blockdev-mirror", job))

        def end() -> None:
            self._talk(("job-cancel", {"id": "theft"}))
            time.sleep(1)
            self._talk(("blockdev-del", {"node-name": "stolen"}))
            target.unlink()

        self._undo.append(end)

    def stop_its_processors(self) -> None:
        self._talk(("stop", {}))

    def kill_it(self) -> None:
        self._kill()

    def delete_it(self) -> None:
        self._kill()
        shutil.rmtree(self._folder.path)

    def stop_it(self) -> None:
        self._talk(("quit", {}))

    def start_an_extra_machine(self) -> None:
        self._run_beside(f"{DEPLOYMENT}-web-helper", 7)

    def start_a_machine_beyond_the_size(self) -> None:
        self._run_beside(f"{DEPLOYMENT}-web-r{self.release}-7", 7)

    # Inside ----------------------------------------------------------------------------------------------------------

    def write_over_a_file_in_memory(self) -> None:
        before = self._in_hole("cat", "/etc/hosts")
        self._in_hole("sh", "-c", "mount -o remount,rw /etc/hosts; echo 10.0.0.1 bank >>/run/stoneware/hosts")
        self._undo.append(lambda: self._in_hole("sh", "-c", f"printf '{before}' >/run/stoneware/hosts"))

    def mount_over_a_folder(self) -> None:
        self._in_hole("mount", "-t", "tmpfs", "none", "/usr/share")
        self._undo.append(lambda: self._in_hole("umount", "/usr/share"))

    def open_a_port(self) -> None:
        self._start("python3", "-c", LISTENER)

    def stop_listening(self) -> None:
        self._start("systemctl", "stop", "nginx.service")
        self._undo.clear()

    def start_a_unit(self) -> None:
        self._in_hole("systemd-run", "--unit=miner.service", "sleep", "600")
        self._undo.append(lambda: self._in_hole("systemctl", "stop", "miner.service"))

    def stop_a_unit(self) -> None:
        units = [f"systemd-journald{end}" for end in (".service", ".socket", "-dev-log.socket", "-audit.socket")]
        self._hole("systemctl", "stop", *units)
        self._undo.append(lambda: self._in_hole("systemctl", "start", "systemd-journald.service"))

    def start_a_program(self) -> None:
        self._start("sleep", "601")

    def start_a_program_from_memory(self) -> None:
        self._in_hole("cp", "/usr/bin/sleep", "/run/x")
        self._start("/run/x", "602")

    def start_a_program_from_a_writable_path(self) -> None:
        self._in_hole("cp", "/usr/bin/sleep", "/var/lib/nginx/x")
        self._start("/var/lib/nginx/x", "603")

    def log_in(self) -> None:
        self._start("python3", "-c", TERMINAL)

    def silence_it(self) -> None:
        """Its keeper stands still."""
        self._in_hole("sh", "-c", "kill -STOP $(systemctl show -p MainPID --value stoneware-keeper.service)")
        resume = "kill -CONT $(systemctl show -p MainPID --value stoneware-keeper.service)"
        self._undo.append(lambda: self._in_hole("sh", "-c", resume))

    # What can't be done ----------------------------------------------------------------------------------------------

    def a_file_can_t_be_written_where_nothing_is_writable(self) -> None:
        ran = self._hole("sh", "-c", "echo mine >/etc/motd.new")
        assert ran.status != 0
        assert "Read-only file system" in ran.output

    def a_root_can_t_be_made_writable(self) -> None:
        self._hole("mount", "-o", "remount,rw", "/")
        self.a_file_can_t_be_written_where_nothing_is_writable()

    def a_layer_can_t_be_written_to(self) -> None:
        for device in ("/dev/dm-0", "/dev/vda"):
            self._hole("blockdev", "--setrw", device)
            ran = self._hole("dd", "if=/dev/zero", f"of={device}", "bs=4096", "count=1", "conv=notrunc,fsync")
            assert ran.status != 0, f"{device}: {ran.output}"

    def a_package_manager_can_t_install(self) -> None:
        content = base64.b64encode(package("otter-tools", self.stage.folder).read_bytes()).decode()
        self._in_hole("sh", "-c", f"echo {content} | base64 -d >/run/otter-tools.deb")
        ran = self._hole("dpkg", "--install", "/run/otter-tools.deb")
        assert ran.status != 0
        assert "Read-only file system" in ran.output
        assert self._hole("test", "-e", "/usr/bin/otter-tools").status != 0

    def a_network_can_t_be_plugged_in(self) -> None:
        self._talk(("netdev_add", {"type": "user", "id": "net9"}))
        try:
            self._talk(("device_add", {"driver": "virtio-net-pci", "netdev": "net9", "id": "spy"}))
        except Refused as refused:
            assert "hotplug" in str(refused)
        else:
            raise AssertionError("it was plugged in")
        finally:
            self._talk(("netdev_del", {"id": "net9"}))

    def a_file_in_a_writable_path_is_the_machines_own(self) -> None:
        self._in_hole("sh", "-c", "echo mine >/var/lib/nginx/mine")

    # Hands -----------------------------------------------------------------------------------------------------------

    def _plug(self, name: str, driver: str, more: dict[str, Any], backend: dict[str, Any] | None = None) -> None:
        self._talk(("chardev-add", {"id": name, "backend": backend or {"type": "null", "data": {}}}))
        self._talk(("device_add", {"driver": driver, "id": name, "chardev": name, **more}))

        def end() -> None:
            self._talk(("device_del", {"id": name}))
            time.sleep(1)
            self._talk(("chardev-remove", {"id": name}))

        self._undo.append(end)
