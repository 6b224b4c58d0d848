"""Deployments: plan, deploy, roll back, signal, look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from fastapi import APIRouter

from stoneware.api.services import (
    Actor,
    Declared,
    DeploymentStatus,
    DeployRequest,
    Given,
    Key,
    Name,
    Number,
    PlanRequest,
    Reason,
    RollbackRequest,
    Services,
    SignalRequest,
    Started,
    Why,
)
from stoneware.api.views import machine_views
from stoneware.errors import Conflict, EngineError, NotFound
from stoneware.model.machine import Disk, Machine
from stoneware.model.operation import OperationRecord, Signal, SignalKind
from stoneware.model.plan import Plan
from stoneware.model.release import Release
from stoneware.model.route import RouteView
from stoneware.names import environment_deployment, service_key, shadow_owner
from stoneware.operations.looking_back import LookingBack
from stoneware.operations.rehearsal import shadow_frame, way_back_of
from stoneware.operations.teardown import teardown_frame
from stoneware.operations.telling import plan_told
from stoneware.spec.environments import Target, environments_of, targets
from stoneware.spec.load import parse

router = APIRouter(tags=["deployments"])
T = TypeVar("T")


def _declared(body: Declared, name: str) -> Target:
    document = parse(body.text, body.file, Path(body.folder)).document
    known = targets(document)
    if name in known:
        return known[name]
    environments = environments_of(document, name)
    if environments:
        each = ", ".join(environment_deployment(name, one) for one in environments)
        raise NotFound(f"{name} is deployed in environments alone", f"name one of: {each}", code="deployment-not-found")
    raise NotFound(
        f"{body.file} declares no deployment {name}",
        f"it declares: {', '.join(known) or 'none'}",
        code="deployment-not-found",
    )


@router.get("/v1/deployments")
def list_deployments(services: Given) -> list[DeploymentStatus]:
    """All deployments that run or have run."""
    return [_status(services, record.name) for record in services.store.releases.deployments()]


@router.get("/v1/deployments/{name}")
def show_deployment(services: Given, name: Name) -> DeploymentStatus:
    """One deployment as it is now."""
    _must_exist(services, name)
    return _status(services, name)


@router.post("/v1/deployments/{name}/plan")
def plan_deployment(services: Given, name: Name, body: PlanRequest, actor: Actor) -> Plan:
    """What a deploy would change now. Changes nothing; that it was asked is in the ledger."""
    plan = services.gatekeeping.plan(name, _declared(body, name), actor, body.force)
    services.enter("release.plan", name, actor, body.reason, plan_told(plan))
    return plan


@router.post("/v1/deployments/{name}/releases", status_code=202)
def deploy(services: Given, name: Name, body: DeployRequest, actor: Actor, key: Key = None) -> Started:
    """Makes a release and starts its rollout."""
    if same := services.repeated(key, "rollout", name):
        return Started(operation=same)
    plan, operation = services.gatekeeping.deploy(
        name, _declared(body, name), actor, body.reason, key, body.seen, body.force
    )
    services.worker.poke()
    return Started(plan=plan, operation=operation)


@router.post("/v1/deployments/{name}/rollback", status_code=202)
def roll_back(services: Given, name: Name, body: RollbackRequest, actor: Actor, key: Key = None) -> Started:
    """Goes back to an earlier release; a rollout that is under way turns back."""
    if same := services.repeated(key, "rollout", name):
        return Started(operation=same)
    plan, operation = services.releasing.rollback(name, body.to, actor, body.reason, key, body.seen, body.restore_data)
    services.worker.poke()
    return Started(plan=plan, operation=operation)


@router.post("/v1/deployments/{name}/rollback/plan")
def plan_rollback(services: Given, name: Name, body: RollbackRequest, actor: Actor) -> Plan:
    """What a rollback would change now. Changes nothing; that it was asked is in the ledger."""
    plan = services.releasing.plan_rollback(name, body.to, body.restore_data)
    services.enter("release.plan", name, actor, body.reason, plan_told(plan))
    return plan


@router.post("/v1/deployments/{name}/rehearsals", status_code=202)
def rehearse_rollback(services: Given, name: Name, body: Why, actor: Actor, key: Key = None) -> OperationRecord:
    """Starts a rehearsal of the way back: on copies of the disks, without traffic, and beside everything that serves."""
    if same := services.repeated(key, "rehearsal", shadow_owner(name)):
        return same
    _must_exist(services, name)
    current = services.store.releases.current(name)
    if current is None:
        raise NotFound(f"{name} has no current release", "`stoneware deploy` makes one", code="release-not-found")
    target = services.releasing.rollback_target(name, None, current)
    frame = shadow_frame(target, current, services.clock.now())
    return services.begin("rehearsal", shadow_owner(name), frame, actor=actor, reason=body.reason, key=key)


@router.post("/v1/deployments/{name}/signals", status_code=202)
def signal_deployment(
    services: Given, name: Name, body: SignalRequest, actor: Actor, key: Key = None
) -> OperationRecord:
    """Tells what is under way for a deployment to pause, resume, go on or go back; `retry` starts what failed once more."""
    if same := services.repeated(key, None, name):
        return same
    active = services.store.operations.active(name)
    if active is None and body.kind is SignalKind.RETRY:
        again = services.gatekeeping.retry(name, actor, body.reason, key, body.force)
        services.worker.poke()
        return again
    if active is None:
        raise NotFound(
            f"nothing is under way for {name}", "`stoneware history` shows what was", code="operation-not-found"
        )
    return send_signal(services, active, body, actor, key)


@router.delete("/v1/deployments/{name}", status_code=202)
def destroy(services: Given, name: Name, actor: Actor, reason: Reason = "", key: Key = None) -> OperationRecord:
    """Ends a deployment: services and machines go, disks stay. What is under way for it is given up."""
    if same := services.repeated(key, "teardown", name):
        return same
    releases = services.store.releases.list(name)
    if not releases:
        raise NotFound(f"no deployment {name}", "`stoneware status` shows what there is", code="deployment-not-found")
    frame = teardown_frame(releases, services.store.operations.active(name), services.clock.now())
    return services.begin("teardown", name, frame, actor=actor, reason=reason, key=key, instead=True)


@router.get("/v1/deployments/{name}/releases")
def list_releases(services: Given, name: Name) -> list[Release]:
    """All retained releases, oldest first."""
    _must_exist(services, name)
    return services.store.releases.list(name)


class ShownRelease(Release):
    """A release as it is on record. `altered` are places in which its row in the database says something else: nobody believes
    it."""

    altered: tuple[str, ...] = ()


@router.get("/v1/deployments/{name}/releases/{number}")
def show_release(services: Given, name: Name, number: Number) -> ShownRelease:
    """One release, whole: retained, or of the past."""
    found = LookingBack(services.store).release(name, number)
    return ShownRelease(**dict(found), altered=services.store.releases.altered(name, number) or ())


def send_signal(
    services: Services, to: OperationRecord, body: SignalRequest, actor: str, key: str | None
) -> OperationRecord:
    """Leaves a signal for an operation; what it wishes may be so already. Raises Conflict where it means nothing."""
    if same := services.repeated(key, to.kind, to.subject):
        return same
    procedure, under_way = services.procedures[to.kind], to.result is None
    if under_way and not services.store.operations.signals(to.id) and procedure.already(body.kind, to):
        return to
    objection = procedure.objection(body.kind, to)
    if under_way and objection:  # what is over says so itself
        raise Conflict(
            f"{to.id}: {objection}", "`stoneware status --watch` shows how it goes on", code="signal-refused"
        )
    signal = Signal(kind=body.kind, actor=actor, reason=body.reason, at=services.clock.now())
    services.store.operations.signal(to.id, signal, key)
    services.worker.poke()
    return services.store.operations.get(to.id)


def _must_exist(services: Services, name: str) -> None:
    if name not in [record.name for record in services.store.releases.deployments()]:
        raise NotFound(f"no deployment {name}", "`stoneware deploy` makes it", code="deployment-not-found")


def _status(services: Services, name: str) -> DeploymentStatus:
    current = services.store.releases.current(name)
    retained = services.store.releases.list(name)
    ended = services.store.operations.ended(name)
    notes = [*_revoked(services, current), *services.notes(name)] if current else []
    routes: list[RouteView] = []
    machines: list[Machine] = []
    disks: list[Disk] = []
    if retained:
        engine = (current or retained[-1]).spec.engine
        machines += _seen(lambda: services.platforms.get(engine).engine.list_machines(name), notes)
        disks += _seen(lambda: services.platforms.get(engine).engine.list_disks(name), notes)
        for service in sorted({s for release in retained for s in release.spec.services}):
            routes += _seen(partial(_route, services, engine, service_key(name, service)), notes)
    return DeploymentStatus(
        name=name,
        current=current,
        operation=services.store.operations.active(name),
        last=ended[0] if ended else None,
        routes=tuple(routes),
        machines=tuple(machine_views(services, machines)),
        disks=tuple(disks),
        notes=tuple(dict.fromkeys(notes)),
        way_back=way_back_of(services.store, name),
        drift=services.drift.report(name) if current else None,
    )


def _revoked(services: Services, current: Release) -> list[str]:
    """A note for each group that runs what nobody may use any more."""
    images = {name: services.store.catalog.get(group.digest) for name, group in current.groups.items()}
    return [
        f"group {name} runs {image.name}, which is revoked: {image.revoked_reason}"
        for name, image in images.items()
        if image.revoked_at is not None
    ]


def _seen(look: Callable[[], Sequence[T]], notes: list[str]) -> Sequence[T]:
    """What one look at an engine or a proxy shows. Nothing, and a note, when it can't be looked at: the rest is shown still."""
    try:
        return look()
    except EngineError as away:
        notes.append(str(away))
        return ()


def _route(services: Services, engine: str, key: str) -> list[RouteView]:
    view = services.platforms.get(engine).switch.read(key)
    return [view] if view else []
