"""From a record to a running container and back: each step looks first, and writes what is meant before it acts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from stoneware.clock import Clock
from stoneware.engines.container import made
from stoneware.engines.container.folder import Folder, MachineRecord
from stoneware.engines.container.images import ImageStore
from stoneware.engines.container.inside import give_owners, give_secrets, read_marks
from stoneware.engines.container.phases import Seen, Verdict, judge
from stoneware.engines.container.podman import Container, Podman
from stoneware.engines.container.units import Masks, unit_files, unit_links
from stoneware.engines.container.words import create_words, entrypoint_env, machine_id
from stoneware.engines.engine import Reveal, reveal_all
from stoneware.engines.environment import config_env, manager_environment
from stoneware.errors import Unreachable

STOP_GRACE_S = 20.0
SETTLE_LIMIT_S = 10.0


@dataclass(frozen=True)
class Runs:
    """Containers of machines. `mounts` is where disks are mounted on the host, a folder each; `reveal` is the way to the values
    of secrets."""

    podman: Podman
    images: ImageStore
    clock: Clock
    masks: Masks
    mounts: Path
    reveal: Reveal

    def find(self, name: str) -> Container | None:
        """A machine's container as podman sees it now; None when there is none."""
        return self.podman.containers([name]).get(name)

    def begin(self, folder: Folder, record: MachineRecord, container: Container) -> None:
        """Starts a container that doesn't run. Its mounts are made first and get their owners and secrets; then its first
        process begins."""
        if container.running:
            return
        secrets = reveal_all(self.reveal, record.wanted.secrets)
        if container.state != "initialized":
            container = self._at_rest(folder, record, container)
        begun = {"begun": container.started_at, "ending_since": None, "signalled": False}
        folder.save(record.model_copy(update=begun))
        image = self.images.get(record.wanted.digest)
        if container.state != "initialized":
            self.podman.run("init", folder.name)
        ready = self.podman.containers([folder.name])[folder.name]
        give_owners(ready, image.writable, [mount.mount for mount in record.wanted.disks])
        give_secrets(ready, secrets)
        made.save(made.look(ready), folder.path)
        self.podman.run("start", folder.name)

    def _at_rest(self, folder: Folder, record: MachineRecord, container: Container) -> Container:
        """A container whose last run is over for podman, too. One whose end podman never heard of, because its conmon had been
        killed, is made anew: it has nothing of its own to lose."""
        _await_settled(container)
        if not container.said_to_run:
            return container
        now = self.find(folder.name)
        if now is not None and now.said_to_run:
            self.podman.remove(folder.name, 0)
        return self.ensure_container(folder, record)

    def end_application(self, folder: Folder, record: MachineRecord) -> bool:
        """Tells a running container to end: once, and by force when it hasn't within its grace. Whether it still runs."""
        container = self.find(folder.name)
        if container is None or not container.running:
            self.undo_init(container)
            return False
        now = self.clock.now()
        since = now if record.ending_since is None else min(record.ending_since, now)
        record = record.model_copy(update={"ending_since": since})
        folder.save(record)
        if not record.signalled:
            self._signal(container, container.stop_signal)
            folder.save(record.model_copy(update={"signalled": True}))
        elif now - since > STOP_GRACE_S:
            self._signal(container, 9)
        return True

    def undo_init(self, container: Container | None) -> None:
        """A container whose start was cut short holds its disks without a process of its own."""
        if container is not None and container.state == "initialized":
            self.podman.run("stop", "--time", "0", container.name)

    def _signal(self, container: Container, number: int) -> None:
        try:
            self.podman.run("kill", "--signal", str(number), container.name)
        except Unreachable:
            again = self.find(container.name)
            if again is not None and again.running:
                raise

    def ensure_container(self, folder: Folder, record: MachineRecord) -> Container:
        """The machine's container, made when it isn't there."""
        known = self.find(folder.name)
        if known is not None:
            return known
        image = self.images.get(record.wanted.digest)
        config = record.wanted.config
        if image.init:
            files = {**unit_files(), "config.env": config_env(config), "machine-id": machine_id(folder, record)}
            files["system.conf.d/10-stoneware.conf"] = manager_environment(config)
            folder.tell(files, unit_links(self.masks))
        else:
            folder.tell({"env": entrypoint_env(config)}, {})
        mounts = {mount.disk: self.mounts / mount.disk for mount in record.wanted.disks}
        for point in mounts.values():
            point.mkdir(parents=True, exist_ok=True, mode=0o700)
        network = self.podman.networks().of(record.wanted.isolated)
        self.podman.run(*create_words(folder, record, image, network, mounts))
        return self.podman.containers([folder.name])[folder.name]

    def verdict(self, record: MachineRecord, container: Container | None) -> Verdict:
        return self.judged(record, container)[0]

    def judged(
        self, record: MachineRecord, container: Container | None, *, in_hand: bool = False
    ) -> tuple[Verdict, tuple[str, ...]]:
        """Power and phase, and the units that have failed. `in_hand`: somebody else is making or starting it now."""
        seen = Seen(container.running, container.started_at) if container else None
        image = self.images.find(record.wanted.digest)
        marks = read_marks(container) if container and container.running and image and image.init else None
        return judge(record, seen, marks, in_hand=in_hand), marks.failed if marks else ()


def _await_settled(container: Container) -> None:
    until = time.monotonic() + SETTLE_LIMIT_S
    while not container.settled:
        if time.monotonic() > until:
            raise Unreachable(f"what is left of the last run of {container.name} has not ended yet")
        time.sleep(0.01)
