"""Where a process of this host listens, as the kernel has it (proc_pid_net(5))."""

from __future__ import annotations

import socket
from pathlib import Path

LISTENS = "0A"
SOCKET = "socket:["


def listening(pid: int) -> set[tuple[str, int]]:
    """Address and port of each TCP socket at which a process waits for somebody. Raises OSError when it is gone."""
    mine = {name for link in Path(f"/proc/{pid}/fd").iterdir() if (name := _inode(link))}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS and fields[9] in mine:
                address, _, port = fields[1].rpartition(":")
                found.add((_plain(bytes.fromhex(address)), int(port, 16)))
    return found


def _inode(link: Path) -> str:
    try:
        target = str(link.readlink())
    except FileNotFoundError:
        return ""  # closed while we looked
    return target[len(SOCKET) : -1] if target.startswith(SOCKET) else ""


def _plain(address: bytes) -> str:
    """Addresses stand in words of four bytes, each as the processor has it (x86: the lowest byte first)."""
    ordered = b"".join(address[at : at + 4][::-1] for at in range(0, len(address), 4))
    return socket.inet_ntop(socket.AF_INET if len(ordered) == 4 else socket.AF_INET6, ordered)
