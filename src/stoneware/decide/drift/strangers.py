"""Machines and services of owners that no deployment has: what nobody declared, and nobody looks after."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from stoneware.model.drift import Drift
from stoneware.model.drift_classes import CLASSES
from stoneware.model.machine import Machine, Power
from stoneware.model.setting import Edited

REHEARSAL = ".rehearsal"


def cut_off_releases(known: Mapping[str, Edited], under_way: Collection[str], now: float) -> Iterator[Drift]:
    """Deployments that have a current release on record, and by their rows none that there is: nobody looks after them."""
    what = CLASSES["release.changed"]
    for name, edited in known.items():
        if name not in under_way:
            yield Drift(
                kind="release.changed",
                view=what.view,
                severity=what.severity,
                deployment=name,
                subject=f"{name}#{edited.on_record}",
                where="current",
                expected=f"release {edited.on_record} is current",
                found=f"its row says release {edited.found}" if edited.found else "its row says that none is",
                since=now,
                remedy=f"`stoneware ledger verify` says whether the ledger holds; then deploy {name} again",
                policy=what.policy,
            )


def stranger_services(
    services: Sequence[str], owners: Collection[str], under_way: Collection[str], now: float
) -> Iterator[Drift]:
    """Services (`OWNER.NAME`) of owners that no deployment is called by, and that no operation is about to make or end."""
    known = CLASSES["route.extra"]
    for name in services:
        owner = name.rpartition(".")[0]
        if owner in owners or owner in under_way:
            continue
        yield Drift(
            kind="route.extra",
            view=known.view,
            severity=known.severity,
            deployment=owner or name,
            subject=name,
            expected="no such service",
            found="a service of this name",
            since=now,
            remedy=f"find out who made {name}, and end it",
            policy=known.policy,
        )


def stranger_drifts(
    machines: Sequence[Machine],
    owners: Collection[str],
    under_way: Collection[str],
    testers: Collection[str],
    now: float,
) -> Iterator[Drift]:
    """`owners` are deployments that have a current release, `under_way` the subjects of all operations, `testers` the owners whose
    machines belong to operations without a deployment (a bake's): they count only when no such operation is under way."""
    known = CLASSES["machine.extra"]
    others = [subject for subject in under_way if ":" in subject]
    for machine in machines:
        deployment = machine.owner.removesuffix(REHEARSAL)
        if machine.owner in owners or deployment in under_way or (machine.owner in testers and others):
            continue
        if machine.power is not Power.RUNNING and machine.owner not in testers:
            continue  # idle, from before its deployment ended
        yield Drift(
            kind="machine.extra",
            view=known.view,
            severity=known.severity,
            deployment=machine.owner,
            subject=machine.name,
            expected="no such machine",
            found=f"{machine.power} with image {machine.digest[:19]}",
            since=now,
            remedy=f"find out who made {machine.name}, and end it",
            policy=known.policy,
            made_at=machine.created_at,
        )
