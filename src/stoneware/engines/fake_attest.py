"""The part of the engine in memory that says what its machines run, and that lets tests meddle with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from stoneware.clock import Clock
from stoneware.errors import NotFound, Refused
from stoneware.model.evidence import Evidence, Inside, Layer
from stoneware.model.machine import Disk, Phase, Power

UNITS = ("app.service", "app.socket")
PROGRAMS = ("/usr/lib/systemd/systemd", "/usr/sbin/app")


def healthy_inside(ports: tuple[int, ...], roots: tuple[str, ...] = ()) -> Inside:
    """What a machine says of itself in which nobody meddled: what a boot test would have put on record."""
    return Inside(
        layers=tuple(Layer(root_hash=root) for root in roots),
        listening=tuple(f"tcp/{port}" for port in sorted(ports)),
        units=UNITS,
        programs=PROGRAMS,
    )


class FakeAttest(ABC):
    """`meddle` changes what a machine's evidence will be from now on, until it is made anew. `edit_machine` and `edit_disk` change
    what the cloud has, as somebody with rights there could. No effect is counted: nobody asked for it."""

    clock: Clock
    _state: Any
    _meddled: dict[str, tuple[float, list[Callable[[Evidence], Evidence]]]]

    @abstractmethod
    def _maybe_fail(self, verb: str, *, after: bool) -> None: ...

    @abstractmethod
    def _phase(self, machine: Any) -> Phase: ...

    @abstractmethod
    def _save(self, **changes: object) -> None: ...

    def meddle(self, name: str, change: Callable[[Evidence], Evidence]) -> None:
        """Something happens in a machine, or to its process."""
        made_at = self._state.machines[name].created_at
        known = self._meddled.get(name)
        before = known[1] if known and known[0] == made_at else []
        self._meddled[name] = (made_at, [*before, change])

    def meddle_inside(self, name: str, **changes: object) -> None:
        """The same, with what the machine says of itself: `written=("/etc/motd",)`. Lists grow, everything else is put in place."""

        def change(evidence: Evidence) -> Evidence:
            inside = evidence.inside or Inside()
            lists = {"written", "mounted", "listening", "units", "programs", "sessions"}
            grown = {k: (*getattr(inside, k), *v) if k in lists else v for k, v in changes.items()}  # type: ignore[misc]
            return evidence.model_copy(update={"inside": inside.model_copy(update=grown)})

        self.meddle(name, change)

    def edit_machine(self, name: str, /, **wanted: object) -> None:
        """A machine is another one than it was made as, under the same name; `name=` makes one more of it."""
        known = self._state.machines[name]
        fresh = known.model_copy(update={"wanted": known.wanted.model_copy(update=wanted)})
        self._save(machines={**self._state.machines, fresh.wanted.name: fresh})

    def forget_machine(self, name: str) -> None:
        """A machine vanishes with its record."""
        self._save(machines={n: m for n, m in self._state.machines.items() if n != name})

    def edit_disk(self, name: str, /, **changes: object) -> None:
        """A disk is another one than it was made as; `name=` makes one more of it."""
        fresh: Disk = self._state.disks[name].model_copy(update=changes)
        self._save(disks={**self._state.disks, fresh.name: fresh})

    def forget_disk(self, name: str) -> None:
        """A disk vanishes."""
        self._save(disks={n: d for n, d in self._state.disks.items() if n != name})

    def attest(self, name: str) -> Evidence:
        self._maybe_fail("attest", after=False)
        machine = self._state.machines.get(name)
        if machine is None:
            raise NotFound(f"no machine {name}")
        if machine.power is not Power.RUNNING:
            raise Refused(f"machine {name} is {machine.power}")
        wanted, phase = machine.wanted, self._phase(machine)
        roots = self._state.roots.get(wanted.digest, ())
        answers = phase is Phase.SERVING
        evidence = Evidence(
            machine=name,
            run=f"{name}@{machine.booted_at}",
            at=self.clock.now(),
            digest=wanted.digest,
            cpus=wanted.cpus,
            memory_bytes=wanted.memory_bytes,
            inside=healthy_inside(wanted.ports, roots) if answers else None,
            silence="" if answers else f"it is {phase}",
            made_from=wanted,
        )
        made_at, changes = self._meddled.get(name, (0.0, []))
        for change in changes if made_at == machine.created_at else ():
            evidence = change(evidence)
        return evidence
