"""Hands to meddle with virtual machines: root of their host, and root inside them through a hole of the application's."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.tampering.hands import Hands
from tests.tampering.hole import through

from stoneware.engines.qemu.folder import Folder
from stoneware.engines.qemu.monitor import Monitor
from stoneware.engines.qemu.shell import CONTROL
from stoneware.model.machine import Ran

NO_MACHINE = ["qemu-system-x86_64", "-S", "-display", "none", "-nodefaults", "-m", "16"]


class MachineHands(Hands):
    """The same, where machines are QEMU's."""

    def _disk(self, name: str) -> Path:
        return self.home.disks / f"{name}.json"

    @property
    def _folder(self) -> Folder:
        return Folder(self.home.machines / self.one)

    @property
    def _monitor(self) -> Monitor:
        return Monitor(self._folder.path)

    @property
    def _pid(self) -> int:
        process = self._folder.process()
        assert process is not None, f"{self.one} doesn't run"
        return process[0]

    def _edit_machine(self, **changes: object) -> None:
        self._edit_json(self._folder.path / "machine.json", lambda body: body["wanted"].update(changes))

    def _kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def _hole(self, *words: str) -> Ran:
        """Runs a program in the machine."""
        address = next(one for one in self.stage.json("machine", "list") if one["name"] == self.one)["addresses"]["80"]
        return through(address, *words)

    def _in_hole(self, *words: str) -> str:
        """The same, of one that must end well: what it printed."""
        ran = self._hole(*words)
        assert ran.status == 0, f"{words} ended with {ran.status}: {ran.output}"
        return ran.output

    def _start(self, *words: str) -> None:
        """Starts a program that goes on, and whose parent is nobody."""
        quoted = " ".join(f"'{word}'" if "'" not in word else f'"{word}"' for word in words)
        pid = self._in_hole("sh", "-c", f"setsid {quoted} >/dev/null 2>&1 </dev/null & echo $!").strip()
        self._undo.append(lambda: self._in_hole("sh", "-c", f"kill -9 {pid}"))

    def _run_beside(self, name: str, index: int) -> None:
        """A machine of our kind: its record in a folder, and a QEMU that names that folder's file for its number."""
        folder = Folder(self.home.machines / name)
        body = json.loads((self._folder.path / "machine.json").read_bytes())
        body["wanted"] |= {"name": name, "index": index, "disks": []}
        folder.path.mkdir(mode=0o700)
        (folder.path / "machine.json").write_text(json.dumps(body))
        process = subprocess.Popen([*NO_MACHINE, "-pidfile", str(folder.pidfile)])
        while folder.process() is None:
            time.sleep(0.05)

        def end() -> None:
            process.kill()
            process.wait()
            for file in folder.path.iterdir():
                file.unlink()
            folder.path.rmdir()

        self._undo.append(end)

    def _control(self) -> socket.socket:
        """The port beside a console that was plugged in."""
        port = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        handle = os.open(self._folder.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            port.connect(f"/proc/self/fd/{handle}/{CONTROL}.sock")
        finally:
            os.close(handle)
        return port

    def _talk(self, *commands: tuple[str, dict[str, Any]]) -> None:
        """Words to QEMU's monitor, whose socket belongs to root of the host."""
        for command, arguments in commands:
            self._monitor.execute(command, **arguments)
