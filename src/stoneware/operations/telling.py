"""What entries of the ledger say of machines, disks and releases: enough to say later what there was."""

from __future__ import annotations

from stoneware.model.ledger import Fact
from stoneware.model.machine import WantedDisk, WantedMachine
from stoneware.model.plan import Plan
from stoneware.model.release import Release


def machine_told(wanted: WantedMachine) -> dict[str, str]:
    """What a machine is made from. `release` is the number of the release that first had its content."""
    return {
        "digest": wanted.digest,
        "owner": wanted.owner,
        "group": wanted.group,
        "release": str(wanted.fleet),
        "index": str(wanted.index),
    }


def disk_told(wanted: WantedDisk) -> dict[str, str]:
    """Whose a disk is, and how large."""
    return {"owner": wanted.owner, "size_bytes": str(wanted.size_bytes)}


def schema_told(data_schema: int | None) -> dict[str, str]:
    """Which schema the data of a disk has from now on, if it is known."""
    return {} if data_schema is None else {"schema": str(data_schema)}


def plan_told(plan: Plan) -> dict[str, str]:
    """What a plan would do: to each group, and to which image."""
    groups = {group.group: f"{group.action} {group.image} {group.digest}".strip() for group in plan.groups}
    services = {f"service {one.service}": one.action for one in plan.services}
    return {"target": str(plan.release), "source": str(plan.source or ""), **groups, **services}


def release_made(release: Release) -> Fact:
    """That a release is made, by whom and why."""
    subject = f"{release.deployment}#{release.number}"
    details = release_told(release)
    return Fact(verb="release.create", subject=subject, actor=release.actor, reason=release.reason, details=details)


def release_told(release: Release) -> dict[str, str]:
    """What each group of a release is made of, and under `manifest` the whole release as JSON: it outlives the time for which
    the release is retained."""
    images = {name: f"{group.image} {group.digest}" for name, group in release.groups.items()}
    secrets = {
        f"{name} secret {variable}": reference
        for name, group in release.groups.items()
        for variable, reference in group.secrets.items()
    }
    return {**images, **secrets, "manifest": release.model_dump_json()}
