"""Machines: whether those that are declared are there, made of what is declared, and no others."""

from __future__ import annotations

from collections.abc import Iterator

from stoneware.decide.drift.sight import Sight
from stoneware.model.drift import Drift
from stoneware.model.machine import Machine, Power, WantedMachine
from stoneware.model.quantity import format_size


def machine_drifts(sight: Sight) -> Iterator[Drift]:
    """Every difference between declared machines and those that the engine shows."""
    for name, wanted in sight.wanted.items():
        machine = sight.machines.get(name)
        if name in sight.aside:
            continue
        if machine is None or machine.power is not Power.RUNNING:
            yield missing_drift(sight, wanted, machine)
        else:
            yield from made_as_declared(sight, wanted, machine)
    for machine in sight.machines.values():
        known = machine.name in sight.wanted or machine.name in sight.aside
        if not known and not sight.is_idle(machine):
            yield extra_drift(sight, machine)


def extra_drift(sight: Sight, machine: Machine) -> Drift:
    """A machine of no place."""
    expected, found = "no such machine", f"{machine.power} with image {machine.digest[:19]}"
    remedy = f"find out who made {machine.name}, and end it"
    return sight.differs("machine.extra", machine.name, expected, found, remedy=remedy)


def missing_drift(sight: Sight, wanted: WantedMachine, machine: Machine | None) -> Drift:
    """A place without a machine that runs; `machine` is the one that doesn't."""
    found = "it isn't there" if machine is None else f"its process is {machine.power.lower()}"
    return sight.differs("machine.missing", wanted.name, f"running, with image {wanted.digest[:19]}", found)


def made_as_declared(sight: Sight, wanted: WantedMachine, machine: Machine) -> Iterator[Drift]:
    """What a machine that runs was made with, against what is declared for its place."""
    evidence, name = sight.evidence.get(wanted.name), wanted.name
    if machine.digest != wanted.digest:
        yield sight.differs("machine.image", name, wanted.digest, machine.digest)
    elif evidence and evidence.digest != wanted.digest:
        yield sight.differs("machine.image", name, wanted.digest, evidence.digest, where="process")
    expected, found = _shape(wanted.cpus, wanted.memory_bytes), _shape(machine.cpus, machine.memory_bytes)
    if expected == found and evidence:
        found = _shape(evidence.cpus, evidence.memory_bytes)
    if expected != found:
        yield sight.differs("machine.size", name, expected, found)
    disks, plugged = sorted(mount.disk for mount in wanted.disks), sorted(machine.attached)
    if disks != plugged:
        yield sight.differs("machine.disk", name, ", ".join(disks) or "none", ", ".join(plugged) or "none")
    ports, reached = sorted(wanted.ports), sorted(machine.addresses)
    if ports != reached:
        yield sight.differs("machine.address", name, _numbers(ports), _numbers(reached))
    for address in evidence.reached if evidence else ():
        yield sight.differs("machine.address", name, "not there", f"it can be reached at {address}", where=address)
    if evidence and evidence.made_from:
        yield from _configured(sight, wanted, evidence.made_from)


def _configured(sight: Sight, wanted: WantedMachine, made: WantedMachine) -> Iterator[Drift]:
    """Values stay untold: a report goes further than the file that declares them."""
    for what, declared, has in (("config", wanted.config, made.config), ("secrets", wanted.secrets, made.secrets)):
        for key in sorted({*declared, *has}):
            if declared.get(key) != has.get(key):
                expected = "the declared value" if key in declared else "not set"
                found = "not set" if key not in has else "another value" if key in declared else "set"
                yield sight.differs("machine.configuration", wanted.name, expected, found, where=f"{what}.{key}")


def _shape(cpus: int, memory_bytes: int) -> str:
    return f"{cpus} cpus, {format_size(memory_bytes)} memory"


def _numbers(ports: list[int]) -> str:
    return ", ".join(map(str, ports)) or "none"


def files_drifts(sight: Sight) -> Iterator[Drift]:
    """What the processes of machines that serve really work on."""
    for wanted, _ in sight.serving:
        evidence = sight.evidence.get(wanted.name)
        for sentence in evidence.opened if evidence else ():
            yield sight.differs("machine.files", wanted.name, "the files of its image", sentence, where=sentence)


def taint_drifts(sight: Sight) -> Iterator[Drift]:
    """Machines of which somebody said that they can't be vouched for."""
    for name, why in sight.taints.items():
        if name in sight.machines and name not in sight.aside:
            yield sight.differs("machine.tainted", name, "nobody was in it", why)
