"""What a virtual machine runs, from both sides: its process as this host sees it, and what its keeper tells of the inside.

About the process nobody in the machine can lie: which files it has opened, and the words that it was started with, where the
kernel's own words have the root hashes that it is to enforce.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from stoneware.engines.qemu.folder import Folder, MachineRecord
from stoneware.engines.qemu.guest import inside, told_files
from stoneware.engines.qemu.images import LOADED
from stoneware.engines.qemu.keeper import Keepers, Unclear
from stoneware.engines.qemu.opened import OpenFile, open_files, wrong_files
from stoneware.engines.qemu.plugged import plugged, way_in, wrong_devices
from stoneware.engines.told import some
from stoneware.host.files import sha256_of
from stoneware.host.sockets import listening
from stoneware.model.evidence import Evidence, Inside
from stoneware.model.image import Artifact, Manifest

CORRUPT = re.compile(rb"device-mapper: verity: (\d+:\d+): \w+ block \d+ is corrupted")
"""How the kernel complains of a layer on the console, in the moment in which it reads a block that doesn't match."""
LONGEST_CONSOLE_BYTES = 2**20


@dataclass
class Witness:
    """Looks at machines. `images` has the sealed images, a folder each. What was proven of a file holds as long as its inode says
    that it is the same: nobody can set the time of its last change (ctime)."""

    images: Path
    keepers: Keepers
    _digests: dict[Path, tuple[tuple[int, ...], str]] = field(default_factory=dict)

    def evidence(
        self, folder: Folder, record: MachineRecord, process: tuple[int, int], disks: Mapping[str, Path], now: float
    ) -> Evidence:
        """`disks` has the files of the disks that the machine has. Raises OSError when its process ends meanwhile."""
        pid, ticks = process
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
        opened = open_files(pid)
        artifact, problems = self._artifact(record.wanted.digest)
        if artifact is not None:
            problems += [*_words(words, folder, record, artifact), *wrong_files(opened, folder, artifact, disks)]
            problems += self._changed(artifact)
        devices = plugged(folder.path) or {}
        problems += wrong_devices(devices, [mount.disk for mount in record.wanted.disks])
        told, silence = self._inside(folder, record, artifact)
        if told is not None:
            told = told.model_copy(update={"sessions": some([*told.sessions, *way_in(devices)])})
            if artifact is None:  # without its manifest nobody knows what is to be mounted
                told = told.model_copy(update={"mounted": ()})
        return Evidence(
            machine=record.wanted.name,
            run=f"{pid}@{ticks}",
            at=now,
            made_from=record.wanted,
            digest=_digest(opened, self.images.resolve()) or record.wanted.digest,
            cpus=_number(words, "-smp", r"(\d+)"),
            memory_bytes=_number(words, "-m", r"size=(\d+)M") * 2**20,
            opened=some(problems),
            reached=some(_elsewhere(pid, record)),
            inside=told,
            silence=silence,
        )

    def _artifact(self, digest: str) -> tuple[Artifact | None, list[str]]:
        folder = self.images / digest.removeprefix("sha256:")
        try:
            data = (folder / "manifest.json").read_bytes()
            artifact = Artifact(folder=folder, manifest=Manifest.model_validate_json(data))
        except (FileNotFoundError, ValidationError):
            return None, ["the manifest of its image is gone or can't be read, so nobody can say what it should run"]
        if artifact.manifest.digest != digest:
            return None, ["the manifest of its image was changed, so nobody can say what it should run"]
        return artifact, []

    def _changed(self, artifact: Artifact) -> list[str]:
        """Files of the image that aren't what they were sealed as: the layers that it reads from, and what it was started with."""
        roles = [*LOADED, *(f"layer-{number}" for number in range(len(artifact.manifest.layers)))]
        found = []
        for role in roles:
            sealed = artifact.manifest.files[role]
            try:
                same = self._sha256(artifact.file(role)) == sealed.sha256
            except FileNotFoundError:
                found.append(f"{sealed.name} of its image is gone from this host")
                continue
            if not same:
                found.append(f"{sealed.name} of its image was changed on this host")
        return found

    def _sha256(self, file: Path) -> str:
        """Read again only when its inode has changed."""
        now = file.stat()
        state = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        known = self._digests.get(file)
        if known is None or known[0] != state:
            known = self._digests[file] = (state, sha256_of(file))
        return known[1]

    def _inside(self, folder: Folder, record: MachineRecord, artifact: Artifact | None) -> tuple[Inside | None, str]:
        writable = artifact.manifest.writable if artifact else ()
        mounted = {*writable, *(disk.mount for disk in record.wanted.disks)}
        try:
            lines = self.keepers.attest(folder.path)
            files, agent = told_files(record.wanted.name), record.wanted.agent
            return inside(lines, mounted, files, _complaints(folder), agent=agent), ""
        except Unclear as unclear:
            return None, str(unclear)
        except (ValueError, IndexError, KeyError) as broken:
            return None, f"what it tells has no sense: {broken}"


def _words(words: Sequence[str], folder: Folder, record: MachineRecord, artifact: Artifact) -> list[str]:
    """What it was started with, against what its image and its record say, and against what we started it with."""
    told = dict(itertools.pairwise(words))
    found = []
    if told.get("-kernel") != str(artifact.file("vmlinux")):
        found.append(f"it was started with another kernel: {told.get('-kernel')}")
    if not f"{told.get('-append')} ".startswith(f"{artifact.manifest.cmdline} "):
        found.append("its kernel was told other words than those of its image: other root hashes, or another init")
    if _number(words, "-smp", r"(\d+)") != record.wanted.cpus:
        found.append(f"it was started with another number of processors: {told.get('-smp')}")
    ours = folder.words()
    if ours is not None and ours != list(words):
        strange = [word for word in words if word not in ours] or ["in another order, or with words left out"]
        found.append(f"it was started with other words than ours: {' '.join(strange)[:120]}")
    return found


def _elsewhere(pid: int, record: MachineRecord) -> list[str]:
    """Where the process waits for somebody, and was never told to."""
    ours = {("127.0.0.1", port) for port in record.ports.values()}
    return [f"{address}:{port}" for address, port in sorted(listening(pid) - ours)]


def _complaints(folder: Folder) -> set[str]:
    """The devices (`major:minor`) of which this run's kernel has complained on the console, however its root may answer."""
    try:
        with folder.console.open("rb") as console:
            console.seek(max(folder.console_from(), folder.console.stat().st_size - LONGEST_CONSOLE_BYTES))
            return {found.decode() for found in CORRUPT.findall(console.read())}
    except FileNotFoundError:
        return set()


def _digest(opened: Sequence[OpenFile], images: Path) -> str | None:
    """The image whose layers the process has opened, whatever the record says."""
    for file in opened:
        if file.path.parent.parent == images and file.path.suffix == ".img":
            return f"sha256:{file.path.parent.name}"
    return None


def _number(words: Sequence[str], option: str, pattern: str) -> int:
    """The number in the word behind an option; 0 when there is none."""
    told = dict(itertools.pairwise(words)).get(option, "")
    found = re.match(pattern, told)
    return int(found[1]) if found else 0
