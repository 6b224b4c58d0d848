"""The engine protocol: where machines live. The whole of it is here; `fake.py` beside it is its first implementation.

Every call is repeatable ("already so" is success), chooses no names, and waits for no boot. What goes wrong leaves as
`Unreachable` (try again), `Refused` (won't work as asked) or `Misconfigured` (the operator must act).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stoneware.model.finding import Capabilities, Finding
from stoneware.model.image import Artifact
from stoneware.model.machine import Disk, Machine, Ran, WantedDisk, WantedMachine


class Machines(Protocol):
    """The eight methods that every engine has."""

    def capabilities(self) -> Capabilities: ...

    def check(self) -> Sequence[Finding]:
        """A look at tools, credentials and quota; changes nothing."""

    def publish_image(self, artifact: Artifact) -> None:
        """Makes a sealed image startable here."""

    def delete_image(self, digest: str) -> None:
        """Forgets an image. Refused while a machine uses it."""

    def create_machine(self, wanted: WantedMachine) -> None:
        """Creates and starts a machine. Already there with the same content: success; with another: Refused."""

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


class Engine(Machines, Disks, Restart, Inside, Protocol):
    """What a rollout needs of an engine today."""
