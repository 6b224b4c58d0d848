"""Deployments: plan, deploy, roll back, signal, look."""

from __future__ import annotations

from fastapi import APIRouter, Request

from stoneware.api.services import (
    Actor,
    Declared,
    DeploymentStatus,
    Key,
    Name,
    Reason,
    RollbackRequest,
    Services,
    SignalRequest,
    Started,
)
from stoneware.errors import Conflict, EngineError, NotFound
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.operation import OperationRecord, Signal
from stoneware.model.plan import Plan
from stoneware.model.release import Release
from stoneware.model.route import RouteView
from stoneware.names import service_key
from stoneware.operations.teardown import teardown_frame
from stoneware.spec.load import parse

router = APIRouter(tags=["deployments"])


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _declared(body: Declared, name: str) -> DeploymentSpec:
    document = parse(body.text, body.file, body.folder).document
    if name not in document.deployments:
        known = ", ".join(document.deployments) or "none"
        raise NotFound(f"{body.file} declares no deployment {name}", f"it declares: {known}")
    return document.deployments[name]


@router.get("/v1/deployments")
def list_deployments(request: Request) -> list[DeploymentStatus]:
    """All deployments that run or have run."""
    return [_status(_services(request), record.name) for record in _services(request).store.releases.deployments()]


@router.get("/v1/deployments/{name}")
def show_deployment(request: Request, name: Name) -> DeploymentStatus:
    """One deployment as it is now."""
    services = _services(request)
    if name not in [record.name for record in services.store.releases.deployments()]:
        raise NotFound(f"no deployment {name}", "`stoneware deploy` makes it")
    return _status(services, name)


@router.post("/v1/deployments/{name}/plan")
def plan_deployment(request: Request, name: Name, body: Declared, actor: Actor) -> Plan:
    """What a deploy would change now. Changes nothing."""
    return _services(request).releasing.plan(name, _declared(body, name), actor)[1]


@router.post("/v1/deployments/{name}/releases", status_code=202)
def deploy(request: Request, name: Name, body: Declared, actor: Actor, key: Key = None) -> Started:
    """Makes a release and starts its rollout."""
    services = _services(request)
    plan, operation = services.releasing.deploy(name, _declared(body, name), actor, body.reason, key)
    services.worker.poke()
    return Started(plan=plan, operation=operation)


@router.post("/v1/deployments/{name}/rollback", status_code=202)
def roll_back(request: Request, name: Name, body: RollbackRequest, actor: Actor, key: Key = None) -> Started:
    """Goes back to an earlier release; a rollout that is under way turns back."""
    services = _services(request)
    plan, operation = services.releasing.rollback(name, body.to, actor, body.reason, key)
    services.worker.poke()
    return Started(plan=plan, operation=operation)


@router.post("/v1/deployments/{name}/rollback/plan")
def plan_rollback(request: Request, name: Name, body: RollbackRequest) -> Plan:
    """What a rollback would change now. Changes nothing."""
    return _services(request).releasing.plan_rollback(name, body.to)


@router.post("/v1/deployments/{name}/signals", status_code=202)
def signal_deployment(request: Request, name: Name, body: SignalRequest, actor: Actor) -> OperationRecord:
    """Tells what is under way for a deployment to pause, resume, go on or go back."""
    return send_signal(_services(request), name, body, actor)


@router.delete("/v1/deployments/{name}", status_code=202)
def destroy(request: Request, name: Name, actor: Actor, reason: Reason = "", key: Key = None) -> OperationRecord:
    """Ends a deployment: services and machines go, disks stay. What is under way for it is given up."""
    services = _services(request)
    releases = services.store.releases.list(name)
    if not releases:
        raise NotFound(f"no deployment {name}", "`stoneware status` shows what there is")
    frame = teardown_frame(releases, services.store.operations.active(name), services.clock.now())
    record = services.store.operations.create(
        kind="teardown", subject=name, actor=actor, reason=reason, state="UNROUTING", frame=frame, key=key, instead=True
    )
    services.worker.poke()
    return record


@router.get("/v1/deployments/{name}/releases")
def list_releases(request: Request, name: Name) -> list[Release]:
    """All retained releases, oldest first."""
    return _services(request).store.releases.list(name)


@router.get("/v1/deployments/{name}/releases/{number}")
def show_release(request: Request, name: Name, number: int) -> Release:
    """One release, whole."""
    return _services(request).store.releases.get(name, number)


def send_signal(services: Services, subject: str, body: SignalRequest, actor: str) -> OperationRecord:
    """Leaves a signal for what is under way. Raises NotFound without any, Conflict where it means nothing."""
    active = services.store.operations.active(subject)
    if active is None:
        raise NotFound(f"nothing is under way for {subject}", "`stoneware history` shows what was")
    objection = services.procedures[active.kind].objection(body.kind, active.state)
    if objection:
        raise Conflict(f"{active.id}: {objection}", "`stoneware status --watch` shows how it goes on")
    signal = Signal(kind=body.kind, actor=actor, reason=body.reason, at=services.clock.now())
    services.store.operations.signal(active.id, signal)
    services.worker.poke()
    return services.store.operations.get(active.id)


def _status(services: Services, name: str) -> DeploymentStatus:
    current = services.store.releases.current(name)
    retained = services.store.releases.list(name)
    active = services.store.operations.active(name)
    ended = services.store.operations.list(subject=name, unfinished=False, limit=1)
    notes: list[str] = []
    routes: list[RouteView] = []
    latest = retained[-1] if retained else None
    engine = (current or latest).spec.engine if (current or latest) else None  # type: ignore[union-attr]
    machines, disks = [], []
    if engine:
        platform = services.platforms.get(engine)
        machines, disks = list(platform.engine.list_machines(name)), list(platform.engine.list_disks(name))
        for service in sorted({s for release in retained for s in release.spec.services}):
            try:
                view = platform.switch.read(service_key(name, service))
            except EngineError as away:
                notes.append(str(away))
                continue
            if view:
                routes.append(view)
    return DeploymentStatus(
        name=name,
        current=current,
        operation=active,
        last=ended[0] if ended else None,
        routes=tuple(routes),
        machines=tuple(machines),
        disks=tuple(disks),
        notes=tuple(notes),
    )
