"""The daemon dies before and after every program that it runs and every record that it writes; the next one goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.foundry import Foundry
from tests.support.layouts import container_engine, container_home, sealed_container
from tests.support.simulation import Killed

from stoneware.engines import ext4
from stoneware.engines.container import ContainerEngine, disks, folder, podman
from stoneware.errors import Unreachable
from stoneware.host.home import Home
from stoneware.model.image import Artifact
from stoneware.model.machine import DiskMount, Machine, Phase, Power, WantedDisk, WantedMachine

pytestmark = pytest.mark.host
PATIENCE_S = 30.0
DISK = WantedDisk(name="worlds", owner="town", size_bytes=64 * 2**20)
LOOKS = ("container inspect", "image inspect")


class Death:
    """Kills at each point of a step once: the step that is tried again gets one point further."""

    def __init__(self) -> None:
        self.step = ""
        self.met: set[tuple[str, str, str]] = set()

    def around(self, effect: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            called = name(*args)
            if called in LOOKS:
                return effect(*args, **more)
            self.point("before", called)
            done = effect(*args, **more)
            self.point("after", called)
            return done

        return wrapped

    def point(self, when: str, called: str) -> None:
        here = (self.step, when, called)
        if here not in self.met:
            self.met.add(here)
            raise Killed(here)


def program(words: list[Any], *_: Any) -> str:
    """`podman create`, `mount`: of podman's words, those behind the store's."""
    if words[0] != "podman":
        return str(words[0])
    behind = [str(word) for word in words[words.index("overlay") + 1 :]]
    return " ".join(behind[:2]) if behind[1:2] == ["inspect"] else f"podman {behind[0]}"


def written(path: Path, *_: Any) -> str:
    return f"write {path.name}"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with container_home(tmp_path / "home") as home:
        yield home


@pytest.fixture
def sealed(foundry: Foundry) -> Artifact:
    return sealed_container(foundry)


def wanted(artifact: Artifact, index: int) -> WantedMachine:
    return WantedMachine(
        name=f"town-web-r1-{index}",
        owner="town",
        group="web",
        fleet=1,
        index=index,
        digest=artifact.manifest.digest,
        cpus=1,
        memory_bytes=256 * 2**20,
        ports=(80,),
        disks=(DiskMount(disk=DISK.name, mount="/var/lib/critter"),),
    )


def test_a_hand_over_that_dies_everywhere_ends_well(
    home: Home, sealed: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = wanted(sealed, 0), wanted(sealed, 1)
    container_engine(home).publish_image(sealed)
    death = Death()

    def go(step: str, act: Callable[[ContainerEngine], None], done: Callable[[ContainerEngine], bool]) -> None:
        """Acts until it is done, as an operation does: by another daemon after each death."""
        death.step = step
        end, met = time.monotonic() + PATIENCE_S, list[str]()
        while True:
            assert time.monotonic() < end, f"{step}: {container_engine(home).list_machines()} after {met}"
            engine = container_engine(home)
            try:
                act(engine)
            except (Killed, Unreachable) as died:
                met.append(repr(died))
                assert len(engine.list_machines()) <= 2
                assert all(disk.writer in (None, old.name, new.name) for disk in engine.list_disks())
                continue
            if done(engine):
                return
            time.sleep(0.02)

    def at(name: str, *phases: Phase) -> Callable[[ContainerEngine], bool]:
        return lambda engine: machine(engine, name).phase in phases

    def writer(name: str | None) -> Callable[[ContainerEngine], bool]:
        return lambda engine: engine.list_disks()[0].writer == name

    monkeypatch.setattr(podman, "run", death.around(podman.run, program))
    monkeypatch.setattr(disks, "run", death.around(disks.run, program))
    monkeypatch.setattr(ext4, "run", death.around(ext4.run, program))
    monkeypatch.setattr(disks, "write_atomic", death.around(disks.write_atomic, written))
    monkeypatch.setattr(folder, "write_atomic", death.around(folder.write_atomic, written))
    go("disk", lambda engine: engine.create_disk(DISK), writer(None))
    go("old", lambda engine: engine.create_machine(old), at(old.name, Phase.WAITING))
    go("new", lambda engine: engine.create_machine(new), at(new.name, Phase.WAITING))
    go("attach", lambda engine: engine.attach_disk(DISK.name, old.name), at(old.name, Phase.SERVING))
    go("quiesce", lambda engine: engine.quiesce_machine(old.name), at(old.name, Phase.WAITING))
    go("go on", lambda engine: engine.attach_disk(DISK.name, old.name), at(old.name, Phase.SERVING))
    go("quiesce again", lambda engine: engine.quiesce_machine(old.name), at(old.name, Phase.WAITING))
    go("detach", lambda engine: engine.detach_disk(DISK.name, old.name), writer(None))
    go("hand over", lambda engine: engine.attach_disk(DISK.name, new.name), at(new.name, Phase.SERVING))
    go("stop", lambda engine: engine.stop_machine(new.name), lambda e: machine(e, new.name).power is Power.STOPPED)
    go("start", lambda engine: engine.start_machine(new.name), at(new.name, Phase.WAITING))
    go("take", lambda engine: engine.attach_disk(DISK.name, new.name), at(new.name, Phase.SERVING))
    go("delete", lambda engine: engine.delete_machine(new.name), writer(None))
    go("delete old", lambda engine: engine.delete_machine(old.name), lambda engine: engine.list_machines() == [])
    go("delete disk", lambda engine: engine.delete_disk(DISK.name), lambda engine: engine.list_disks() == [])
    called = {effect for _, _, effect in death.met}
    assert called >= {"podman create", "podman init", "podman start", "podman kill", "podman rm", "mount", "umount"}
    assert called >= {"write machine.json", "write worlds.json", "mke2fs"}


def machine(engine: ContainerEngine, name: str) -> Machine:
    return next(machine for machine in engine.list_machines() if machine.name == name)
