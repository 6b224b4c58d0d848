"""A service's proxy configuration and its map as text: functions of the route alone.

Names and addresses come from checked nouns; everything is checked once more here, because a configuration has no quoting.
"""

from __future__ import annotations

import re

from stoneware.errors import Refused
from stoneware.model.deployment import HealthSpec
from stoneware.model.route import Pool, Route, Slot

SLOTS: tuple[Slot, Slot] = ("A", "B")
STATE = "state.map"
"""The file of the map, and its name on the runtime socket."""
HARD_STOP_S = 10
"""How long a proxy that was replaced may finish its connections (seconds)."""

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
    """The map that decides about each request: which pool is active, whether requests are held, and how long at most."""
    held, limit = int(route.held), round(route.hold_limit_s * 1000)
    return f"active {route.active or 'none'}\nheld {held}\nhold_limit_ms {limit}\n"


def server_options(health: HealthSpec) -> str:
    """How one machine is checked. A machine on its way up or down is asked more often than one that is settled."""
    inter = round(health.interval * 1000)
    quick = min(inter, 200)
    return (
        f"check inter {inter} fastinter {quick} downinter {quick} rise {health.up} fall {health.down} "
        "observe layer4 error-limit 3 on-error mark-down"
    )


def config_text(route: Route, user: str) -> str:
    """The whole configuration of one service. It holds the pools as they are, so that a proxy that died comes up right.

    Files are named as seen from the proxy's own folder, in which it runs: whatever that folder is called, and however long.
    """
    parts = [_GLOBAL.format(state=STATE, user=user, hard_stop=HARD_STOP_S), _DEFAULTS]
    parts.append(_FRONTEND.format(listen=word(route.listen.replace("localhost:", "127.0.0.1:")), state=STATE))
    parts += [_backend(route, slot) for slot in SLOTS]
    return "\n".join(parts)


def _backend(route: Route, slot: Slot) -> str:
    health = health_of(route, slot)
    lines = [f"backend {slot}", "    balance leastconn", f"    timeout check {round(health.timeout * 1000)}ms"]
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
        lines.append(f"    server {word(member.machine)} {word(member.address)} {server_options(health)}")
    return "\n".join([*lines, ""])


_GLOBAL = """\
# written by Stoneware; a change by hand is overwritten
global
    stats socket unix@admin.sock mode 600 level admin expose-fd listeners
    stats timeout 30s
    maxconn 4000
    # two proxies must not share an address by accident; a successor gets its sockets handed over
    noreuseport
    hard-stop-after {hard_stop}s
    setenv STONEWARE_STATE {state}
    lua-load hold.lua
{user}"""

_DEFAULTS = """\
defaults
    mode http
    timeout connect 5s
    timeout client 1m
    timeout server 5m
    timeout tunnel 1d
    timeout queue 30s
    timeout http-request 30s
    option idle-close-on-response
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response response-timeout
"""

_FRONTEND = """\
frontend service
    bind {listen}
    # a request that may have been worked on is not sent twice, unless it is safe to
    http-request disable-l7-retry unless {{ method GET HEAD OPTIONS }}
    http-request lua.hold if {{ str(held),map({state}) 1 }}
    acl held_too_long var(txn.gave_up) -m bool
    acl nobody_serves str(active),map({state}) none
    http-request return status 503 content-type text/plain string "held for too long\\n" hdr Retry-After 1 if held_too_long
    http-request return status 503 content-type text/plain string "no release yet\\n" hdr Retry-After 1 if nobody_serves
    use_backend %[str(active),map({state})]
"""
