"""One proxy process: its folder, its runtime socket, its life. It is a session of its own and outlives the daemon."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import socket
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from stoneware.errors import Refused, Unreachable
from stoneware.host.files import write_atomic
from stoneware.host.process import end, is_alive, start_ticks
from stoneware.host.records import read_record
from stoneware.host.run import spawn
from stoneware.model.noun import Noun

ANSWER_LIMIT_S = 5.0
START_LIMIT_S = 10.0
LUA = "hold.lua"
"""What the proxy runs for requests that wait."""


def lua_text() -> bytes:
    """It as it is to be."""
    return files("stoneware.traffic.haproxy").joinpath(LUA).read_bytes()


class Processes(Noun):
    """The proxy that serves, and those that it replaced and that still finish connections: (pid, start time). `rules` are what its
    conditions compared with when it started; empty where an older Stoneware started it.
    """

    serving: tuple[int, int] | None = None
    finishing: tuple[tuple[int, int], ...] = ()
    rules: str = ""


@dataclass(frozen=True)
class Proxy:
    """The proxy of one service. Its folder holds everything that it needs to come up as it was."""

    folder: Path

    def processes(self) -> Processes:
        """Those that are alive."""
        known = read_record(self.folder / "processes.json", Processes) or Processes()
        serving = known.serving if known.serving and is_alive(*known.serving) else None
        finishing = tuple(p for p in known.finishing if is_alive(*p))
        return Processes(serving=serving, finishing=finishing, rules=known.rules)

    def may_get_old_requests(self, within_s: float) -> bool:
        """Whether one that was replaced is alive, and was replaced less than this ago (seconds)."""
        finishing = self.processes().finishing
        return bool(finishing) and abs(time.time() - (self.folder / "processes.json").stat().st_mtime) < within_s

    def start(self, listen: str) -> None:
        """Starts the proxy; where one serves, the new one takes over its sockets and the old one finishes.

        Raises Refused with the proxy's own words when it doesn't come up, and then the old one serves on.
        """
        before = self.processes()
        write_atomic(self.folder / LUA, lua_text(), 0o644)
        words: list[str | Path] = ["haproxy", "-db", "-f", "haproxy.cfg"]
        if before.serving:
            words += ["-x", "admin.sock", "-sf", str(before.serving[0])]
        log = self.folder / "haproxy.log"
        log.unlink(missing_ok=True)
        pid = spawn(words, log=log, cwd=self.folder)
        ticks = start_ticks(pid)
        finishing = (*before.finishing, *([before.serving] if before.serving else []))
        now = Processes(serving=(pid, ticks) if ticks is not None else None, finishing=finishing)
        if ticks is not None:
            write_atomic(self.folder / "processes.json", now.model_dump_json())
        until = time.monotonic() + START_LIMIT_S
        while ticks is not None and is_alive(pid, ticks):
            if self._answers_as(pid):
                settled = now.model_copy(update={"rules": self.rules()})
                write_atomic(self.folder / "processes.json", settled.model_dump_json())
                return
            if time.monotonic() > until:
                end(pid, ticks)
            time.sleep(0.01)
        write_atomic(self.folder / "processes.json", before.model_dump_json())
        said = [line for line in log.read_text(errors="replace").splitlines() if "ALERT" in line] or ["no words"]
        raise Refused(
            f"the proxy for {listen} doesn't start: {said[0][-200:]}",
            "free that address, or listen at another",
            code="address-taken",
        )

    def stop(self) -> None:
        """Ends every process of this proxy."""
        known = self.processes()
        for process in (*known.finishing, *([known.serving] if known.serving else [])):
            end(*process, grace_s=0.2)

    def command(self, *lines: str) -> str:
        """Runtime commands, run one after the other in one go; their answer. Raises Unreachable."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(ANSWER_LIMIT_S)
                handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    connection.connect(f"/proc/self/fd/{handle}/admin.sock")
                finally:
                    os.close(handle)
                connection.sendall((";".join(lines) + "\n").encode())
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while chunk := connection.recv(65536):
                    answer += chunk
        except OSError as away:
            raise Unreachable(f"the proxy of {self.folder.name} doesn't answer: {away}") from away
        return answer.decode("utf-8", "replace")

    def table(self, command: str) -> list[dict[str, str]]:
        """The answer of a command that speaks CSV, such as `show stat`."""
        return list(csv.DictReader(io.StringIO(self.command(command).removeprefix("# "))))

    def facts(self, command: str) -> dict[str, str]:
        """The answer of a command that speaks in lines of `NAME: VALUE`, such as `show info`."""
        parts = (line.partition(":") for line in self.command(command).splitlines())
        return {name.strip(): value.strip() for name, colon, value in parts if colon}

    def servers(self) -> list[dict[str, str]]:
        """Every machine as `show servers state` has it, by column."""
        _, columns, *rows = [line.split() for line in self.command("show servers state").splitlines() if line.strip()]
        return [dict(zip(columns[1:], row, strict=False)) for row in rows]

    def rules(self) -> str:
        """The patterns of all conditions, as one digest: the socket can change those, too."""
        known = [line.split()[0] for line in self.command("show acl").splitlines() if line[:1].isdecimal()]
        told = self.command(*(f"show acl #{number}" for number in known))
        patterns = "\n".join(line.partition(" ")[2] for line in told.splitlines())  # behind an address in memory
        return hashlib.sha256(patterns.encode()).hexdigest()

    def _answers_as(self, pid: int) -> bool:
        try:
            return f"Pid: {pid}\n" in self.command("show info")
        except Unreachable:
            return False
