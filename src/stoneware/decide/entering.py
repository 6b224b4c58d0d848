"""Who may be let into a machine, and who stays in the traffic when requests are kept away from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoneware.decide.fleet import machine_names
from stoneware.model.ledger import LedgerEntry
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.release import Release
from stoneware.model.taint import Taint


def no_entry(machine: Machine, current: Release | None) -> str:
    """Why nobody is let into this machine; empty when somebody may be.

    Only a machine of the current release is in service. Others are somebody's work (a boot test, a rehearsal, a way back)
    and are thrown away or started again as they were made: looking into one isn't worth what it spoils.
    """
    if current is None or current.deployment != machine.owner:
        return f"machine {machine.name} is in no service: it is part of a test or a rehearsal, or its deployment never was up"
    if machine.group not in current.groups or machine.name not in machine_names(current, machine.group):
        return f"machine {machine.name} is not of the current release #{current.number} of {current.deployment}"
    if machine.power is not Power.RUNNING:
        return f"machine {machine.name} is {machine.power}: there is nobody to let in"
    return ""


def no_drain(machine: Machine, current: Release, machines: Mapping[str, Machine], unfit: frozenset[str]) -> str:
    """Why requests can't be kept away from a machine; empty when they can.

    `unfit` names machines that are tainted or unwell. As many may be out of the traffic as are healed at once, one more than the
    group's `unavailable`, and somebody must be left who serves.
    """
    group = current.groups[machine.group]
    others = [name for name in machine_names(current, machine.group) if name != machine.name]
    away = [name for name in others if name in unfit or not serves(machines.get(name))]
    if len(away) == len(others):
        return f"nobody else of group {machine.group} would be left to serve"
    if len(away) > group.spec.rollout.unavailable:
        return f"{', '.join(sorted(away))} can't take the requests, and the group may miss no more"
    return ""


def taints_of(machines: Mapping[str, Machine], taints: Sequence[Taint]) -> dict[str, Taint]:
    """The first taint of each of these very machines: one that was made anew since has the name and not the taint."""
    found: dict[str, Taint] = {}
    for taint in taints:
        machine = machines.get(taint.machine)
        if machine is not None and machine.created_at == taint.made_at:
            known = found.get(machine.name)
            drained = taint.drained or (known is not None and known.drained)
            found[machine.name] = (known or taint).model_copy(update={"drained": drained})
    return found


def taints_on_record(machines: Mapping[str, Machine], entries: Sequence[LedgerEntry]) -> dict[str, str]:
    """What the ledger has of the taints of these very machines, and why: an entry can't be edited without notice, a row can."""
    found: dict[str, str] = {}
    for fact in (entry.fact for entry in entries if entry.fact.verb == "machine.taint"):
        machine = machines.get(fact.subject)
        if machine is not None and fact.details.get("made_at") == f"{machine.created_at:.3f}":
            found.setdefault(machine.name, f"{fact.details.get('source', '')} by {fact.actor}: {fact.reason}")
    return found


def serves(machine: Machine | None) -> bool:
    """Whether a machine runs and has come up."""
    return machine is not None and machine.power is Power.RUNNING and machine.phase is Phase.SERVING
