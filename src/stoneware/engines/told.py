"""What a machine's kernel and systemd tell of it, read the same way whether the host looks itself or the machine sends it. Pure.

All of it may have been chosen by somebody in the machine: it is believed as far as it has a shape, and goes to terminals.
"""

from __future__ import annotations

from collections.abc import Iterable

TABLES = ("tcp", "tcp6", "udp", "udp6")
LISTENS = {"tcp": "0A", "udp": "07"}
"""The state of a socket that waits for somebody: TCP_LISTEN, and TCP_CLOSE, as the kernel calls an unconnected socket of UDP."""
PASSING = 32768
"""UDP ports from here on are given to whoever asks a question (`net.ipv4.ip_local_port_range`): there one moment, gone the next."""

UNITS = "run/systemd/units"
"""Where systemd notes the services that are active, a link `invocation:NAME` each: to be read without asking it."""
MOST = 500
"""Of whatever kind a list is, so many at most: a machine doesn't fill its host's memory with names."""
LONGEST = 200


def shown(text: str) -> str:
    """A name that may go to somebody's terminal."""
    return "".join(one if one.isprintable() else "?" for one in text[:LONGEST])


def some(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, in order, as far as a list goes."""
    return tuple(sorted({shown(name) for name in names})[:MOST])


def active(links: Iterable[str]) -> set[str]:
    """The services whose links (names, or paths) these are."""
    names = (link.rpartition("/")[2].partition("invocation:")[2] for link in links)
    return {name for name in names if name.endswith(".service")}


def listening(table: str, lines: Iterable[str]) -> set[str]:
    """Ports as `tcp/80`, from the lines of a table (one of TABLES). Left out is what only the machine itself can reach.

    Raises ValueError for a line that is none: a machine's words aren't trusted to have a shape.
    """
    protocol = table.removesuffix("6")
    found = set()
    for line in lines:
        fields = line.split()
        if not fields or fields[0] == "sl":
            continue
        if len(fields) < 4:
            raise ValueError(f"{table}: {line[:80]!r} is no socket")
        address, _, port = fields[1].rpartition(":")
        number = int(port, 16)
        passing = protocol == "udp" and number >= PASSING
        if fields[3] == LISTENS[protocol] and not passing and not _is_loopback(bytes.fromhex(address)):
            found.add(f"{protocol}/{number}")
    return found


def _is_loopback(address: bytes) -> bool:
    """Addresses stand in words of four bytes, each as the processor has it (x86: the lowest byte first)."""
    plain = b"".join(address[at : at + 4][::-1] for at in range(0, len(address), 4))
    if len(plain) == 16 and plain[:12] == bytes(10) + b"\xff\xff":
        plain = plain[12:]
    return plain[:1] == b"\x7f" if len(plain) == 4 else plain == bytes(15) + b"\x01"
