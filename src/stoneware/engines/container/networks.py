"""Two bridges of our own: one with a way out, one without (`isolated` machines). Each machine has an address that stays.

Names, interfaces and subnets are derived from the home, because podman keeps one list of addresses for all its stores: two
homes on a host must not meet there.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import socket
import struct
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path

from stoneware.errors import Refused
from stoneware.model.noun import Noun

POOL = ipaddress.IPv4Network("10.64.0.0/10")
"""Where the bridges' subnets are taken from (private addresses, RFC 1918)."""
PREFIX = 20
"""4093 machines on a bridge."""


class Network(Noun):
    """A bridge on this host. `internal`: nothing leaves it but to the host."""

    name: str
    interface: str
    subnet: str
    internal: bool

    def address(self, taken: Collection[str], seed: str) -> str:
        """A free address. `seed` says where the search begins, so that one that was just given back isn't given at once.

        Raises Refused when all are taken.
        """
        net = ipaddress.IPv4Network(self.subnet)
        places = net.num_addresses - 3  # its own address, the bridge's, and the broadcast address
        start = zlib.crc32(seed.encode())
        for step in range(places):
            found = str(net[2 + (start + step) % places])
            if found not in taken:
                return found
        raise Refused(f"no address is free in {self.subnet}", "delete machines that are not needed", code="no-capacity")

    def description(self) -> str:
        """The network as podman keeps it (a file in its --network-config-dir).

        Written by us and not by `podman network create`, which can't be told the interface's name.
        """
        gateway = str(ipaddress.IPv4Network(self.subnet)[1])
        return json.dumps(
            {
                "name": self.name,
                "id": hashlib.sha256(self.name.encode()).hexdigest(),
                "driver": "bridge",
                "network_interface": self.interface,
                "created": "2024-01-01T00:00:00Z",
                "subnets": [{"subnet": self.subnet, "gateway": gateway}],
                "ipv6_enabled": False,
                "internal": self.internal,
                "dns_enabled": False,
                "ipam_options": {"driver": "host-local"},
            },
            indent=2,
        )


class Networks(Noun):
    """Both bridges of a home."""

    open: Network
    closed: Network

    def of(self, isolated: bool) -> Network:
        """The bridge for a machine."""
        return self.closed if isolated else self.open


def mac_address(ip: str) -> str:
    """A machine's MAC address follows from its IP address: no neighbour ever has to forget an old one."""
    return "0a:58:" + ":".join(f"{part:02x}" for part in ipaddress.IPv4Address(ip).packed)


def choose_networks(key: str, used: Sequence[ipaddress.IPv4Network]) -> Networks:
    """The bridges of the home with this key (hex digits), away from subnets that the host has a route to.

    Raises Refused when the whole pool is in use.
    """
    pairs = 2 ** (PREFIX - 1 - POOL.prefixlen)
    size = 2 ** (32 - PREFIX)
    for step in range(pairs):
        first = int(POOL.network_address) + (int(key, 16) + step) % pairs * 2 * size
        subnets = [ipaddress.IPv4Network((first + half * size, PREFIX)) for half in (0, 1)]
        if not any(one.overlaps(other) for one in subnets for other in used):
            short = key[:8]
            return Networks(
                open=Network(name=f"stoneware-{short}", interface=f"sw{short}", subnet=str(subnets[0]), internal=False),
                closed=Network(
                    name=f"stoneware-{short}-closed", interface=f"sc{short}", subnet=str(subnets[1]), internal=True
                ),
            )
    raise Refused(f"every subnet in {POOL} is in use on this host", code="no-capacity")


def routed_subnets() -> list[ipaddress.IPv4Network]:
    """Subnets that this host has a route to, the default route aside (/proc/net/route, proc(5))."""
    found = []
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        fields = line.split()
        target, mask = (socket.inet_ntoa(struct.pack("=I", int(fields[column], 16))) for column in (1, 7))
        if mask != "0.0.0.0":
            found.append(ipaddress.IPv4Network((target, mask), strict=False))
    return found
