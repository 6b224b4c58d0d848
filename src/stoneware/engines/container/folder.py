"""A machine as files: a folder with its record, its console and what it is told. podman has the rest.

The record says what is meant, and is written before the act; what is, podman says.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stoneware.host.files import write_atomic
from stoneware.host.records import read_record
from stoneware.model.machine import WantedMachine
from stoneware.model.noun import Noun

TO_SYSTEMD = {
    "system": "/run/systemd/system",
    "system-generators": "/run/systemd/system-generators",
    "system.conf.d": "/run/systemd/system.conf.d",
    "config.env": "/run/stoneware/config.env",
    "machine-id": "/etc/machine-id",
}
"""What systemd in the container is told: names in our folder, and where it finds them, read-only."""


class MachineRecord(Noun):
    """What the machine was made from, and what is meant to happen to it.

    `on`: it is meant to run. `begun` is set when its application is meant to run: to the container's last start as podman
    told it before (so a start that we did not see happen is told from one that did, without asking a clock). `ending_since`
    is set while the application is to end, and stays until it is begun again; `signalled` says that it was told so.
    `off_since` is when the machine was told to stop.
    """

    wanted: WantedMachine
    ip: str
    created_at: float
    on: bool = True
    begun: str | None = None
    ending_since: float | None = None
    signalled: bool = False
    off_since: float | None = None


@dataclass(frozen=True)
class Folder:
    """The files of one machine."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def console(self) -> Path:
        return self.path / "console.log"

    @property
    def told(self) -> Path:
        """What the machine reads and can't change."""
        return self.path / "told"

    @property
    def lock(self) -> Path:
        return self.path.parent / f".{self.name}.lock"

    def record(self) -> MachineRecord | None:
        """None when there is no such machine."""
        return read_record(self.path / "machine.json", MachineRecord)

    def meant_at(self) -> float | None:
        """When what is meant changed last (seconds since the epoch): while a machine boots, that is when it was begun."""
        try:
            return (self.path / "machine.json").stat().st_mtime
        except FileNotFoundError:
            return None

    def save(self, record: MachineRecord) -> None:
        """Writes the record; it is the intent, and comes before the act."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        write_atomic(self.path / "machine.json", record.model_dump_json())

    def tell(self, files: Mapping[str, str], links: Mapping[str, str]) -> None:
        """Writes what the machine is told, by path below `told`. Files are readable for all in the machine that may see
        them; the folder around them is ours alone."""
        shutil.rmtree(self.told, ignore_errors=True)
        for path, text in files.items():
            file = self.told / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o640 if path in ("config.env", "env") else 0o644)
        for path, target in links.items():
            link = self.told / path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)

    def told_to_systemd(self) -> Mapping[str, str]:
        """Names below `told`, and where the machine finds them."""
        return TO_SYSTEMD

    def remove(self) -> None:
        """The record first: from then on there is no such machine, whatever happens to the rest."""
        (self.path / "machine.json").unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)
