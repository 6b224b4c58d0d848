"""The door to podman: its command line, on a store that belongs to this home alone.

What podman says goes out as one of the three errors of an engine.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from stoneware.engines.container.networks import Networks, choose_networks, routed_subnets
from stoneware.engines.container.settings import HostFacts, containers_conf, look_at_host
from stoneware.errors import Misconfigured, Refused, ToolFailed, Unreachable
from stoneware.host.files import locked, write_atomic
from stoneware.host.home import Home
from stoneware.host.run import run

LIMIT_S = 60.0
RUN_FOLDER = Path("/run/stoneware")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
WONT_WORK = ("OCI runtime attempted to invoke", "no such image", "image not known", "executable file")
"""What podman says when the same call would fail again."""


@dataclass(frozen=True)
class Container:
    """A container as podman sees it. `state` is podman's word, `started_at` its text (unequal for each start), `image` the
    image's id (hex), `root` where its root file system is mounted on the host."""

    id: str
    name: str
    state: str
    started_at: str
    pid: int
    image: str
    root: Path
    stop_signal: int

    @property
    def running(self) -> bool:
        """Whether its first process is there: the one that podman names, in the container's own cgroup."""
        if self.state not in ("running", "stopping", "paused") or self.pid <= 0:
            return False
        try:
            return self.id in Path(f"/proc/{self.pid}/cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False


class Podman:
    """Commands on our store. The first one writes podman's settings and our networks."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.folder = home.containers
        self._guard = threading.Lock()
        self._networks: Networks | None = None

    @property
    def key(self) -> str:
        """Hex digits that stand for this home."""
        return hashlib.sha256(str(self.home.root.resolve()).encode()).hexdigest()

    @property
    def run_folder(self) -> Path:
        """podman's idea of what runs. It is short, for podman allows 50 characters, and new after each boot of the host, so
        that podman knows that nothing runs any more."""
        boot = hashlib.sha256(f"{self.key} {BOOT_ID.read_text()}".encode()).hexdigest()
        return RUN_FOLDER / boot[:12]

    def words(self, *words: str | Path) -> list[str | Path]:
        """The whole command line of a podman command."""
        store: list[str | Path] = ["--root", self.folder / "store", "--runroot", self.run_folder / "run"]
        store += ["--tmpdir", self.run_folder / "libpod", "--network-config-dir", self.folder / "networks"]
        return ["podman", *store, "--storage-driver", "overlay", *words]

    def env(self) -> dict[str, str]:
        """What podman, and the helpers that outlive it, find their settings by."""
        return {"CONTAINERS_CONF": str(self.folder / "containers.conf")}

    def run(
        self, *words: str | Path, timeout_s: float = LIMIT_S, ok: Sequence[int] = (0,), cwd: Path | None = None
    ) -> str:
        """Runs a command and returns what it wrote to stdout. Raises Unreachable, Refused or Misconfigured."""
        self.networks()
        try:
            return run(self.words(*words), timeout_s=timeout_s, env=self.env(), ok=ok, cwd=cwd).stdout
        except ToolFailed as failed:
            said = failed.tail.strip().removeprefix("Error: ")[-400:] or failed.message
            kind = Refused if any(sign in said for sign in WONT_WORK) else Unreachable
            raise kind(f"podman {words[0]}: {said}") from failed

    def containers(self, names: Sequence[str]) -> dict[str, Container]:
        """These containers, by name; those that don't exist are left out."""
        if not names:
            return {}
        # status 125: one of them isn't there; the others are told all the same
        listed = json.loads(self.run("container", "inspect", *names, ok=(0, 125)) or "[]")
        found = [_container(one) for one in listed]
        return {one.name: one for one in found}

    def networks(self) -> Networks:
        """Our bridges, as files that podman reads. Chosen once in the life of a home."""
        with self._guard:
            if self._networks is None:
                self._networks = self._prepare()
            return self._networks

    def _prepare(self) -> Networks:
        try:
            self.run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.folder / "networks").mkdir(parents=True, exist_ok=True, mode=0o700)
        except PermissionError as no:
            raise Misconfigured(f"containers need root: {no}", "run `stoneware serve` as root") from no
        with locked(self.folder / ".settings.lock"):
            write_if_changed(self.folder / "containers.conf", containers_conf(self.facts()))
            chosen = self._chosen()
            for network in (chosen.open, chosen.closed):
                write_if_changed(self.folder / "networks" / f"{network.name}.json", network.description())
        return chosen

    def facts(self) -> HostFacts:
        """What this host can do. Raises Misconfigured when no runtime can work here."""
        facts = look_at_host()
        if facts.runtime is None:
            raise Misconfigured("no container runtime works here", "install runc")
        return facts

    def _chosen(self) -> Networks:
        file = self.folder / "networks.json"
        try:
            return Networks.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            chosen = choose_networks(self.key, routed_subnets())
            write_atomic(file, chosen.model_dump_json())
            return chosen
        except ValidationError as broken:
            raise Misconfigured(f"{file} can't be read: {broken}", "put it right; its subnets are in use") from broken


def write_if_changed(path: Path, text: str) -> None:
    """Leaves a file alone that says this already: others may be reading it."""
    if not path.exists() or path.read_text() != text:
        write_atomic(path, text)


def _container(seen: dict[str, object]) -> Container:
    state, config, driver = (_dict(seen[key]) for key in ("State", "Config", "GraphDriver"))
    return Container(
        id=str(seen["Id"]),
        name=str(seen["Name"]),
        state=str(state["Status"]),
        started_at=str(state["StartedAt"]),
        pid=int(str(state["Pid"])),
        image=str(seen["Image"]),
        root=Path(str(_dict(driver["Data"]).get("MergedDir", ""))),
        stop_signal=int(str(config["StopSignal"])),
    )


def _dict(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Unreachable("podman's answer has another shape than expected")
    return value
