"""The switch: files first, then the running proxy, so that a proxy that dies in between comes up with what was wanted.

Each service has a proxy process of its own. Two pools stand behind it for good; which one answers is one entry of a map,
changed by one command while everything runs. Machines come and go without a reload. Only another address or another check
needs a new process; a switch then waits until the old process has finished, for it has a map of its own that no one changes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from stoneware.errors import StonewareError, Unreachable
from stoneware.host.files import locked, write_atomic
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.finding import Finding
from stoneware.model.route import PoolView, Route, RouteView
from stoneware.traffic.haproxy.config import SLOTS, STATE, config_text, health_of, state_map, word
from stoneware.traffic.haproxy.members import members_of, set_members
from stoneware.traffic.haproxy.process import Proxy


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
            if before != route:
                self._write(folder, route)
            running = proxy.processes()
            if running.serving is None or before is None or _needs_process(before, route):
                try:
                    proxy.start(route.listen)
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
        state = dict(line.split()[1:3] for line in proxy.command(f"show map {STATE}").splitlines() if line)
        rows = proxy.table("show stat")
        active = state.get("active")
        pools = {slot: PoolView(fleet=pool.fleet, members=members_of(rows, slot)) for slot, pool in route.pools.items()}
        return RouteView(
            service=service,
            listen=route.listen,
            active=next((slot for slot in SLOTS if slot == active), None),
            held=state.get("held") == "1",
            pools=pools,
        )

    def open_requests(self, service: str, fleet: str) -> int:
        view = self.read(service)
        slot = view.slot_of(fleet) if view else None
        return sum(member.open_requests for member in view.pools[slot].members) if view and slot else 0

    def remove(self, service: str) -> None:
        folder = self.path / word(service)
        with locked(self.path / f".{service}.lock"):
            (folder / "route.json").unlink(missing_ok=True)
            Proxy(folder).stop()
            shutil.rmtree(folder, ignore_errors=True)
        (self.path / f".{service}.lock").unlink(missing_ok=True)

    def revive(self) -> list[str]:
        """Starts every proxy that died, as its files say it was. Returns the services concerned."""
        revived = []
        for folder in sorted(path for path in self.path.iterdir() if path.is_dir()):
            route = _stored(folder)
            if route is not None and Proxy(folder).processes().serving is None:
                with locked(self.path / f".{folder.name}.lock"):
                    if _stored(folder) is not None and Proxy(folder).processes().serving is None:
                        Proxy(folder).start(route.listen)
                        revived.append(folder.name)
        return revived

    def _write(self, folder: Path, route: Route) -> None:
        """The files: the wanted route, and what a new proxy starts from."""
        user = "    user nobody\n    group nogroup\n" if os.geteuid() == 0 else ""
        write_atomic(folder / "haproxy.cfg", config_text(route, user), 0o600)
        write_atomic(folder / STATE, state_map(route), 0o644)
        write_atomic(folder / "route.json", route.model_dump_json())

    def _set_state(self, proxy: Proxy, route: Route) -> None:
        """The switch itself. A hold begins before the active pool changes, and ends after."""
        wanted = dict(line.split() for line in state_map(route).splitlines())
        present = dict(line.split()[1:3] for line in proxy.command(f"show map {STATE}").splitlines() if line)
        order = ["hold_limit_ms", "held", "active"] if route.held else ["hold_limit_ms", "active", "held"]
        changes = [key for key in order if present.get(key) != wanted[key]]
        if "active" in changes and proxy.processes().finishing:
            raise Unreachable(f"an old proxy process of {route.service} still finishes its connections")
        for key in changes:
            answer = proxy.command(f"set map {STATE} {key} {wanted[key]}").strip()
            if answer:
                raise Unreachable(f"the proxy of {route.service} refused a change: {answer[:200]}")


def _stored(folder: Path) -> Route | None:
    try:
        return Route.model_validate_json((folder / "route.json").read_bytes())
    except FileNotFoundError:
        return None


def _needs_process(before: Route, after: Route) -> bool:
    """Whether something changes that a running proxy can't take over: its address, or the check of a slot."""
    return before.listen != after.listen or any(health_of(before, s) != health_of(after, s) for s in SLOTS)
