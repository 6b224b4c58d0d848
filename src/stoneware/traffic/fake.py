"""A traffic switch in memory, with faults on demand. What a proxy would find out by itself it asks `healthy(address)`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter

from stoneware.errors import EngineError, Unreachable
from stoneware.host.files import write_atomic
from stoneware.model.finding import Finding
from stoneware.model.measure import Counters
from stoneware.model.route import MemberState, MemberView, PoolView, Route, RouteView

_ROUTES = TypeAdapter(dict[str, Route])


class FakeSwitch:
    """`fail_next`, `effects` and `on_effect` are those of the fake engine, `state` is the file in which it outlives its
    process. `open` holds open requests by fleet, `counted` what machines answered, by name."""

    def __init__(self, healthy: Callable[[str], bool], *, state: Path | None = None) -> None:
        self.healthy = healthy
        self.open: dict[str, int] = {}
        self.counted: dict[str, Counters] = {}
        self.effects: list[tuple[str, str]] = []
        self.on_effect: Callable[[str, str, str], None] = lambda *_: None
        self._file = state
        self._routes = _ROUTES.validate_json(state.read_bytes()) if state and state.exists() else {}
        self._faults: list[tuple[str, EngineError, bool]] = []
        self._lock = threading.RLock()

    def fail_next(self, method: str, error: EngineError, times: int = 1, after_effect: bool = False) -> None:
        """The next calls of a method raise. `after_effect`: what was asked happens, only the reply is lost."""
        self._faults += [(method, error, after_effect)] * times

    def check(self) -> Sequence[Finding]:
        return [Finding(name="fake switch", level="ok", text="in memory; no request is passed on")]

    def apply(self, route: Route) -> None:
        with self._effect("apply", route.service):
            if self._routes.get(route.service) != route:
                self._routes[route.service] = route
                self._save()
                shares = "".join(f" {slot}:{percent}" for slot, percent in sorted(route.shares.items()))
                self.effects.append(
                    ("apply", f"{route.service} {route.active}{shares} {'held' if route.held else 'open'}")
                )

    def read(self, service: str) -> RouteView | None:
        self._maybe_fail("read", after=False)
        return self.view(service)

    def open_requests(self, service: str, fleet: str) -> int:
        return self.open.get(fleet, 0)

    def counters(self, service: str) -> Mapping[str, Counters]:
        self._maybe_fail("counters", after=False)
        route = self._routes.get(service)
        members = [m.machine for pool in route.pools.values() for m in pool.members] if route else []
        return {name: self.counted.get(name, Counters()) for name in members}

    def remove(self, service: str) -> None:
        with self._effect("remove", service):
            if self._routes.pop(service, None):
                self._save()
                self.effects.append(("remove", service))

    def view(self, service: str) -> RouteView | None:
        """What is in force, whatever is scripted: for those who check, not for those who are tested."""
        with self._lock:
            route = self._routes.get(service)
            return self._view(route) if route else None

    def services(self) -> Sequence[str]:
        return sorted(self._routes)

    def _save(self) -> None:
        if self._file:
            write_atomic(self._file, _ROUTES.dump_json(self._routes))

    def _view(self, route: Route) -> RouteView:
        pools = {
            slot: PoolView(
                fleet=pool.fleet,
                members=tuple(
                    MemberView(
                        machine=m.machine,
                        address=m.address,
                        state=MemberState.UP if self.healthy(m.address) else MemberState.DOWN,
                        draining=m.draining,
                    )
                    for m in pool.members
                ),
            )
            for slot, pool in route.pools.items()
        }
        return RouteView(
            service=route.service,
            listen=route.listen,
            active=route.active,
            shares=route.shares,
            staying=route.staying,
            held=route.held,
            sticky=route.sticky,
            pools=pools,
        )

    @contextmanager
    def _effect(self, verb: str, name: str) -> Iterator[None]:
        self._maybe_fail(verb, after=False)
        self.on_effect("before", verb, name)
        with self._lock:
            yield
        self.on_effect("after", verb, name)
        self._maybe_fail(verb, after=True)

    def _maybe_fail(self, verb: str, *, after: bool) -> None:
        for fault in self._faults:
            if fault[0] == verb and fault[2] is after:
                self._faults.remove(fault)
                raise fault[1] if not after else Unreachable(f"the reply to {verb} was lost")
