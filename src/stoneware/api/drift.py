"""Drift: the verdict on deployments, a look on demand, and machines that are kept for inspection."""

from __future__ import annotations

from fastapi import APIRouter

from stoneware.api.services import Actor, Given, Name, Reason
from stoneware.errors import NotFound
from stoneware.model.drift import DriftReport, Quarantine

router = APIRouter(tags=["drift"])


@router.get("/v1/drift")
def list_drift(services: Given) -> list[DriftReport]:
    """What the last looks found, by deployment; also machines of deployments that there aren't."""
    names = [record.name for record in services.store.releases.deployments()]
    return [*(services.drift.report(name) for name in names), *services.drift.strangers()]


@router.get("/v1/deployments/{name}/drift")
def show_drift(services: Given, name: Name) -> DriftReport:
    """What the last look at a deployment found."""
    _must_exist(services, name)
    return services.drift.report(name)


@router.post("/v1/deployments/{name}/drift")
def check_drift(services: Given, name: Name) -> DriftReport:
    """Looks at a deployment now, again and again until nothing is in doubt: a few seconds where something differs."""
    _must_exist(services, name)
    return services.drift.check(name)


@router.get("/v1/quarantine")
def list_quarantine(services: Given) -> list[Quarantine]:
    """Machines that get no traffic and are kept for inspection."""
    return services.store.drifts.quarantined()


@router.delete("/v1/quarantine/{machine}")
def release_machine(services: Given, machine: str, actor: Actor, reason: Reason = "") -> Quarantine:
    """Lets a machine go that was kept for inspection: housekeeping deletes it soon."""
    known = {one.machine: one for one in services.store.drifts.quarantined()}
    if machine not in known:
        raise NotFound(f"machine {machine} isn't kept for inspection", "`stoneware drift` names those that are")
    return services.store.drifts.release(known[machine], actor, reason)


def _must_exist(services: Given, name: str) -> None:
    if name not in [record.name for record in services.store.releases.deployments()]:
        raise NotFound(f"no deployment {name}", "`stoneware status` shows what there is", code="deployment-not-found")
