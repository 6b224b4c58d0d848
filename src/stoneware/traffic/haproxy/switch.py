"""The switch: files first, then the running proxy, so that a proxy that dies in between comes up with what was wanted.

Each service has a proxy process of its own. Two pools stand behind it for good; which one answers is one entry of a map,
changed by one command while everything runs. Machines come and go without a reload. Only another address or another check, or a
hand that meddled with the old one, needs a new process; a switch then waits until the old one has got its last request, for it
has a map of its own that no one changes. What it is in the middle of goes on there, for as long as the old side may finish.
Requests that it holds would wait there for a word that never comes, so what asks for a new process is compared with what the
running one was started with.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stoneware.errors import Misconfigured, StonewareError, Unreachable
from stoneware.host.files import locked, write_atomic
from stoneware.host.home import Home
from stoneware.host.records import read_record
from stoneware.host.run import run
from stoneware.model.finding import Finding
from stoneware.model.measure import Counters
from stoneware.model.route import PoolView, Route, RouteView
from stoneware.traffic.haproxy.config import (
    LAST_REQUEST_S,
    SLOTS,
    STATE,
    checking,
    config_text,
    health_of,
    state_map,
    view_of,
    word,
)
from stoneware.traffic.haproxy.counting import read_counters, sessions
from stoneware.traffic.haproxy.members import members_of, set_members
from stoneware.traffic.haproxy.process import LUA, Proxy, lua_text
from stoneware.traffic.haproxy.settings import wrong_settings
from stoneware.traffic.haproxy.strange import Seen, strange, untold, wrong_process

STARTED = "started.json"
"""The route that the running process was started with. A slot that is empty since keeps its check, whatever the route says."""

MODES = {"haproxy.cfg": 0o600, STATE: 0o644, LUA: 0o644, "route.json": 0o600}


class HaproxySwitch:
    """`home.traffic` holds a folder a service."""

    def __init__(self, home: Home) -> None:
        self.path = home.traffic

    def check(self) -> Sequence[Finding]:
        try:
            printed = run(["haproxy", "-vv"], timeout_s=10).stdout
        except StonewareError as missing:
            return [Finding(name="haproxy", level="fail", text=missing.message, next_step="install haproxy")]
        first = printed.splitlines()[0]
        if "+LUA" not in printed:
            return [
                Finding(
                    name="haproxy", level="fail", text=f"{first}: built without Lua", next_step="use Debian's haproxy"
                )
            ]
        return [Finding(name="haproxy", level="ok", text=first)]

    def apply(self, route: Route) -> None:
        folder = self.path / word(route.service)
        folder.mkdir(mode=0o700, exist_ok=True)
        with locked(self.path / f".{route.service}.lock"):
            before = _stored(folder)
            proxy = Proxy(folder)
            self._write(folder, route)
            running = proxy.processes()
            anew = running.serving is None or before is None or _needs_process(folder, before, route)
            if anew or _meddled_with(before or route, proxy):
                try:
                    _start(proxy, route)
                except StonewareError:
                    if before is not None:
                        self._write(folder, before)
                    else:
                        shutil.rmtree(folder)
                    raise
            for slot in SLOTS:
                set_members(proxy, slot, route.pools.get(slot), health_of(route, slot))
            self._set_state(proxy, route)

    def read(self, service: str) -> RouteView | None:
        folder = self.path / word(service)
        route = _stored(folder)
        if route is None:
            return None
        proxy = Proxy(folder)
        state, rows = _state(proxy), proxy.table("show stat")
        sticky = state.get("sticky") == "1"
        pools = {
            slot: PoolView(
                fleet=pool.fleet, members=members_of(rows, slot), sessions=sessions(proxy, slot) if sticky else 0
            )
            for slot, pool in route.pools.items()
        }
        found = strange(route, Seen(proxy, state, rows), self._files(route))
        return view_of(route, state, pools).model_copy(update={"strange": found, "untold": untold(route, state)})

    def services(self) -> Sequence[str]:
        """Those that have a route, or a proxy that serves."""
        folders = sorted(path for path in self.path.iterdir() if path.is_dir())
        return [one.name for one in folders if (one / "route.json").exists() or Proxy(one).processes().serving]

    def open_requests(self, service: str, fleet: str) -> int:
        view = self.read(service)
        slot = view.slot_of(fleet) if view else None
        return sum(member.open_requests for member in view.pools[slot].members) if view and slot else 0

    def counters(self, service: str) -> Mapping[str, Counters]:
        folder = self.path / word(service)
        return read_counters(Proxy(folder)) if _stored(folder) else {}

    def remove(self, service: str) -> None:
        folder = self.path / word(service)
        with locked(self.path / f".{service}.lock"):
            (folder / "route.json").unlink(missing_ok=True)
            Proxy(folder).stop()
            shutil.rmtree(folder, ignore_errors=True)
        (self.path / f".{service}.lock").unlink(missing_ok=True)

    def revive(self, before: Callable[[str], object] = lambda _: None) -> list[str]:
        """Starts every proxy that died, as its files say it was; `before` is told of each. Returns the services concerned."""
        revived = []
        for folder in sorted(path for path in self.path.iterdir() if path.is_dir()):
            route = _stored(folder)
            if route is not None and Proxy(folder).processes().serving is None:
                with locked(self.path / f".{folder.name}.lock"):
                    if _stored(folder) is not None and Proxy(folder).processes().serving is None:
                        before(folder.name)
                        _start(Proxy(folder), route)
                        revived.append(folder.name)
        return revived

    def _write(self, folder: Path, route: Route) -> None:
        """The files, where they aren't so: what a new proxy starts from, and the wanted route last."""
        wanted = {**self._files(route), "route.json": route.model_dump_json().encode()}
        for name, content in wanted.items():
            file = folder / name
            if not file.exists() or file.read_bytes() != content:
                write_atomic(file, content, MODES[name])

    def _files(self, route: Route) -> dict[str, bytes]:
        user = "    user nobody\n    group nogroup\n" if os.geteuid() == 0 else ""
        configuration = config_text(route, user).encode()
        return {"haproxy.cfg": configuration, STATE: state_map(route).encode(), LUA: lua_text()}

    def _set_state(self, proxy: Proxy, route: Route) -> None:
        """The switch itself: the whole map is replaced by one command."""
        text = state_map(route)
        wanted = dict(line.split() for line in text.splitlines())
        present = _state(proxy)
        if present == wanted:
            return
        if present.get("active") != wanted["active"] and proxy.may_get_old_requests(LAST_REQUEST_S):
            raise Unreachable(f"an old proxy process of {route.service} may still get requests")
        version = proxy.command(f"prepare map {STATE}").strip().rpartition(" ")[2]
        if not version.isdigit():
            raise Unreachable(f"the proxy of {route.service} takes no new map")
        lines = [f"add map @{version} {STATE} {line}" for line in text.splitlines()]
        answer = proxy.command(*lines, f"commit map @{version} {STATE}").strip()
        if answer:
            raise Unreachable(f"the proxy of {route.service} refused a change: {answer[:200]}")


