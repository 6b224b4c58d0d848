"""The switch of a version under load: does a request fail, and does one reach the old version after the switch is made?

The proxy is the product's own. Servers and clients are processes of their own, so that they wait for nobody but each other.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.ground import ROOT, Ground, free_port, say
from bench.registry import Figure, benchmark
from bench.verdict import Change, Request, parse, stale
from stoneware.host.home import Home
from stoneware.model.deployment import HealthSpec
from stoneware.model.probe import HttpProbe
from stoneware.model.route import Member, MemberState, Pool, Route, Slot
from stoneware.traffic.haproxy import HaproxySwitch

SERVICE = "bench.play"
MACHINES = 2
CLIENTS = 4
SWITCHES = 24
BETWEEN_S = 0.3
FEWEST_REQUESTS = 20_000
MOST_ROUNDS = 10
HEALTH = HealthSpec(http=HttpProbe(port=80, path="/"))
FLEETS: dict[Slot, str] = {"A": "bench-web-r1", "B": "bench-web-r2"}


@dataclass(frozen=True)
class Round:
    """A series of switches, and every request that was sent meanwhile."""

    requests: list[Request]
    changes: list[Change]

    @property
    def failures(self) -> list[Request]:
        return [request for request in self.requests if request.failed]

    @property
    def stale(self) -> list[Request]:
        return stale(self.requests, self.changes)


@benchmark("switch.failed", unit="requests", limit=0)
def failed(ground: Ground) -> Figure:
    """Requests that failed, of all that were sent."""
    rounds = ground.once("switching", lambda: _rounds(ground))
    return Figure([len(one.failures) for one in rounds], _detail(rounds, "failures"), counted=True)


@benchmark("switch.stale", unit="requests", limit=0)
def answered_by_the_old(ground: Ground) -> Figure:
    """Requests that were sent after a switch had returned, and answered by the version before."""
    rounds = ground.once("switching", lambda: _rounds(ground))
    return Figure([len(one.stale) for one in rounds], _detail(rounds, "stale"), counted=True)


def _rounds(ground: Ground) -> list[Round]:
    """At least three, and at least as many requests as the promise speaks of."""
    rounds: list[Round] = []
    wanted = ground.runs(3)
    while len(rounds) < wanted or sum(len(one.requests) for one in rounds) < FEWEST_REQUESTS:
        if len(rounds) >= MOST_ROUNDS:
            raise RuntimeError(f"only {sum(len(one.requests) for one in rounds)} requests in {MOST_ROUNDS} rounds")
        rounds.append(_round(ground.home))
        say(f"{len(rounds[-1].requests)} requests, {len(rounds[-1].changes)} switches")
    return rounds


def _round(home: Home) -> Round:
    listen = f"127.0.0.1:{free_port()}"
    with contextlib.ExitStack() as ending:
        route = Route(service=SERVICE, listen=listen, pools=_pools(ending), active="A", health=HEALTH)
        switch = HaproxySwitch(home)
        ending.callback(switch.remove, SERVICE)
        switch.apply(route)
        _await_all_up(switch)
        clients = [ending.enter_context(_process("bench.asker", listen)) for _ in range(CLIENTS)]
        changes = []
        time.sleep(1.0)  # clients are under way
        for number in range(SWITCHES):
            slot: Slot = "A" if number % 2 else "B"
            began = time.monotonic_ns()
            switch.apply(route.model_copy(update={"active": slot}))
            changes.append(Change(began, time.monotonic_ns(), FLEETS[slot]))
            time.sleep(BETWEEN_S)
        requests = [parse(line) for client in clients for line in client.communicate(timeout=60)[0].splitlines()]
    return Round(requests, changes)


def _pools(ending: contextlib.ExitStack) -> dict[Slot, Pool]:
    """Two pools of servers, each in a process of its own."""
    pools: dict[Slot, Pool] = {}
    for slot, fleet in FLEETS.items():
        members = []
        for number in range(MACHINES):
            backend = ending.enter_context(_process("bench.backend", fleet))
            port = backend.stdout.readline().strip() if backend.stdout else ""
            members.append(Member(machine=f"{fleet}-{number}", address=f"127.0.0.1:{port}"))
        pools[slot] = Pool(fleet=fleet, members=tuple(members))
    return pools


@contextlib.contextmanager
def _process(module: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """One of ours, ended afterwards. It ends by itself, too, when the pipe to it does."""
    argv = [sys.executable, "-m", module, *words]
    pipe = subprocess.PIPE
    # in a session of its own: a Ctrl-C is for us, and we end it
    with subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _await_all_up(switch: HaproxySwitch, limit_s: float = 30.0) -> None:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        view = switch.read(SERVICE)
        members = [member for pool in view.pools.values() for member in pool.members] if view else []
        if members and all(member.state is MemberState.UP for member in members):
            return
        time.sleep(0.05)
    raise RuntimeError("the proxy doesn't see every server up")


def _detail(rounds: list[Round], what: str) -> str:
    requests, switches = sum(len(one.requests) for one in rounds), sum(len(one.changes) for one in rounds)
    took = sorted((c.returned_ns - c.began_ns) / 1e6 for one in rounds for c in one.changes)
    wrong = [request.answer for one in rounds for request in getattr(one, what)]
    shown = f"; such as {wrong[0]}" if wrong else ""
    return (
        f"{requests} requests, {switches} switches of {took[len(took) // 2]:.0f} ms (median), {CLIENTS} clients{shown}"
    )
