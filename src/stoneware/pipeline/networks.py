"""A bridge for each build that may go outside: no build sees another one's steps, and those of one build see each other."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from stoneware.errors import Refused
from stoneware.host.files import locked, write_atomic

PREFIX = 26
"""61 steps at once in a build."""


@dataclass(frozen=True)
class Bridges:
    """`folder` is where podman of this store reads networks from, `subnet` what the bridges are cut from, `key` hex digits that
    stand for the home: interfaces of two homes must not have one name."""

    folder: Path
    subnet: str
    key: str

    def ensure(self, build: str) -> str:
        """The network of a build, which has its name. Raises Refused when as many builds as there are subnets have one."""
        with locked(self.folder / ".bridges.lock"):
            if self._file(build).exists():
                return build
            taken = {json.loads(file.read_text())["subnets"][0]["subnet"] for file in self.folder.glob("build-*.json")}
            for slot, net in enumerate(ipaddress.IPv4Network(self.subnet).subnets(new_prefix=PREFIX)):
                if str(net) not in taken:
                    write_atomic(self._file(build), self._description(build, slot, net))
                    return build
        raise Refused(f"all subnets in {self.subnet} are in use by builds", "wait for one to end", code="no-capacity")

    def forget(self, build: str) -> None:
        """Its steps are gone, and podman has taken the bridge itself away with the last of them."""
        self._file(build).unlink(missing_ok=True)

    def _file(self, build: str) -> Path:
        return self.folder / f"{build}.json"

    def _description(self, name: str, slot: int, net: ipaddress.IPv4Network) -> str:
        """As podman keeps networks. `isolate`: what comes from this bridge gets to no other one that says so."""
        return json.dumps(
            {
                "name": name,
                "id": hashlib.sha256(f"{self.key} {name}".encode()).hexdigest(),
                "driver": "bridge",
                "network_interface": f"sb{self.key[:8]}{slot}",
                "created": "2024-01-01T00:00:00Z",
                "subnets": [{"subnet": str(net), "gateway": str(net[1])}],
                "ipv6_enabled": False,
                "internal": False,
                "dns_enabled": False,
                "options": {"isolate": "true"},
                "ipam_options": {"driver": "host-local"},
            },
            indent=2,
        )
