"""A service's proxy configuration and its map as text: functions of the route alone.

Names and addresses come from checked nouns; everything is checked once more here, because a configuration has no quoting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from stoneware.errors import Refused
from stoneware.model.deployment import HealthSpec
from stoneware.model.measure import BOUNDS_MS
from stoneware.model.route import Pool, PoolView, Route, RouteView, Slot
from stoneware.traffic.haproxy.templates import DEFAULTS, FRONTEND, GLOBAL, MAXCONN

SLOTS: tuple[Slot, ...] = ("A", "B", "C")
TIMES = "times"
"""The table that counts how long answers took, a row a machine."""
STATE = "state.map"
"""The file of the map, and its name on the runtime socket."""
LAST_REQUEST_S = 10
"""How long after its replacement a proxy may still get a request: from a client that keeps its connection, which then ends.
Nobody keeps one for longer (`timeout http-keep-alive`)."""

_WORD = re.compile(r"^[A-Za-z0-9._:*-]+$")
_PATH = re.compile(r"^/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$")


def word(text: str) -> str:
    """Lets through what can stand in a configuration as one word. Raises Refused."""
    if not _WORD.fullmatch(text):
        raise Refused(f"{text!r} can't be a name or address in a proxy configuration")
    return text


def health_of(route: Route, slot: Slot) -> HealthSpec:
    """How the machines of a slot are checked."""
    pool = route.pools.get(slot)
    return (pool.health if pool else None) or route.health


def state_map(route: Route) -> str:
    """The map that decides about each request: who is active, who has a share, who is held, whose clients stay.

    The words before `_below` name a pool even where there is no share: a request that is decided just while the map changes finds
    a pool in every mixture of old and new.
    """
    pair = [*((slot, route.shares[slot]) for slot in sorted(route.shares)), *[(route.active or "A", 0)] * 2][:2]
    (first, share), (second, more) = pair
    state: dict[str, str | int] = {
        "active": route.active or "none",
        "held": int(route.held),
        "hold_limit_ms": round(route.hold_limit_s * 1000),
        "sticky": int(route.sticky),
        "first": first,
        "first_below": share,
        "second": second,
        "second_below": share + more,
    }
    welcome = {route.active, *route.shares, *route.staying}
    for slot, pool in sorted(route.pools.items()):
        state[f"label_{slot}"] = word(pool.fleet)
        if slot in welcome:
            state[f"client:{pool.fleet}"] = slot
    return "".join(f"{key} {value}\n" for key, value in state.items())


def view_of(route: Route, state: Mapping[str, str], pools: dict[Slot, PoolView]) -> RouteView:
    """What a map that is in force means; the inverse of `state_map`."""
    share, both = int(state.get("first_below", "0")), int(state.get("second_below", "0"))
    shares = {state.get("first"): share, state.get("second"): both - share}
    met = {slot for key, slot in state.items() if key.startswith("client:")}
    known = {slot: shares.get(slot, 0) for slot in SLOTS}
    active = next((slot for slot in SLOTS if slot == state.get("active")), None)
    return RouteView(
        service=route.service,
        listen=route.listen,
        active=active,
        shares={slot: percent for slot, percent in known.items() if percent > 0},
        staying=tuple(slot for slot in SLOTS if slot in met and slot != active and known[slot] == 0),
        held=state.get("held") == "1",
        sticky=state.get("sticky") == "1",
        pools=pools,
    )


def server_options(health: HealthSpec) -> str:
    """How one machine is checked. A machine on its way up or down is asked more often than one that is settled."""
    inter = round(health.interval * 1000)
    quick = min(inter, 200)
    return (
        f"check inter {inter} fastinter {quick} downinter {quick} rise {health.up} fall {health.down} "
        "observe layer4 error-limit 3 on-error mark-down"
    )


def checking(health: HealthSpec) -> tuple[str, ...]:
    """All that a proxy knows of a health: how machines are checked. Two that are equal here make no difference to it."""
    asked = (health.http.path, str(health.http.status)) if health.http else ()
    return (server_options(health), f"{round(health.timeout * 1000)}ms", *asked)


def config_text(route: Route, user: str) -> str:
    """The whole configuration of one service. It holds the pools as they are, so that a proxy that died comes up right.

    Files are named as seen from the proxy's own folder, in which it runs: whatever that folder is called, and however long.
    """
    hard_stop = max(LAST_REQUEST_S, round(route.finish_s))
    parts = [GLOBAL.format(state=STATE, user=user, maxconn=MAXCONN, hard_stop=hard_stop), DEFAULTS]
    listen, cookie = word(route.listen.replace("localhost:", "127.0.0.1:")), cookie_name(route.service)
    parts.append(FRONTEND.format(listen=listen, state=STATE, cookie=cookie))
    parts += [_backend(route, slot) for slot in SLOTS]
    parts.append(f"backend {TIMES}\n    stick-table type string len 64 size 10k store gpc({len(BOUNDS_MS) + 1})\n")
    return "\n".join(parts)


def cookie_name(service: str) -> str:
    """A cookie is for all ports of a host, so it has the service's name."""
    return f"stoneware.{word(service)}"


def _backend(route: Route, slot: Slot) -> str:
    health = health_of(route, slot)
    lines = [
        f"backend {slot}",
        "    balance leastconn",
        f"    timeout check {round(health.timeout * 1000)}ms",
        f"    stick-table type string len 100 size 100k expire {round(route.session_idle_s)}s",
        f"    http-request track-sc1 req.cook({cookie_name(route.service)}) if {{ var(txn.stays) -m bool }}",
        f"    http-response track-sc0 srv_name table {TIMES}",
        "    http-response set-var(txn.took) date(0,us),sub(txn.began)",
        "    http-response sc-inc-gpc(0,0)",
    ]
    lines += [
        f"    http-response sc-inc-gpc({i},0) if {{ var(txn.took) -m int lt {bound * 1000} }}"
        for i, bound in enumerate(BOUNDS_MS, 1)
    ]
    if health.http:
        if not _PATH.fullmatch(health.http.path):
            raise Refused(f"{health.http.path!r} can't be a path in a proxy configuration")
        path = health.http.path.replace("'", "\\'")  # it would begin a quotation
        lines += [
            "    option httpchk",
            f"    http-check send meth GET uri {path} ver HTTP/1.1 hdr Host stoneware hdr Connection close",
            f"    http-check expect status {health.http.status}",
        ]
    pool = route.pools.get(slot) or Pool(fleet="")
    for member in pool.members:
        # one that drains gets nothing new from a proxy that starts: it has begun nothing there
        disabled = " disabled" if member.draining else ""
        lines.append(f"    server {word(member.machine)} {word(member.address)} {server_options(health)}{disabled}")
    return "\n".join([*lines, ""])
