"""A machine as files: a folder with its record, its sockets and its console. It is all that a restarted daemon needs.

QEMU writes and locks `qemu.pid` itself, so a second QEMU for the same machine can't start, and one that we lost sight of is
found again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stoneware.errors import Unreachable
from stoneware.host.files import write_atomic
from stoneware.host.process import end, start_ticks, wait_gone
from stoneware.host.records import read_record
from stoneware.host.run import spawn
from stoneware.model.machine import WantedMachine
from stoneware.model.noun import Noun


class MachineRecord(Noun):
    """What the machine was made from. `ports` maps guest ports to host ports; `on` is whether it is meant to run.

    `stopping_since` is set while it powers off in order.
    """

    wanted: WantedMachine
    ports: dict[int, int]
    created_at: float
    on: bool = True
    stopping_since: float | None = None


@dataclass(frozen=True)
class Folder:
    """The files of one machine."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def console(self) -> Path:
        return self.path / "console.log"

    @property
    def pidfile(self) -> Path:
        return self.path / "qemu.pid"

    @property
    def lock(self) -> Path:
        return self.path.parent / f".{self.name}.lock"

    def record(self) -> MachineRecord | None:
        """None when there is no such machine."""
        return read_record(self.path / "machine.json", MachineRecord)

    def save(self, record: MachineRecord) -> None:
        """Writes the record; it is the intent, and comes before the act."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        write_atomic(self.path / "machine.json", record.model_dump_json())

    def write(self, name: str, text: str) -> Path:
        """A file for QEMU to read, private to us."""
        write_atomic(self.path / name, text)
        return self.path / name

    def process(self) -> tuple[int, int] | None:
        """Pid and start time of this machine's QEMU; None when it doesn't run.

        A pid alone proves nothing: the process must name our own pidfile in its words.
        """
        try:
            pid = int(self.pidfile.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        ticks = start_ticks(pid)
        return (pid, ticks) if ticks is not None and os.fsencode(self.pidfile) in words else None

    def started_at(self) -> float | None:
        """When this machine's QEMU was started (seconds since the epoch): it writes its pidfile then."""
        try:
            return self.pidfile.stat().st_mtime
        except FileNotFoundError:
            return None

    def words(self) -> list[str] | None:
        """The words that its present run was started with; None for one of an earlier Stoneware, which didn't note them."""
        try:
            return [str(word) for word in json.loads((self.path / "words.json").read_bytes())]
        except FileNotFoundError:
            return None

    def console_from(self) -> int:
        """Where on the console the present run begins (bytes)."""
        try:
            return int((self.path / "console.from").read_text())
        except FileNotFoundError:
            return 0

    def end_process(self, grace_s: float) -> None:
        """Ends QEMU: in order within `grace_s` seconds, by force after."""
        found = self.process()
        if found:
            end(*found, grace_s=grace_s)

    def launch(self, words: Sequence[str], limit_s: float, pass_fds: Sequence[int] = ()) -> None:
        """Starts QEMU in a session of its own and waits until its sockets answer to a name. The guest boots on.

        `pass_fds` are open files that its words name as `/proc/self/fd/N`.

        Raises Unreachable with QEMU's own words when it ends before that.
        """
        for stale in (self.pidfile, *(self.path / f"{port}.sock" for port in ("monitor", "keeper", "tester"))):
            stale.unlink(missing_ok=True)
        self.write("words.json", json.dumps([str(word) for word in words]))
        self.write("console.from", str(self.console.stat().st_size if self.console.exists() else 0))
        log = self.path / "qemu.log"
        log.unlink(missing_ok=True)
        pid = spawn(words, log=log, cwd=self.path, pass_fds=pass_fds)
        until = time.monotonic() + limit_s
        while not (self.process() and (self.path / "monitor.sock").exists()):
            if start_ticks(pid) is None or time.monotonic() > until:
                self.end_process(0)
                raise Unreachable(
                    f"QEMU of {self.name} did not start: {log.read_text(errors='replace').strip()[-300:]}"
                )
            time.sleep(0.005)

    def wait_ended(self, timeout_s: float) -> bool:
        """Whether QEMU is gone within the time."""
        found = self.process()
        return found is None or wait_gone(*found, timeout_s)

    def open_files(self) -> list[str]:
        """What the running process has opened (paths): the host's own view of what a machine runs."""
        found = self.process()
        if found is None:
            return []
        paths = []
        for link in Path(f"/proc/{found[0]}/fd").iterdir():
            try:
                paths.append(str(link.readlink()))
            except OSError:
                continue  # closed while we looked
        return paths