def _state(proxy: Proxy) -> dict[str, str]:
    """The map as the running proxy has it."""
    return dict(line.split()[1:3] for line in proxy.command(f"show map {STATE}").splitlines() if line)


def _stored(folder: Path, name: str = "route.json") -> Route | None:
    """The route as it was set; None where there is none, or somebody has written into it: then it is to be set again."""
    try:
        return read_record(folder / name, Route)
    except Misconfigured:
        return None


def _meddled_with(route: Route, proxy: Proxy) -> bool:
    """Whether somebody set the running process otherwise than it was started for this route, or put another in its place."""
    return any(wrong_process(route, proxy)) or any(wrong_settings(route, proxy))


def _start(proxy: Proxy, route: Route) -> None:
    """The note comes after the start: without it, a proxy is at worst started once more."""
    proxy.start(route.listen)
    write_atomic(proxy.folder / STARTED, route.model_dump_json())


def _needs_process(folder: Path, before: Route, after: Route) -> bool:
    """Whether something changes that a running proxy can't take over: its address, or the check of a slot that is used.

    How long clients are remembered can wait, and does while requests are held: they would be left behind.
    """
    started = _stored(folder, STARTED) or before
    held = before.held or after.held
    if started.listen != after.listen or (started.session_idle_s != after.session_idle_s and not held):
        return True
    return any(checking(health_of(started, slot)) != checking(health_of(after, slot)) for slot in after.pools)
