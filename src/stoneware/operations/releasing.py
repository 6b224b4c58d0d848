"""From a declaration to a release: resolve families once, pin, plan, and start the rollout."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from stoneware.clock import Clock
from stoneware.decide.fleet import pin
from stoneware.decide.lifecycle import standing
from stoneware.decide.plan import dropped_disks, plan_release, resized_disks, taken_addresses, taken_names
from stoneware.errors import Conflict, NotFound, Refused
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.image import Image, ImageState
from stoneware.model.ledger import Fact
from stoneware.model.operation import OperationRecord, Signal, SignalKind
from stoneware.model.plan import Plan
from stoneware.model.release import Release
from stoneware.names import split_image_name
from stoneware.operations.platform import Platforms
from stoneware.operations.rollout.frame import RolloutFrame, is_repair
from stoneware.store.store import Store


@dataclass(frozen=True)
class Releasing:
    """The verbs behind `plan`, `deploy` and `rollback`."""

    store: Store
    platforms: Platforms
    clock: Clock

    def plan(self, deployment: str, spec: DeploymentSpec, actor: str, reason: str = "") -> tuple[Release, Plan]:
        """What a deploy would do now. Changes nothing.

        Raises NotFound for images that don't exist, Refused for what may not be done (an obsolete or revoked image, a dropped
        disk).
        """
        platform = self.platforms.get(spec.engine)
        retained, current = self.store.releases.list(deployment), self.store.releases.current(deployment)
        if current and current.spec.engine != spec.engine:
            why = f"{deployment} runs on engine {current.spec.engine}, not {spec.engine}"
            raise Refused(
                why, f"destroy it first (`stoneware destroy {deployment}`), or give the deployment another name"
            )
        images = {group.image: self._image(group.image) for group in spec.groups.values()}
        number = self.store.releases.next_number(deployment)
        usable = [release for release in retained if release.spec.engine == spec.engine]
        release = Release(
            deployment=deployment,
            number=number,
            created_at=self.clock.now(),
            actor=actor,
            reason=reason,
            spec=spec,
            groups=pin(spec, images, number, usable),
        )
        dropped = dropped_disks(current, release)
        if dropped:
            why = f"this would leave declared disks without a machine: {', '.join(dropped)}"
            raise Refused(why, "declare them still, or destroy the deployment and delete its disks by name")
        resized = resized_disks(release, platform.engine.list_disks(deployment))
        if resized:
            raise Refused(
                f"a disk keeps its size: {'; '.join(resized)}", "declare the size it has, or a disk of another name"
            )
        named_alike = taken_names(release, self._others(deployment))
        if named_alike:
            raise Refused(f"names are taken: {'; '.join(named_alike)}", "give the deployment or the group another name")
        self._check_addresses(release, current)
        plan = plan_release(current, release)
        standings = {image.name: standing(image, release.created_at) for image in images.values()}
        warnings = tuple(
            f"{name} is DEPRECATED{': ' + found.reason if found.reason else ''}"
            for name, found in standings.items()
            if found.state is ImageState.DEPRECATED
        )
        return release, plan.model_copy(update={"warnings": (*plan.warnings, *warnings)})

    def deploy(
        self,
        deployment: str,
        spec: DeploymentSpec,
        actor: str,
        reason: str = "",
        key: str | None = None,
        seen: Plan | None = None,
    ) -> tuple[Plan, OperationRecord | None]:
        """Makes a release and starts its rollout, in one transaction. No operation when nothing would change.

        Raises Conflict when the plan is no longer the one that was `seen` and agreed to.
        """
        release, plan = self.plan(deployment, spec, actor, reason)
        _must_be(seen, plan)
        if not plan.changes:
            return plan, None
        fact = Fact(
            verb="release.create",
            subject=f"{deployment}#{release.number}",
            actor=actor,
            reason=reason,
            details={name: f"{group.image} {group.digest}" for name, group in release.groups.items()},
        )
        frame = RolloutFrame(target=release.number, source=plan.source, entered_at=self.clock.now())
        record = self._start(deployment, frame, actor, reason, key, [fact], release)
        return plan, record

    def rollback(
        self,
        deployment: str,
        to: int | None,
        actor: str,
        reason: str = "",
        key: str | None = None,
        seen: Plan | None = None,
    ) -> tuple[Plan | None, OperationRecord]:
        """Goes back to release `to`, or to the last good one. While a rollout is under way, that one turns back.

        Raises Refused for a return to what already runs, NotFound when there is nothing to return to.
        """
        if key is not None and (same := self.store.operations.repeated(key, "rollout", deployment)):
            return None, same
        current = self.store.releases.current(deployment)
        active = self.store.operations.active(deployment)
        if active and active.kind == "rollout" and not is_repair(active):
            if to not in (None, active.frame.get("source")):
                raise Conflict(
                    f"{active.id} is under way; it can only turn back to where it came from",
                    f"`stoneware rollback {deployment}` without a release, then again",
                )
            abort = Signal(kind=SignalKind.ABORT, actor=actor, reason=reason or "rollback", at=self.clock.now())
            self.store.operations.signal(active.id, abort, key)
            return None, self.store.operations.get(active.id)
        if current is None:
            raise NotFound(f"{deployment} has no release to roll back from", "`stoneware deploy` makes the first")
        target = self.rollback_target(deployment, to, current)
        plan = plan_release(current, target)
        _must_be(seen, plan)
        frame = RolloutFrame(target=target.number, source=current.number, rollback=True, entered_at=self.clock.now())
        return plan, self._start(deployment, frame, actor, reason, key, [], target)

    def plan_rollback(self, deployment: str, to: int | None) -> Plan:
        """What a rollback would do now. Changes nothing."""
        current = self.store.releases.current(deployment)
        if current is None:
            raise NotFound(f"{deployment} has no release to roll back from", "`stoneware deploy` makes the first")
        return plan_release(current, self.rollback_target(deployment, to, current))

    def rollback_target(self, deployment: str, to: int | None, current: Release) -> Release:
        """The release that a rollback would lead to."""
        if to is None:
            target = self.store.releases.previous_good(deployment)
            if target is None:
                why = f"{deployment} has no earlier good release"
                raise NotFound(why, f"`stoneware release list {deployment}` shows what is retained")
        else:
            target = self.store.releases.get(deployment, to)
        if target.number == current.number:
            raise Refused(f"release {target.number} is what runs already", "name another release, or deploy a new one")
        dropped = dropped_disks(current, target)
        if dropped:
            raise Refused(f"release {target.number} has no place for disks in use: {', '.join(dropped)}")
        self._check_addresses(target, current)
        self._must_not_be_revoked(target)
        return target

    def _check_addresses(self, target: Release, current: Release | None) -> None:
        taken = taken_addresses(target, current, self._others(target.deployment))
        if taken:
            hint = "give the service another address; an address moves to another service in two deploys"
            raise Refused(f"an address has one service: {'; '.join(taken)}", hint)

    def _others(self, deployment: str) -> list[Release]:
        """What other deployments run, or are being given."""
        found = []
        for name in (record.name for record in self.store.releases.deployments() if record.name != deployment):
            active = self.store.operations.active(name)
            coming = active.frame.get("target") if active and active.kind == "rollout" else None
            found += [self.store.releases.get(name, coming)] if coming else []
            current = self.store.releases.current(name)
            found += [current] if current else []
        return found

    def _start(
        self,
        deployment: str,
        frame: RolloutFrame,
        actor: str,
        reason: str,
        key: str | None,
        facts: list[Fact],
        release: Release,
    ) -> OperationRecord:
        """A repair that is under way is given up: what a person wants goes first. `release` is new, or one to go back to."""
        active = self.store.operations.active(deployment)
        repair = active if active and is_repair(active) else None

        def also(conn: Connection) -> None:
            if frame.rollback:
                self.store.releases.must_be_usable(release, conn)
            else:
                self.store.releases.add(release, conn)

        return self.store.operations.create(
            kind="rollout",
            subject=deployment,
            actor=actor,
            reason=reason,
            state="PREPARING",
            frame=frame.model_copy(update={"after": repair.id if repair else None}),
            key=key,
            facts=facts,
            also=also,
            instead=repair is not None,
        )

    def _image(self, wanted: str) -> Image:
        """The image that a group asks for: a family's newest ACTIVE one, or the one that is named."""
        if split_image_name(wanted) is None:
            return self.store.catalog.resolve(wanted)
        image = self.store.catalog.get(wanted)
        found = standing(image, self.clock.now())
        if found.state not in (ImageState.ACTIVE, ImageState.DEPRECATED):
            raise Refused(
                f"{image.name} is {found.state}: {found.reason or 'new use is refused'}", "name another image"
            )
        return image

    def _must_not_be_revoked(self, target: Release) -> None:
        """What is merely OBSOLETE may be gone back to: it served before. What is revoked may not."""
        for pinned in target.groups.values():
            image = self.store.catalog.get(pinned.digest)
            if image.revoked_at is not None:
                raise Refused(
                    f"release {target.number} pins {image.name}, which is revoked: {image.revoked_reason}",
                    "name another release with --to, or deploy a new one",
                )


def _must_be(seen: Plan | None, plan: Plan) -> None:
    """Nobody agreed to another plan than the one that they saw."""
    if seen is not None and seen != plan:
        raise Conflict("what would change is no longer what the plan said", "look at the new plan, and agree to that")
