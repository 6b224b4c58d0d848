"""Hands to meddle with containers, as root of their host."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.tampering.hands import DEPLOYMENT, Hands

from stoneware.engines.container.podman import Container, Podman
from stoneware.engines.container.processes import processes_in


class ContainerHands(Hands):
    """The same, where machines are podman's."""

    engine = "container"

    @property
    def podman(self) -> Podman:
        return Podman(self.home)

    def _container(self) -> Container:
        return self.podman.containers([self.one])[self.one]

    def _disk(self, name: str) -> Path:
        return self.home.containers / "disks" / f"{name}.json"

    def _of_disk(self, body: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = body["disk"]
        return found

    def _edit_machine(self, **changes: object) -> None:
        path = self.home.containers / "machines" / self.one / "machine.json"
        self._edit_json(path, lambda body: body["wanted"].update(changes))

    def _limit(self, old: str, old_value: object, new: str, new_value: str) -> None:
        """Writes to the container's control group, of version 1 or 2."""
        container = self._container()
        lines = Path(f"/proc/{container.pid}/cgroup").read_text().splitlines()
        places = []
        for controllers, path in (line.split(":", 2)[1:] for line in lines):
            own = path.partition(container.id)[0] + container.id + path.partition(container.id)[2].partition("/")[0]
            places.append((Path(f"/sys/fs/cgroup/{controllers}{own}/{old}"), str(old_value)))
            places.append((Path(f"/sys/fs/cgroup{own}/{new}"), new_value))
        path, value = next((path, value) for path, value in places if path.exists())
        before = path.read_text()
        path.write_text(value)
        self._undo.append(lambda: path.write_text(before))

    def _run_beside(self, name: str) -> None:
        labels = {"owner": DEPLOYMENT, "group": "web", "fleet": "1", "index": "7", "digest": self._digest}
        words = [word for key, value in labels.items() for word in ("--label", f"org.stoneware.{key}={value}")]
        image = self._container().image
        self.podman.run("run", "--detach", "--network", "none", "--name", name, *words, image, "sleep", "600")
        self._undo.append(lambda: self.podman.run("rm", "--force", "--time", "0", name))

    def _write_over(self, path: str) -> None:
        """Into the layer over the image, where a process in the container would write, if its root weren't read-only."""
        upper = self._container().upper
        file = upper / path
        made = [folder for folder in file.parents if folder.is_relative_to(upper) and not folder.exists()]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
        self._undo += [*(folder.rmdir for folder in reversed(made)), file.unlink]

    def _source(self, where: str) -> Path:
        """The host's file that is mounted at a place of the machine."""
        told = json.loads(self._container().runtime_config.read_bytes())
        return next(Path(one["source"]) for one in told["mounts"] if one["destination"] == where)

    def _append(self, file: Path, text: str) -> None:
        """The file is the same as before afterwards, and the machine is made anew: that it was written to stays."""
        before = file.read_bytes()
        file.write_bytes(before + text.encode())
        self._undo += [self._make_it_anew, lambda: file.write_bytes(before)]

    def kill_it(self) -> None:
        os.kill(self._container().pid, signal.SIGKILL)

    def _make_it_anew(self) -> None:
        """Waits until its daemon has made another of it, as it does for whoever was in one: the pauses between repairs of a
        machine that dies again and again would soon be longer than a row."""
        before = self._container()
        self.be_let_in()
        until = time.monotonic() + 60
        while (now := self.podman.containers([self.one]).get(self.one)) is None or now.pid in (0, before.pid):
            assert time.monotonic() < until, f"{self.one} isn't made anew"
            time.sleep(0.2)

    def _in_network(self, *words: str) -> None:
        subprocess.run(["nsenter", "-n", "-t", str(self._container().pid), *words], check=True, timeout=30)

    def _in_mounts(self, *words: str) -> None:
        """With its process numbers, for the tools that mount look into /proc."""
        subprocess.run(["nsenter", "-m", "-p", "-t", str(self._container().pid), *words], check=True, timeout=30)

    def _exec(self, *words: str) -> None:
        self.podman.run("exec", self.one, *words)

    def _start(self, *words: str) -> None:
        """Starts a program that nobody outside is the parent of, as an intruder does it."""
        quoted = " ".join(f"'{word}'" if " " not in word else f'"{word}"' for word in words)
        self._exec("sh", "-c", f"(setsid {quoted} >/dev/null 2>&1 </dev/null &)")
        mark = words[-1].encode()
        self._undo.append(lambda: self._end(mark))

    def _await_program(self, name: str) -> None:
        """Waits until somebody in the machine runs it."""
        until = time.monotonic() + 10
        while not any(one.program.endswith(f"/{name}") for one in processes_in(self._container().pid)):
            assert time.monotonic() < until, f"nobody runs {name}"
            time.sleep(0.05)

    def _end(self, mark: bytes) -> None:
        first = Path(f"/proc/{self._container().pid}/ns/pid").readlink()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            with contextlib.suppress(OSError):
                inside = (entry / "ns/pid").readlink() == first
                if inside and mark in (entry / "cmdline").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)

    def _systemctl_stop(self, unit: str) -> None:
        sockets = [f"{Path(unit).stem}{kind}" for kind in (".socket", "-dev-log.socket", "-audit.socket")]
        units = [unit, *(sockets if "journald" in unit else ())]
        with contextlib.suppress(Exception):
            self._exec("systemctl", "stop", *units)
        self._undo.append(lambda: self._exec("systemctl", "start", unit))
