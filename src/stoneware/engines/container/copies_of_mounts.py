"""What is mounted on this host is mounted in every copy that somebody makes of its mounts, too.

Whoever starts a container or a sandbox gets a mount namespace of its own, with all that was mounted then (mount_namespaces(7)).
Where that copy is private, a disk that we unmount stays mounted there: for a moment while a container starts, for as long as it
lives in a sandbox. Nobody asked for it, and a disk that is to go to another machine can't wait for it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from stoneware.errors import ToolFailed
from stoneware.host.kernel_files import lines
from stoneware.host.run import run

LIMIT_S = 10.0


def end_copies(point: Path) -> None:
    """Unmounts `point` in the namespaces of others. A copy that somebody works in stays, and so does a mount at another place:
    that is no copy, somebody was given it."""
    for pid in _holders(point):
        with contextlib.suppress(ToolFailed):  # it has ended, or somebody works there
            run(["nsenter", f"--mount=/proc/{pid}/ns/mnt", "umount", point], timeout_s=LIMIT_S)


def mounted_at(mountinfo: str) -> set[str]:
    """All mount points (proc(5)). Spaces and the like stand there in octal."""
    points = (line.split(" ")[4] for line in lines(mountinfo))
    return {re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point) for point in points}


def _holders(point: Path) -> Iterator[int]:
    """A process of each other namespace in which this is a mount point."""
    seen, wanted = {Path("/proc/self/ns/mnt").readlink()}, str(point.resolve())
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            namespace = (process / "ns" / "mnt").readlink()
            # one that is locked into a folder doesn't see all: another one of its namespace may
            if namespace not in seen and wanted in mounted_at((process / "mountinfo").read_text()):
                seen.add(namespace)
                yield int(process.name)
