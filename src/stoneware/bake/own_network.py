"""A network for the steps of one bake: a namespace with one line to the host, on which nothing goes but to the outside and back.

What may pass is listed, not what mayn't: the interfaces by which this host reaches others. So no other bake is reached, no step
of a build, no machine, whatever bridges there are or come. (The host itself is reached at its addresses, as steps of builds reach
it; its loopback is not.) The rules stand in the table `mangle`, which is asked before `filter`: there podman and others let pass
what is theirs.

Everything has the name that `name_of` makes of the bake's folder, so a bake that was killed leaves nothing that isn't found.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import shlex
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stoneware.errors import BakeFailed, ToolFailed
from stoneware.host.files import locked
from stoneware.host.run import run

POOL = ipaddress.IPv4Network("198.18.0.0/15")
"""Addresses that are on no real network (RFC 2544), four for each bake."""
PREFIX = 30
NAMESPACES = Path("/run/netns")
LOCK = Path("/run/stoneware/.bakes.lock")
ROUTES = Path("/proc/net/route")
SYSTEM = Path("/proc/sys/net")
TABLES = ("mangle", "filter", "nat")
LOCAL_KINDS = ("bridge", "veth", "ifb", "dummy")
"""Kinds of interfaces (ip-link(8)) behind which there is something of this host."""


def name_of(folder: Path) -> str:
    """The name of a bake's namespace, of its interface on the host, and of its rules: at most 15 characters."""
    return f"sk{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"


@contextlib.contextmanager
def own_network(folder: Path) -> Iterator[str]:
    """The network of the bake with this folder, as buildah takes it. Raises ToolFailed, or BakeFailed when no address is free."""
    name = name_of(folder)
    remove_network(folder)
    try:
        LOCK.parent.mkdir(mode=0o700, exist_ok=True)
        with locked(LOCK):
            _connect(name, free_net(ROUTES.read_text()))
        yield f"ns:{NAMESPACES / name}"
    finally:
        remove_network(folder)


def remove_network(folder: Path) -> None:
    """Takes away what there is of it. A step that still runs in there is cut off."""
    name = name_of(folder)
    if not (NAMESPACES / name).exists():
        return
    for words in (["ip", "link", "del", name], *_unruled(name)):
        with contextlib.suppress(ToolFailed):
            run(words)
    run(["ip", "netns", "del", name], ok=(0, 1))  # the last: it is what says that there may be something


def free_net(routes: str) -> ipaddress.IPv4Network:
    """The first four addresses to which this host has no route yet, by its table (/proc/net/route, proc(5))."""
    used = [net for _, net in _routes(routes) if net.prefixlen]
    for net in POOL.subnets(new_prefix=PREFIX):
        if not any(net.overlaps(other) for other in used):
            return net
    raise BakeFailed(
        f"every address in {POOL} is in use on this host", next_step="bake again later", code="no-capacity"
    )


def ways_out(links: list[dict[str, Any]], routes: str) -> list[str]:
    """The interfaces that lead to others, of all there are (`ip -j -d link`): those of the default route, and those that aren't
    lines to something on this host."""
    default = {name for name, net in _routes(routes) if not net.prefixlen}
    found = []
    for link in links:
        kind = link.get("linkinfo", {})
        local = kind.get("info_kind") in LOCAL_KINDS or kind.get("info_data", {}).get("type") == "tap"
        if link["ifname"] in default or not (local or link.get("link_type") == "loopback" or "master" in link):
            found.append(link["ifname"])
    return found


def _routes(text: str) -> list[tuple[str, ipaddress.IPv4Network]]:
    rows = [line.split() for line in text.splitlines()[1:]]
    packed = [
        (row[0], *(socket.inet_ntoa(struct.pack("=I", int(row[column], 16))) for column in (1, 7))) for row in rows
    ]
    return [(name, ipaddress.IPv4Network((target, mask), strict=False)) for name, target, mask in packed]


def _connect(name: str, net: ipaddress.IPv4Network) -> None:
    host, inside = net[1], net[2]
    links = json.loads(run(["ip", "-j", "-d", "link"]).stdout)
    ways = ways_out(links, ROUTES.read_text())
    size = str(min((link["mtu"] for link in links if link["ifname"] in ways), default=1500))
    run(["ip", "netns", "add", name])
    for rule in _rules(name, inside, ways):
        run(["iptables", "--wait", *rule])
    run(["ip", "link", "add", name, "mtu", size, "type", "veth", "peer", "name", "eth0", "mtu", size, "netns", name])
    with contextlib.suppress(FileNotFoundError):  # a host without IPv6
        (SYSTEM / "ipv6/conf" / name / "disable_ipv6").write_text("1")
    run(["ip", "addr", "add", f"{host}/{PREFIX}", "dev", name])
    run(["ip", "link", "set", name, "up"])
    for words in (
        ["link", "set", "lo", "up"],
        ["addr", "add", f"{inside}/{PREFIX}", "dev", "eth0"],
        ["link", "set", "eth0", "up"],
    ):
        run(["ip", "-n", name, *words])
    run(["ip", "-n", name, "route", "add", "default", "via", str(host)])
    if (SYSTEM / "ipv4/ip_forward").read_text().strip() != "1":
        (SYSTEM / "ipv4/ip_forward").write_text("1")


def _rules(name: str, inside: ipaddress.IPv4Address, ways: list[str]) -> Iterator[list[str]]:
    """For `iptables`, in their order: first what keeps apart."""
    answer = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
    yield ["-t", "mangle", "-N", name]
    for way in ways:
        yield ["-t", "mangle", "-A", name, "-i", name, "-s", str(inside), "-o", way, "-j", "RETURN"]
        yield ["-t", "mangle", "-A", name, "-i", way, "-o", name, *answer, "-j", "RETURN"]
    yield ["-t", "mangle", "-A", name, "-j", "DROP"]
    for side in ("-i", "-o"):
        yield ["-t", "mangle", "-I", "FORWARD", side, name, "-j", name]
        yield ["-t", "filter", "-I", "FORWARD", side, name, "-j", "ACCEPT"]
    yield ["-t", "nat", "-I", "POSTROUTING", "-s", str(inside), "!", "-o", name, "-j", "MASQUERADE"]


def _unruled(name: str) -> Iterator[list[str]]:
    """What takes its rules away, those that let pass first."""
    for table in reversed(TABLES):
        with contextlib.suppress(ToolFailed):
            lines = [shlex.split(line) for line in run(["iptables", "--wait", "-t", table, "-S"]).stdout.splitlines()]
            for words in lines:
                if words[0] == "-A" and words[1] != name and name in words:
                    yield ["iptables", "--wait", "-t", table, "-D", *words[1:]]
    for how in ("-F", "-X"):
        yield ["iptables", "--wait", "-t", "mangle", how, name]
