"""The bench of real containers: the tamperings of the table, done as root of the host to a town that serves."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

from tests.tampering.container_hands import ContainerHands
from tests.tampering.deeds import Deeds
from tests.tampering.hands import DEPLOYMENT, package
from tests.tampering.rows import MORE, ROWS, Row

from stoneware.engines.container.cgroup import groups_of
from stoneware.engines.container.processes import processes_in

LISTENER = "import socket, time; s = socket.socket(); s.bind(('0.0.0.0', 4444)); s.listen(); time.sleep(600)"

IMPOSSIBLE = {
    "leave_a_layer_out": "the layers of a mounted overlay can't be changed (overlayfs, `Changes to underlying filesystems`)",
    "show_one_image_and_run_another": "what is shown is podman's own word for the image that it runs",
    "silence_it": "a container isn't asked: its host looks at it",
    "start_another_image_under_its_name": "podman gives a name once; without the old container the machine is missing",
}
"""Rows of the table that can't be done to a container, and why."""
HEALED = {"stop_listening": "sick: "}
"""Rows whose machine falls sick at once and is made anew for it, with what the repair says: that is on record before drift, which
looks twice, can be certain."""
OTHERWISE = {
    "flip_a_byte_under_a_running_machine": ("machine.files",),
    "boot_another_root": ("machine.files",),
    "start_a_unit": ("inside.program", "inside.unit"),
    "run_a_package_manager": ("inside.written", "machine.files"),
    "swap_the_files_of_two_disks": ("disk.missing", "machine.files"),
    "open_a_port": ("inside.port", "inside.session"),
    "start_a_program": ("inside.program", "inside.session"),
    "start_a_program_from_memory": ("inside.program", "inside.session"),
    "let_everything_pass_in_the_releases_row": ("inside.port", "inside.session", "release.changed"),
}
"""Classes where a container shows something else than the engine in memory: it has no kernel of its own."""

OWN = [
    Row("put_a_link_over_a_folder", ("inside.written",)),
    Row("edit_the_names_of_hosts", ("inside.written",)),
    Row("edit_what_the_machine_is_told", ("inside.written",)),
    Row("mount_another_file_over_one", ("inside.mounted",)),
    Row("unmask_the_kernels_keys", ("inside.mounted",)),
    Row("make_the_kernels_settings_writable", ("inside.mounted",)),
    Row("hide_in_namespaces_below", ("inside.program", "inside.session")),
    Row("start_a_known_program_from_outside", ("inside.session",)),
    Row("take_a_process_out_of_its_limits", ("inside.session",)),
    Row("let_it_have_more_processes", ("machine.files",)),
    Row("let_it_use_every_device", ("machine.files",)),
    Row("give_it_a_disk_of_the_host", ("inside.written",)),
    Row("give_it_another_address", ("machine.address",)),
]
"""Rows of containers alone."""

DEEDS = [row for row in (*ROWS, *MORE, *OWN) if row.deed not in (*IMPOSSIBLE, *HEALED)]


def kinds_of(row: Row) -> tuple[str, ...]:
    """The classes that a container has to show."""
    return OTHERWISE.get(row.deed, row.kinds)


