"""What is known of a thing, gathered for its explanation from store, engines, proxies and the watch. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from stoneware.clock import Clock
from stoneware.decide.drift.verdict import RANKS, judged
from stoneware.decide.explain.deployment import DeploymentFacts, explain_deployment
from stoneware.decide.explain.image import ImageFacts, explain_image
from stoneware.decide.explain.machine import MachineFacts, explain_machine
from stoneware.decide.explain.operation import Course, explain_operation
from stoneware.decide.explain.resolve import resolve
from stoneware.decide.fleet import machine_names
from stoneware.decide.lifecycle import newest_active
from stoneware.errors import EngineError, NotFound
from stoneware.model.drift import Drift
from stoneware.model.explanation import Explanation, Subject
from stoneware.model.health import Health
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.operation import OperationRecord
from stoneware.model.release import Release
from stoneware.model.route import RouteView
from stoneware.names import rehearsal_owner, service_key
from stoneware.operations.platform import Platform, Platforms
from stoneware.operations.procedure import Frame, Procedure
from stoneware.operations.rehearsal import way_back_of
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.shadow import ShadowFrame
from stoneware.operations.usage import users_of
from stoneware.store.store import Store

CONSOLE_LINES = 8
MOST_OPERATIONS = 1000
T = TypeVar("T")


@dataclass(frozen=True)
class Explaining:
    """`notes(deployment)` says what is wrong with its machines and isn't being mended; `health(names)` what the watch knows."""

    store: Store
    platforms: Platforms
    clock: Clock
    procedures: Mapping[str, Procedure[Any]]
    notes: Callable[[str], Sequence[str]]
    health: Callable[[Collection[str]], Mapping[str, Health]]

    def all(self) -> list[Explanation]:
        """Every deployment, and what is under way and belongs to none."""
        names = [record.name for record in self.store.releases.deployments()]
        under_way = self.store.operations.list(unfinished=True, limit=MOST_OPERATIONS)
        others = [record for record in under_way if record.subject not in names]
        return [self._deployment(name) for name in names] + [self._operation(record) for record in others]

    def one(self, given: str) -> Explanation:
        """The thing of that name. Raises NotFound with names that are near, BadInput when several have it."""
        machines = self._machines()
        kind, name = resolve(given, self._names(given, machines))
        if kind == "deployment":
            return self._deployment(name)
        if kind == "machine":
            return self._machine(next(one for one in machines if one.name == name))
        if kind == "operation":
            return self._operation(self.store.operations.get(name))
        return self._image(name)

    def _names(self, given: str, machines: Sequence[Machine]) -> dict[Subject, list[str]]:
        """All names that there are. An image has that by which it was asked for, too: the beginning of its digest."""
        images = [image.name for image in self.store.catalog.list(deleted=True)]
        operations = [record.id for record in self.store.operations.list(limit=MOST_OPERATIONS)]
        asked = given.partition(":")[2] if given.startswith("image:") else given
        digest = _found(lambda: self.store.catalog.get(asked).digest)
        older = _found(lambda: self.store.operations.get(given.removeprefix("operation:")).id)
        return {
            "deployment": [record.name for record in self.store.releases.deployments()],
            "machine": [machine.name for machine in machines],
            "image": [*images, *([asked] if digest and asked not in images else [])],
            "operation": [*operations, *([older] if older and older not in operations else [])],
        }

    def _deployment(self, name: str) -> Explanation:
        releases = self.store.releases
        current, retained, active = releases.current(name), releases.list(name), self.store.operations.active(name)
        ended = self.store.operations.ended(name)
        notes, machines, routes, away = list(self._notes(name, current)), [], [], False
        latest = current or (retained[-1] if retained else None)
        if latest:
            try:
                machines = list(self.platforms.get(latest.spec.engine).engine.list_machines(name))
                routes = self._routes(retained)
            except EngineError as error:
                away = True
                notes.append(str(error))
        facts = DeploymentFacts(
            name=name,
            current=current,
            course=self._course(active) if active else None,
            last=ended[0] if ended else None,
            routes=routes,
            machines=machines,
            health=self.health([machine.name for machine in machines]) if active is None else {},
            notes=notes,
            way_back=way_back_of(self.store, name),
            drifts=self._drifts(name, current),
            away=away,
        )
        return self._with_console(explain_deployment(facts, self.clock.now()))

    def _machine(self, machine: Machine) -> Explanation:
        retained = self.store.releases.list(machine.owner)
        active = self.store.operations.active(machine.owner)
        course = self._course(active) if active else None
        known = course.health if course else self.health([machine.name])
        current = self.store.releases.current(machine.owner) if retained else None
        facts = MachineFacts(
            machine=machine,
            image=_found(lambda: self.store.catalog.get(machine.digest)),
            current=current,
            routes=_found(lambda: self._routes(retained)) or [],
            health=known.get(machine.name),
            course=course,
            notes=self.notes(machine.owner),
            drifts=[one for one in self._drifts(machine.owner, current) if one.subject == machine.name],
        )
        return self._with_console(explain_machine(facts, self.clock.now()))

    def _image(self, ref: str) -> Explanation:
        image = self.store.catalog.get(ref)
        users = _found(lambda: sorted(users_of(self.store, self.platforms, image)))
        facts = ImageFacts(
            image=image,
            resolved=newest_active(self.store.catalog.list(image.family), self.clock.now()),
            boot_test=self.store.catalog.boot_test(image.digest),
            users=users
            if users is not None
            else [f"release {one}" for one in self.store.releases.pinned(image.digest)],
            drifts=self._drifts_of(image.name),
        )
        return explain_image(facts, self.clock.now())

    def _operation(self, record: OperationRecord) -> Explanation:
        return self._with_console(explain_operation(self._course(record), self.clock.now()))

    def _course(self, record: OperationRecord) -> Course:
        """An operation with its rules: how long its state may last, and where it goes from there."""
        procedure = self.procedures[record.kind]
        frame = procedure.frame_type.model_validate(record.frame)
        rollout = frame if isinstance(frame, RolloutFrame) else None
        return Course(
            record=record,
            entered_at=frame.entered_at,
            limit_s=None if record.result else _found(lambda: procedure.deadline(record, frame)),
            going_back=procedure.going_back(record.state),
            source=rollout.source if rollout else None,
            target=rollout.target if rollout else None,
            asks=rollout is not None and self._asks(record, rollout, procedure),
            health=getattr(frame, "health", {}),
            booting=self._booting(record, frame) if record.result is None else (),
            journal=self.store.operations.journal(record.id),
        )

    def _booting(self, record: OperationRecord, frame: Frame) -> list[str]:
        """The machines of an operation that don't serve yet, though they should: those of a rehearsal, then those of where it
        leads."""
        apart, engine, wanted = record.subject, getattr(frame, "engine", ""), list[str]()
        if isinstance(frame, RolloutFrame):
            release = _found(lambda: self.store.releases.get(record.subject, frame.target))
            apart, engine = rehearsal_owner(record.subject), release.spec.engine if release else ""
            wanted = [name for group in release.groups for name in machine_names(release, group)] if release else []
        elif not isinstance(frame, ShadowFrame):
            return []
        platform = self.platforms.by_engine.get(engine)
        seen = (_found(platform.engine.list_machines) if platform else None) or ()
        late = {
            one.name: one.owner for one in seen if one.phase is not Phase.SERVING and one.power is not Power.STOPPED
        }
        return [*(name for name, owner in sorted(late.items()) if owner == apart), *(n for n in wanted if n in late)]

    def _asks(self, record: OperationRecord, frame: RolloutFrame, procedure: Procedure[Any]) -> bool:
        """Whether a failure now would wait for a person."""
        release = _found(lambda: self.store.releases.get(record.subject, frame.target))
        by_itself = release is None or all(group.spec.rollout.auto_rollback for group in release.groups.values())
        return "AWAITING_DECISION" in procedure.NEXT.get(record.state, ()) and not by_itself

    def _routes(self, retained: Sequence[Release]) -> list[RouteView]:
        """All routes of a deployment that are in force. Raises EngineError."""
        services = sorted({(release.spec.engine, service) for release in retained for service in release.spec.services})
        views = [
            self.platforms.get(engine).switch.read(service_key(retained[0].deployment, service))
            for engine, service in services
        ]
        return [view for view in views if view is not None]

    def _notes(self, name: str, current: Release | None) -> list[str]:
        """What the daemon says of it, and what it runs that nobody may use any more."""
        images = {group: self.store.catalog.get(one.digest) for group, one in current.groups.items()} if current else {}
        revoked = [
            f"group {group} runs {image.name}, which is revoked: {image.revoked_reason}"
            for group, image in images.items()
            if image.revoked_at is not None
        ]
        return [*revoked, *(self.notes(name) if current else ())]

    def _drifts(self, name: str, current: Release | None) -> list[Drift]:
        """What the last looks found, as the release's own policy judges it."""
        found = self.store.drifts.of(name)
        return judged(found, current.spec.drift, self.clock.now()) if current else found

    def _drifts_of(self, image: str) -> list[Drift]:
        """What the looks at any deployment found of an image, each as its own release's policy judges it."""
        names = sorted({one.deployment for one in self.store.drifts.of() if one.subject == image})
        found = [one for name in names for one in self._drifts(name, self.store.releases.current(name))]
        mine = [one for one in found if one.subject == image]
        return sorted(mine, key=lambda one: (not one.counts, RANKS[one.severity]))

    def _machines(self) -> list[Machine]:
        """Every machine that can be seen now."""
        found: list[Machine] = []
        for platform in self.platforms.by_engine.values():
            found += _found(platform.engine.list_machines) or []
        return found

    def _with_console(self, told: Explanation) -> Explanation:
        """The end of the console that it is about, where there is one."""
        owner = next((one for one in self.platforms.by_engine.values() if _has(one, told.console_of)), None)
        if not told.console_of or owner is None:
            return told.model_copy(update={"console_of": ""})
        text = _found(lambda: owner.engine.read_console(told.console_of, CONSOLE_LINES)) or ""
        lines = tuple(line for line in text.splitlines() if line.strip())[-CONSOLE_LINES:]
        return told.model_copy(update={"console": lines, "console_of": told.console_of if lines else ""})


def _has(platform: Platform, machine: str) -> bool:
    return any(one.name == machine for one in _found(platform.engine.list_machines) or ())


def _found(look: Callable[[], T]) -> T | None:
    """What a look shows; None where there is nothing, or where it can't be looked at now."""
    try:
        return look()
    except (NotFound, EngineError):
        return None
