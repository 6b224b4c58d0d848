"""The engine protocol: where machines live. The whole of it is here; `fake.py` beside it is its first implementation.

Every call is repeatable ("already so" is success), chooses no names, and waits for no boot. What goes wrong leaves as
`Unreachable` (try again), `Refused` (won't work as asked) or `Misconfigured` (the operator must act).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from stoneware.engines.shell import Shell
from stoneware.errors import Misconfigured
from stoneware.host.copying import Progress, unwatched
from stoneware.model.evidence import Evidence
from stoneware.model.finding import Capabilities, Capacity, Finding
from stoneware.model.image import Artifact
from stoneware.model.machine import Disk, Machine, Ran, WantedDisk, WantedMachine
from stoneware.model.snapshot import Snapshot, WantedSnapshot

Reveal = Callable[[str], bytes]
"""The value of a secret's version (`db-password/3`). Raises Refused or Misconfigured, which never say what the value is."""
SECRETS = "/run/secrets"
"""Where a machine finds its secrets: a file each, named by its variable, in memory, for its user alone."""


def no_secrets(reference: str) -> bytes:
    """For an engine that nobody gave a way to the secrets."""
    raise Misconfigured(f"there is no way to secret {reference} from here", "make the engine with one")


def reveal_all(reveal: Reveal, secrets: Mapping[str, str]) -> dict[str, bytes]:
    """The values of a machine's secrets, by variable."""
    return {variable: reveal(reference) for variable, reference in sorted(secrets.items())}


class Machines(Protocol):
    """The ten methods that every engine has."""

    def capabilities(self) -> Capabilities: ...

    def capacity(self) -> Capacity:
        """What its machines may use together, and how many may boot at once."""

    def check(self) -> Sequence[Finding]:
        """A look at tools, credentials and quota; changes nothing."""

    def publish_image(self, artifact: Artifact) -> None:
        """Makes a sealed image startable here."""

    def delete_image(self, digest: str) -> None:
        """Forgets an image. Refused while a machine uses it."""

    def list_images(self) -> Collection[str]:
        """Digests of the images of which anything is left here, whole or not. A quick look at files: no tool is asked."""

    def create_machine(self, wanted: WantedMachine) -> None:
        """Creates and starts a machine. Already there with the same content: success; with another: Refused.

        Its secrets are revealed at every start, kept nowhere, and a machine without them isn't made."""

    def delete_machine(self, name: str) -> None:
        """Ends and forgets a machine; its disks are detached and stay."""

    def list_machines(self, owner: str | None = None) -> Sequence[Machine]:
        """Everything with our tag, or only one owner's: the only truth about machines."""

    def read_console(self, name: str, lines: int = 50) -> str:
        """The last lines of the machine's console. NotFound when there is no such machine."""


class Disks(Protocol):
    """Persistent disks with one writer each, moved between running machines."""

    def create_disk(self, wanted: WantedDisk) -> None:
        """Creates an empty formatted disk. Already there: success (Refused when the size differs)."""

    def delete_disk(self, name: str) -> None:
        """Deletes a disk and its data. Refused while a machine has it."""

    def list_disks(self, owner: str | None = None) -> Sequence[Disk]: ...

    def attach_disk(self, disk: str, machine: str) -> None:
        """Plugs a disk into a running machine, which mounts it and goes on by itself. Refused while another machine has it.

        A machine that was quiesced and still has the disk goes on with it."""

    def quiesce_machine(self, name: str) -> None:
        """Asks a machine to stop its application and unmount its disks. Returns at once; the phase becomes WAITING."""

    def detach_disk(self, disk: str, machine: str) -> None:
        """Unplugs a disk. Refused while the machine works on it: quiesce it first. A machine that isn't running lets go at once."""


class Snapshots(Protocol):
    """What disks held at one moment. These calls copy, and last as long as that takes; `progress` hears how far they are.

    A snapshot is there whole or not at all; a call that was cut short is simply made again.
    """

    def snapshot_disk(self, disk: str, wanted: WantedSnapshot, progress: Progress = unwatched) -> None:
        """Copies a disk as it is at one point in time, in use or not. There already: success (Refused for another disk's).

        Refused when there is no room, or when a disk in use can't be copied without holding up its machine for long.
        """

    def list_snapshots(self, owner: str | None = None) -> Sequence[Snapshot]:
        """Those that are whole, by name."""

    def restore_disk(self, disk: str, snapshot: str, progress: Progress = unwatched) -> None:
        """Makes a disk hold what the snapshot does, in one step at the end; what it held before is lost.

        Refused while a machine has the disk, when sizes differ, and when the snapshot is damaged.
        """

    def clone_disk(self, source: str, wanted: WantedDisk, progress: Progress = unwatched) -> None:
        """Creates a disk with the content of a snapshot or of a disk. Already there: success (Refused when the size differs).

        Refused when `wanted` has another size than the source, and when the snapshot is damaged.
        """

    def delete_snapshot(self, name: str) -> None:
        """Deletes a snapshot, or what is left of one that was never finished. Not there: success."""


class Restart(Protocol):
    """Stop and start, for the warm fleet."""

    def stop_machine(self, name: str) -> None:
        """Powers a machine off in order; its disks are detached. It can be started again as it was made. Returns at once,
        or after a short bounded wait; `power` becomes STOPPED."""

    def start_machine(self, name: str) -> None:
        """Starts a stopped (or GONE) machine from the same image, with the same addresses, without disks."""


class Inside(Protocol):
    """Commands inside a machine that was made with an agent: for boot tests alone."""

    def run_inside(self, name: str, argv: Sequence[str], limit_s: float) -> Ran:
        """Runs a command and waits for its end. Refused for a machine without an agent; Unreachable when it doesn't answer."""


class Attestation(Protocol):
    """What a machine really runs, asked of its host and of itself, by a channel that answers and can't run anything."""

    def attest(self, name: str) -> Evidence:
        """All that can be known of a running machine now, within a few seconds; changes nothing in it. A machine that doesn't
        answer is evidence, too.

        NotFound when there is no such machine, Refused when it has no process (stopped, gone, or a container that waits for its
        disks). Whoever is in the machine may lie about what is `inside` it; about the rest nobody in it can.
        """


class Engine(Machines, Disks, Snapshots, Restart, Inside, Shell, Attestation, Protocol):
    """What a rollout needs of an engine today."""