class ContainerBench(Deeds, ContainerHands):
    """The deeds of the table that are done to containers alone."""

    # Files and images ------------------------------------------------------------------------------------------------

    def flip_a_byte_of_a_stored_image(self) -> None:
        self._flip(self._image / "layer-0.img", 4096)

    def lose_a_file_of_a_stored_image(self) -> None:
        self._move_away(self._image / "layer-0.list")

    def flip_a_byte_under_a_running_machine(self) -> None:
        found = [folder / "usr/sbin/nginx" for folder in self._container().lower]
        self._flip(next(path for path in found if path.exists()), 70_000)

    def boot_another_root(self) -> None:
        """A running one can't get another root; its own can be made one that can be written to."""
        self._in_mounts("mount", "-o", "remount,rw", "/")
        self._undo.append(lambda: self._in_mounts("mount", "-o", "remount,ro", "/"))

    def replace_an_open_file_of_the_image(self) -> None:
        path = next(found for layer in self._container().lower if (found := layer / "usr/sbin/nginx").exists())
        aside = path.with_name("nginx.aside")
        shutil.copy2(path, aside)
        path.unlink()
        shutil.copy2("/bin/true", path)
        self._undo.append(lambda: aside.rename(path))

    # Machines --------------------------------------------------------------------------------------------------------

    def give_it_more_memory(self) -> None:
        self._edit_machine(memory_bytes=2**32)

    def take_cpus_from_it(self) -> None:
        self._limit("cpu.cfs_quota_us", 300_000, "cpu.max", "300000 100000")

    def restart_it_with_other_memory_behind_its_record(self) -> None:
        self._limit("memory.limit_in_bytes", 2**27, "memory.max", str(2**27))

    def change_its_configuration(self) -> None:
        self._edit_machine(config={"DEBUG": "1"})

    def give_it_another_secret(self) -> None:
        self._edit_machine(secrets={"PASSWORD": "other/1"})

    def open_another_port_to_it(self) -> None:
        self._edit_machine(ports=[80, 2222])

    def delete_it(self) -> None:
        self.podman.run("rm", "--force", "--time", "0", self.one)

    def stop_it(self) -> None:
        self.podman.run("stop", "--time", "1", self.one)

    def start_an_extra_machine(self) -> None:
        self._run_beside(f"{DEPLOYMENT}-web-helper")

    def start_a_machine_beyond_the_size(self) -> None:
        self._run_beside(f"{DEPLOYMENT}-web-r{self.release}-7")

    def let_it_have_more_processes(self) -> None:
        self._limit("pids.max", "max", "pids.max", "max")

    def let_it_use_every_device(self) -> None:
        """Version 2 of control groups has no file for it."""
        [folder] = [
            Path("/sys/fs/cgroup") / line.split(":", 2)[1] / line.split(":", 2)[2].lstrip("/")
            for line in Path(f"/proc/{self._container().pid}/cgroup").read_text().splitlines()
            if line.split(":")[1] == "devices"
        ]
        before = (folder / "devices.list").read_text().splitlines()
        (folder / "devices.allow").write_text("a")
        self._undo.append(lambda: self._allow(folder, before))

    def _allow(self, folder: Path, before: list[str]) -> None:
        (folder / "devices.deny").write_text("a")
        for line in before:
            (folder / "devices.allow").write_text(line)

    def give_it_a_disk_of_the_host(self) -> None:
        node = Path(f"/proc/{self._container().pid}/root/dev/loop-control")
        os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(10, 237))
        self._undo.append(node.unlink)

    def give_it_another_address(self) -> None:
        self._in_network("ip", "address", "add", "192.0.2.7/32", "dev", "lo")
        self._undo.append(lambda: self._in_network("ip", "address", "del", "192.0.2.7/32", "dev", "lo"))

    # Inside ----------------------------------------------------------------------------------------------------------

    def write_where_nothing_is_written(self) -> None:
        self._write_over("etc/motd.new")

    def run_a_package_manager(self) -> None:
        """One that finds its root read-only fails; so it is made writable first. What it leaves goes with the machine."""
        self._in_mounts("mount", "-o", "remount,rw", "/")
        self.podman.run("cp", package("otter-tools", self.stage.folder), f"{self.one}:/run/otter-tools.deb")
        self._exec("dpkg", "--install", "/run/otter-tools.deb")
        self._undo.append(self._make_it_anew)

    def put_a_link_over_a_folder(self) -> None:
        """To one that the host has, too."""
        link = self._container().upper / "srv"
        link.symlink_to("/tmp")
        self._undo.append(link.unlink)

    def edit_the_names_of_hosts(self) -> None:
        """podman's file, which lies over the image's own."""
        self._append(self._source("/etc/hosts"), "192.0.2.9 evil\n")

    def edit_what_the_machine_is_told(self) -> None:
        self._append(self._source("/run/stoneware/config.env"), "GREETING=evil\n")

    def mount_another_file_over_one(self) -> None:
        """In the place of what was there, not over it."""
        self._in_mounts("cp", "/etc/hosts", "/run/hosts")
        self._in_mounts("umount", "/etc/hosts")
        self._in_mounts("mount", "--bind", "/run/hosts", "/etc/hosts")
        self._undo.append(self._make_it_anew)

    def unmask_the_kernels_keys(self) -> None:
        self._in_mounts("umount", "/proc/keys")
        self._undo.append(self._make_it_anew)

    def make_the_kernels_settings_writable(self) -> None:
        self._in_mounts("mount", "-o", "remount,bind,rw", "/proc/sys")
        self._undo.append(lambda: self._in_mounts("mount", "-o", "remount,bind,ro", "/proc/sys"))

    def hide_in_namespaces_below(self) -> None:
        """Process numbers and mounts of his own, whose maker ends: no capability is needed for it."""
        self._start("unshare", "-U", "-p", "-m", "--fork", "sleep", "7777")
        self._await_program("unshare")
        self._exec("sh", "-c", "kill -9 $(pidof unshare)")
        self._undo.append(self._make_it_anew)

    def start_a_known_program_from_outside(self) -> None:
        settings = "events {} pid /run/n.pid; error_log /dev/null; http { access_log off; server { listen unix:/run/n.sock; } }"
        self._exec("sh", "-c", f"echo '{settings}' > /run/n.conf")
        self._start("/usr/sbin/nginx", "-c", "/run/n.conf")
        self._undo.append(self._make_it_anew)

    def take_a_process_out_of_its_limits(self) -> None:
        """Back it goes with its machine."""
        worker = [one.pid for one in processes_in(self._container().pid) if one.program == "/usr/sbin/nginx"][-1]
        groups = groups_of(worker)
        memory = next((key for key in groups if "memory" in key), ("",))
        above = Path("/sys/fs/cgroup") / (",".join(memory)) / groups[memory].lstrip("/")
        (Path("/sys/fs/cgroup") / ",".join(memory) / "cgroup.procs").write_text(str(worker))
        self._undo.append(lambda: (above / "cgroup.procs").write_text(str(worker)))

    def mount_over_a_folder(self) -> None:
        self._in_mounts("mount", "-t", "tmpfs", "none", "/usr/share")
        self._undo.append(lambda: self._in_mounts("umount", "/usr/share"))

    def open_a_port(self) -> None:
        self._start("python3", "-c", LISTENER)

    def stop_listening(self) -> None:
        self._exec("systemctl", "stop", "nginx.service")

    def start_a_unit(self) -> None:
        self._exec("systemd-run", "--unit=miner.service", "sleep", "600")
        self._undo.append(lambda: self._exec("systemctl", "stop", "miner.service"))

    def stop_a_unit(self) -> None:
        self._systemctl_stop("systemd-journald.service")

    def start_a_program(self) -> None:
        self._start("sleep", "600")

    def start_a_program_from_memory(self) -> None:
        self._exec("cp", "/usr/bin/sleep", "/run/x")
        self._start("/run/x", "600")
        self._undo.append(lambda: self._exec("rm", "-f", "/run/x"))

    def log_in(self) -> None:
        shell = subprocess.Popen(
            ["script", "-qec", " ".join(map(str, self.podman.words("exec", "-it", self.one, "sh"))), "/dev/null"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **self.podman.env()},
        )
        self._undo.append(lambda: (shell.communicate(b"exit\n", timeout=20), None))
