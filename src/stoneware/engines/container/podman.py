"""The door to podman: its command line, on a store that belongs to this home alone.

What podman says goes out as one of the three errors of an engine.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from stoneware.engines.container.networks import Networks, choose_networks, routed_subnets
from stoneware.engines.container.settings import HostFacts, containers_conf, look_at_host
from stoneware.errors import Misconfigured, Refused, ToolFailed, Unreachable
from stoneware.host.files import locked, write_atomic
from stoneware.host.home import Home
from stoneware.host.process import start_ticks
from stoneware.host.run import run
from stoneware.model.machine import Ran

LIMIT_S = 60.0
RUN_FOLDER = Path("/run/stoneware")
NOT_RUN = 125
"""podman's own exit status, when it did not come to the command (podman-exec(1))."""
LONGEST_OUTPUT = 16384
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
WONT_WORK = ("OCI runtime attempted to invoke", "image not known", "executable file", "not match", "unexpected EOF")
"""What podman says when the same call would fail again."""


@dataclass(frozen=True)
class Container:
    """A container as podman sees it. `state` is podman's word, `created_at` and `started_at` its texts (the latter unequal for
    each start), `image` the image's id (hex) and `image_name` what it was called. `root` is where its root file system is mounted
    on the host, `lower` the image's layers under it and `upper` what it has written over them, folders each (the lowest layer
    first). `helper` is the pidfile of its conmon, `runtime_config` what its runtime is told, `labels` what it was made with."""

    id: str
    name: str
    state: str
    started_at: str
    pid: int
    image: str
    image_name: str
    root: Path
    helper: Path
    runtime_config: Path
    stop_signal: int
    lower: tuple[Path, ...] = ()
    upper: Path = Path()
    labels: Mapping[str, str] = field(default_factory=dict)
    created_at: str = ""

    @property
    def running(self) -> bool:
        """Whether its first process is there: the one that podman names, in the container's own cgroup."""
        return self.running_since is not None

    @property
    def running_since(self) -> int | None:
        """The start time of that process, in clock ticks since the host's boot; None when it isn't there."""
        if not self.said_to_run or self.pid <= 0:
            return None
        ticks = start_ticks(self.pid)  # None: gone, or nobody has reaped it
        try:
            ours = ticks is not None and self.id in Path(f"/proc/{self.pid}/cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return ticks if ours else None

    @property
    def said_to_run(self) -> bool:
        """Whether podman believes that it runs, or is about to end."""
        return self.state in ("running", "stopping", "paused")

    @property
    def settled(self) -> bool:
        """Whether all that belonged to its last run has ended. Its conmon outlives that run for a moment, to have it
        cleaned up, and would clean up the next one as well."""
        try:
            pid = int(self.helper.read_text())
            return self.id not in Path(f"/proc/{pid}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return True


@dataclass(frozen=True)
class Sighting:
    """A container that ran when podman was asked, and when its first process had begun, in clock ticks since the host's boot."""

    container: Container
    ticks: int

    @property
    def goes_on(self) -> bool:
        """Whether it is in that very run still."""
        return self.container.running_since == self.ticks


class Podman:
    """Commands on our store. The first one writes podman's settings and our networks.

    `annex`, a few hex digits, is a store of its own beside it, which reads the images of ours and can't change them.
    """

    def __init__(self, home: Home, annex: str = "") -> None:
        self.home = home
        self.folder = home.containers
        self._annex = annex
        self._guard = threading.Lock()
        self._networks: Networks | None = None
        self._running: dict[str, Sighting] = {}

    @property
    def key(self) -> str:
        """Hex digits that stand for this home."""
        return hashlib.sha256(str(self.home.root.resolve()).encode()).hexdigest()

    @property
    def run_folder(self) -> Path:
        """podman's idea of what runs: not below the home, for podman allows 50 characters, and writes the path down."""
        return RUN_FOLDER / self.key[:12]

    def annex(self, name: str) -> Podman:
        """Another store, of the same settings and networks."""
        made = Podman(self.home, name)
        made._networks = self.networks()
        return made

    @property
    def store(self) -> Path:
        """Where images and containers are."""
        return self.folder / "annexes" / self._annex if self._annex else self.folder / "store"

    def words(self, *words: str | Path) -> list[str | Path]:
        """The whole command line of a podman command."""
        runs = self.run_folder / self._annex
        store: list[str | Path] = ["--root", self.store, "--runroot", runs / "run", "--tmpdir", runs / "libpod"]
        store += ["--network-config-dir", self.folder / "networks", "--storage-driver", "overlay"]
        if self._annex:
            store += ["--storage-opt", f"overlay.imagestore={self.folder / 'store'}"]
        return ["podman", *store, *words]

    def env(self) -> dict[str, str]:
        """What podman, and the helpers that outlive it, find their settings by."""
        return {"CONTAINERS_CONF": str(self.folder / "containers.conf")}

    def settings(self, network: str) -> str:
        """Other settings, by which containers that don't say otherwise are on this network (`none`: on none)."""
        return containers_conf(self.facts(), network)

    def run(
        self, *words: str | Path, timeout_s: float = LIMIT_S, ok: Sequence[int] = (0,), cwd: Path | None = None
    ) -> str:
        """Runs a command and returns what it wrote to stdout. Raises Unreachable, Refused or Misconfigured."""
        self.networks()
        try:
            # conmon stays where it was started, and notes there that a container ran out of memory
            where = cwd or self.folder
            return run(self.words(*words), timeout_s=timeout_s, env=self.env(), ok=ok, cwd=where).stdout
        except ToolFailed as failed:
            said = failed.tail.strip().removeprefix("Error: ")[-400:] or failed.message
            kind = Refused if any(sign in said for sign in WONT_WORK) else Unreachable
            raise kind(f"podman {words[0]}: {said}") from failed

    def containers(self, names: Sequence[str]) -> dict[str, Container]:
        """These containers, by name; those that don't exist are left out.

        podman takes its time to answer. So one that it said to run isn't asked for again while its first process is that process:
        all that is said of it here stays as it is for that long.
        """
        with self._guard:
            known = {name: one for name in names if (one := self._running.get(name))}
        found = {name: seen.container for name, seen in known.items() if seen.goes_on}
        asked = [name for name in names if name not in found]
        fresh = [_container(one) for one in self.inspect("container", *asked)] if asked else []
        running = {one.name: Sighting(one, ticks) for one in fresh if (ticks := one.running_since) is not None}
        with self._guard:
            for name in asked:
                self._running.pop(name, None)
            self._running.update(running)
        return {**found, **{one.name: one for one in fresh}}

    def inspect(self, kind: str, *names: str) -> list[dict[str, object]]:
        """What podman says of things of this kind (`container`, `image`); those that don't exist are left out."""
        # status 125 says that one of them isn't there, and the others are told all the same; or that nothing worked
        said = self.run(kind, "inspect", *names, ok=(0, 125))
        try:
            return [_dict(one) for one in json.loads(said)]
        except ValueError as broken:
            raise Unreachable(f"podman {kind} inspect answered nothing; see `podman info` on this host") from broken

    def remove(self, name: str, grace_s: int) -> None:
        """Ends and removes a container. Not there: success. Where podman had lost sight of a container's end, the first try
        fails and tells it; the second removes it."""
        words = ("rm", "--force", "--ignore", "--time", str(grace_s), name)
        try:
            self.run(*words)
        except Unreachable:
            self.run(*words)

    def execute(self, name: str, argv: Sequence[str], limit_s: float) -> Ran:
        """Runs a command in a container. Raises Unreachable when it doesn't run, or the command takes longer than `limit_s`."""
        self.networks()
        try:
            words, any_status = self.words("exec", name, *argv), range(256)
            most = 4 * LONGEST_OUTPUT  # bytes of a letter
            ended = run(words, timeout_s=limit_s, env=self.env(), ok=any_status, keep_bytes=most)
        except ToolFailed as failed:
            raise Unreachable(f"the command in {name} {failed.message}") from failed
        if ended.status == NOT_RUN:
            raise Unreachable(f"podman exec: {ended.tail.strip()[-400:]}")
        return Ran(status=ended.status, output=(ended.stdout or ended.tail)[:LONGEST_OUTPUT])

    def networks(self) -> Networks:
        """Our bridges, as files that podman reads. Chosen once in the life of a home."""
        with self._guard:
            if self._networks is None:
                self._networks = self._prepare()
            return self._networks

    def _prepare(self) -> Networks:
        if set(str(self.folder)) & set(":,"):
            raise Misconfigured(
                f"podman can't bind folders below {self.folder}", "a home without ':' and ',' in its path"
            )
        try:
            self.run_folder.parent.mkdir(exist_ok=True, mode=0o755)
            with locked(RUN_FOLDER / f".{self.run_folder.name}.lock"):
                self._forget_what_is_over()
            (self.folder / "networks").mkdir(parents=True, exist_ok=True, mode=0o700)
        except PermissionError as no:
            raise Misconfigured(f"containers need root: {no}", "run `stoneware serve` as root") from no
        with locked(self.folder / ".settings.lock"):
            write_if_changed(self.folder / "containers.conf", containers_conf(self.facts()))
            chosen = self._chosen()
            for network in (chosen.open, chosen.closed):
                write_if_changed(self.folder / "networks" / f"{network.name}.json", network.description())
        return chosen

    def _forget_what_is_over(self) -> None:
        """podman knows that the host was booted when its run folder is gone, which not every host's /run sees to. A home that
        was removed and made again begins anew as well."""
        boot, mark, store = BOOT_ID.read_text(), self.run_folder / "boot", self.folder / "store"
        if not mark.exists() or mark.read_text() != boot or not store.exists():
            store.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.rmtree(self.run_folder, ignore_errors=True)
            self.run_folder.mkdir(mode=0o700)
            write_atomic(mark, boot)

    def facts(self) -> HostFacts:
        """What this host can do. Raises Misconfigured when no runtime can work here."""
        facts = look_at_host()
        if facts.runtime is None:
            raise Misconfigured("no container runtime works here", "install runc", code="tool-missing")
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
    folders = _dict(driver["Data"])
    return Container(
        id=str(seen["Id"]),
        name=str(seen["Name"]),
        state=str(state["Status"]),
        started_at=str(state["StartedAt"]),
        pid=int(str(state["Pid"])),
        image=str(seen["Image"]),
        image_name=str(seen["ImageName"]),
        helper=Path(str(seen["ConmonPidFile"])),
        runtime_config=Path(str(seen.get("OCIConfigPath", ""))),
        root=Path(str(folders.get("MergedDir", ""))),
        stop_signal=int(str(config["StopSignal"])),
        lower=tuple(Path(folder) for folder in reversed(str(folders.get("LowerDir", "")).split(":"))),
        upper=Path(str(folders.get("UpperDir", ""))),
        labels={key: str(value) for key, value in _dict(config.get("Labels") or {}).items()},
        created_at=str(seen.get("Created", "")),
    )


def _dict(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Unreachable("podman's answer has another shape than expected")
    return value
