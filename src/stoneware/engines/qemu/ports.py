"""Host ports for machines: from a range below the ephemeral ports, free now, and given to one machine only."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from stoneware.errors import Refused

FIRST, LAST = 20000, 32000


def choose_ports(guest_ports: Iterable[int], taken: set[int], seed: int) -> dict[int, int]:
    """A free host port for each guest port. `taken` are ports given to other machines, running or not.

    `seed` says where the search begins, so that machines made at the same time don't meet. Raises Refused when all are taken.
    """
    chosen: dict[int, int] = {}
    span = LAST - FIRST
    offset = seed % span
    for guest in guest_ports:
        for _ in range(span):
            port = FIRST + offset
            offset = (offset + 1) % span
            if port not in taken and port not in chosen.values() and _is_free(port):
                chosen[guest] = port
                break
        else:
            raise Refused(
                "no host port is free for another machine", "delete machines that are not needed", code="no-capacity"
            )
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
