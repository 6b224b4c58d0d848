"""What a container runs, seen from its host alone: through /proc, the control groups and podman's folders. Nothing runs inside,
and nothing is asked of anybody in it, so nobody in it can lie.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stoneware.engines.container.cgroup import limits_of
from stoneware.engines.container.disks import DiskFolder
from stoneware.engines.container.folder import MachineRecord
from stoneware.engines.container.inside import names_in
from stoneware.engines.container.made import Changed, Made, changes, look, run_of
from stoneware.engines.container.podman import Container
from stoneware.engines.container.processes import processes_in, sessions
from stoneware.engines.container.proof import Proofs
from stoneware.engines.mounts import Mount, mounts
from stoneware.engines.told import MOST, TABLES, UNITS, active, listening, some
from stoneware.errors import Unreachable
from stoneware.host.kernel_files import lines_of
from stoneware.model.evidence import Evidence, Inside


@dataclass(frozen=True)
class Witness:
    """Looks at containers. `proofs` knows what was proven of podman's store, `images` has the
    sealed images, a folder each, and `disks` the disks."""

    images: Path
    proofs: Proofs
    disks: DiskFolder

    def evidence(
        self, container: Container, record: MachineRecord, made: Made | None, digest: str, now: float
    ) -> Evidence:
        """`made` is what was kept of its start (None: nothing, or it was taken away, and nobody knows what it was made with).

        Raises Unreachable when the container ends while it is looked at.
        """
        try:
            limits = limits_of(container.pid, container.id)
            there = mounts(_lines(container, "mountinfo"))
            changed = Changed() if made is None or made.run != run_of(container) else changes(made, look(container))
            inside = _inside(container, changed)
            opened = [*_root(container, there), *_disks(record, there, self.disks), *changed.settings]
            if made is None:
                opened.append("what was kept of how it was made is gone")
            elif made.run != run_of(container):
                opened.append("it was started by somebody else than its engine")
            wanted = record.wanted.digest
            folder = self.images / wanted.removeprefix("sha256:")
            opened += self.proofs.differences(folder, wanted, list(container.lower))
        except (OSError, ValueError, KeyError, IndexError) as gone:
            raise Unreachable(
                f"container {container.name} can't be looked at: {gone}", "it may just have ended"
            ) from gone
        return Evidence(
            machine=container.name,
            run=run_of(container),
            at=now,
            made_from=record.wanted,
            digest=digest,
            cpus=limits.cpus,
            memory_bytes=limits.memory_bytes,
            opened=some(opened),
            reached=some(changed.addresses),
            inside=inside,
        )


def _inside(container: Container, changed: Changed) -> Inside:
    processes = processes_in(container.pid)
    ports = [listening(table, _lines(container, f"net/{table}")) for table in TABLES]
    written = [*written_over(container.upper), *changed.written]
    programs = {process.program for process in processes if not process.entered}
    return Inside(
        written=some(written),
        mounted=some(changed.mounted),
        unmounted=some(changed.unmounted),
        listening=some(set().union(*ports)),
        units=some(active(names_in(container, UNITS))),
        programs=some(programs),
        sessions=some(sessions(processes, container.pid)),
        complete=max(len(written), len(changed.mounted), len(programs)) <= MOST,
    )


def _root(container: Container, there: list[Mount]) -> list[str]:
    """Whether the root is what podman stacked, and can't be written to."""
    root = [mount for mount in there if mount.where == "/"][-1]
    found = [] if root.read_only else ["its root can be written to"]
    lower = next((one.partition("=")[2] for one in root.system if one.startswith("lowerdir=")), "")
    stacked = [Path(os.path.realpath(folder)) for folder in reversed(lower.split(":"))]
    if stacked != [Path(os.path.realpath(folder)) for folder in container.lower]:
        found.append("its root is stacked from other folders than podman's layers of the image")
    return found


def written_over(upper: Path) -> list[str]:
    """Everything in the layer over the image: a machine's root is read-only, so this is what somebody put there from outside,
    links and marks of what was deleted too."""
    return [f"/{path}" for path in _leaves(upper, "") if not _is_podmans(upper, path)]


def _leaves(folder: Path, path: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            below = f"{path}{entry.name}"
            inner = [*_leaves(folder / entry.name, f"{below}/")] if entry.is_dir(follow_symlinks=False) else []
            yield from inner or [below]


def _is_podmans(upper: Path, path: str) -> bool:
    """podman gives an image that lacks it a link for mount(8)."""
    return path == "etc/mtab" and (upper / path).is_symlink() and str((upper / path).readlink()) == "/proc/mounts"


def _disks(record: MachineRecord, there: list[Mount], disks: DiskFolder) -> list[str]:
    """Whether each disk that the machine has is mounted in it, from the file that is the disk."""
    mounted = {mount.where: mount for mount in there}
    found = []
    for wanted in record.wanted.disks:
        mount = mounted.get(wanted.mount)
        if mount is None:
            found.append(f"disk {wanted.disk} isn't mounted at {wanted.mount}")
            continue
        with contextlib.suppress(FileNotFoundError):  # a disk that is kept in a folder has no file behind it
            behind = Path(f"/sys/dev/block/{mount.device}/loop/backing_file").read_text().strip()
            if behind != str(disks.image(wanted.disk).resolve()):
                found.append(f"{wanted.mount} isn't disk {wanted.disk} but {behind}")
    return found


def _lines(container: Container, name: str) -> list[str]:
    """A file of the kernel about the first process; none where this kernel has no such thing (a table of IPv6)."""
    with contextlib.suppress(FileNotFoundError):
        return lines_of(Path(f"/proc/{container.pid}/{name}"))
    return []
