"""From a declaration to a release: resolve families once, pin, plan, and start the rollout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from stoneware.clock import Clock
from stoneware.decide.fleet import pin
from stoneware.decide.lifecycle import standing
from stoneware.decide.plan import directly, dropped_disks, moved_sessions, plan_release
from stoneware.decide.way_back import doubts
from stoneware.errors import Conflict, NotFound, Refused
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.image import Image, ImageState
from stoneware.model.ledger import Fact
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind
from stoneware.model.plan import Plan
from stoneware.model.release import Release
from stoneware.names import split_image_name
from stoneware.operations.data_gate import loss_of, pass_gate
from stoneware.operations.into import Into
from stoneware.operations.platform import Platforms
from stoneware.operations.release_gate import must_be_deployable, must_have_room
from stoneware.operations.rollout.frame import RolloutFrame, is_repair, is_rollback
from stoneware.operations.rollout.table import GOING_BACK
from stoneware.operations.telling import release_made
from stoneware.store.store import Store


@dataclass(frozen=True)
class Releasing:
    """The verbs behind `plan`, `deploy` and `rollback`."""

    store: Store
    platforms: Platforms
    clock: Clock

    def plan(
        self, deployment: str, spec: DeploymentSpec, actor: str, reason: str = "", into: Into | None = None
    ) -> tuple[Release, Plan]:
        """What a deploy would do now. Changes nothing.

        Raises NotFound for images and secrets that don't exist, Refused for what may not be done (an obsolete or revoked
        image, a dropped disk, more memory than there is).
        """
        platform, into = self.platforms.get(spec.engine), into or Into()
        retained, current = self.store.releases.list(deployment), self.store.releases.current(deployment)
        if current and current.spec.engine != spec.engine:
            why = f"{deployment} runs on engine {current.spec.engine}, not {spec.engine}"
            raise Refused(
                why, f"destroy it first (`stoneware destroy {deployment}`), or give the deployment another name"
            )
        images = {
            name: self._usable(into.digests[name]) if name in into.digests else self._image(group.image)
            for name, group in spec.groups.items()
        }
        number = self.store.releases.next_number(deployment)
        usable = [release for release in retained if release.spec.engine == spec.engine]
        release = Release(
            deployment=deployment,
            number=number,
            created_at=self.clock.now(),
            actor=actor,
            reason=reason,
            spec=spec,
            groups=pin(spec, images, number, usable, self._secrets(spec)),
            environment=into.environment,
        )
        manifests = {image.name: self.store.catalog.manifest(image.digest) for image in images.values()}
        must_be_deployable(current, release, self._others(deployment), manifests, platform.engine)
        pass_gate(self.store, platform.engine, current, release)
        plan = plan_release(current, release)
        standings = {image.name: standing(image, release.created_at) for image in images.values()}
        warnings = tuple(
            f"{name} is DEPRECATED{': ' + found.reason if found.reason else ''}"
            for name, found in standings.items()
            if found.state is ImageState.DEPRECATED
        )
        warnings += (*moved_sessions(current, release), *into.warnings)
        more = {"warnings": (*plan.warnings, *warnings), "record": self._edited(current)}
        return release, plan.model_copy(update=more)

    def deploy(
        self,
        deployment: str,
        spec: DeploymentSpec,
        actor: str,
        reason: str = "",
        key: str | None = None,
        seen: Plan | None = None,
        into: Into | None = None,
    ) -> tuple[Plan, OperationRecord | None]:
        """Makes a release and starts its rollout, in one transaction. No operation when nothing would change.

        Raises Conflict when the plan is no longer the one that was `seen` and agreed to.
        """
        into = into or Into()
        release, plan = self.plan(deployment, spec, actor, reason, into)
        _must_be(seen, plan)
        if not plan.changes:
            return plan, None
        frame = RolloutFrame(target=release.number, source=plan.source, gates=into.gates, entered_at=self.clock.now())
        record = self._start(
            deployment, frame, actor, reason, key, [*into.facts, release_made(release)], release, into=into
        )
        return plan, record

    def rollback(
        self,
        deployment: str,
        to: int | None,
        actor: str,
        reason: str = "",
        key: str | None = None,
        seen: Plan | None = None,
        restore_data: bool = False,
    ) -> tuple[Plan | None, OperationRecord]:
        """Goes back to release `to`, or to the last good one. While a rollout is under way, that one turns back; a rollback that is
        under way goes on, however often it is asked for.

        `restore_data` also puts back the newest snapshots that it can read, of disks whose data it can't.
        Raises Refused for a return to what already runs, NotFound when there is nothing to return to.
        """
        if key is not None and (same := self.store.operations.repeated(key, "rollout", deployment)):
            return None, same
        current = self.store.releases.current(deployment)
        active = self.store.operations.active(deployment)
        if active and is_rollback(active):
            return None, _going_on(active, to)
        if active and active.kind == "rollout" and not is_repair(active):
            if to not in (None, active.frame.get("source")):
                raise Conflict(
                    f"{active.id} is under way; it can only turn back to where it came from",
                    f"`stoneware rollback {deployment}` without a release, then again",
                    code="operation-under-way",
                )
            abort = Signal(kind=SignalKind.ABORT, actor=actor, reason=reason or "rollback", at=self.clock.now())
            self.store.operations.signal(active.id, abort, key)
            return None, self.store.operations.get(active.id)
        if current is None:
            raise NotFound(
                f"{deployment} has no release to roll back from",
                "`stoneware deploy` makes the first",
                code="release-not-found",
            )
        target = self.rollback_target(deployment, to, current)
        plan, restore = self._plan_back(current, target, restore_data)
        _must_be(seen, plan)
        frame = RolloutFrame(
            target=target.number, source=current.number, rollback=True, restore=restore, entered_at=self.clock.now()
        )
        return plan, self._start(deployment, frame, actor, reason, key, [], target, known=True)

    def failed(self, deployment: str) -> tuple[str, RolloutFrame]:
        """The last rollout and its frame, when it went back or got stuck; `rollback`: doing it once more leads to what ran already.

        Raises NotFound when nothing failed.
        """
        last = self.store.operations.decisive(deployment)
        if last is None or last.kind != "rollout" or last.result in (None, Result.SUCCEEDED):
            raise NotFound(
                f"no rollout of {deployment} failed",
                "`stoneware deploy` makes a new release",
                code="operation-not-found",
            )
        current, frame = self.store.releases.current(deployment), RolloutFrame.model_validate(last.frame)
        again = current is not None and current.number == frame.target
        return last.id, frame.model_copy(update={"rollback": frame.rollback or again})

    def retry(
        self, deployment: str, actor: str, reason: str = "", key: str | None = None, facts: Sequence[Fact] = ()
    ) -> OperationRecord:
        """Starts the last rollout once more, after it went back or got stuck; `facts` go into the ledger with it.

        Raises NotFound when nothing failed, Refused when its release may not be used any more.
        """
        known, last = self.failed(deployment)
        target = self.store.releases.get(deployment, last.target)
        current = self.store.releases.current(deployment)
        self._must_not_be_revoked(target)
        others = self._others(deployment)
        engine = self.platforms.get(target.spec.engine).engine
        must_have_room(current, target, others, engine, direct=last.rollback)
        pass_gate(self.store, engine, current, target)
        source = current.number if current else None
        frame = RolloutFrame(
            target=target.number,
            source=source,
            rollback=last.rollback,
            gates=last.gates,
            entered_at=self.clock.now(),
        )
        why = reason or f"{known} once more"
        return self._start(deployment, frame, actor, why, key, list(facts), target, known=True)

    def _is_stuck(self, deployment: str) -> bool:
        last = self.store.operations.decisive(deployment)
        return last is not None and last.result is Result.STUCK

    def plan_rollback(self, deployment: str, to: int | None, restore_data: bool = False) -> Plan:
        """What a rollback would do now. Changes nothing."""
        current = self.store.releases.current(deployment)
        if current is None:
            raise NotFound(
                f"{deployment} has no release to roll back from",
                "`stoneware deploy` makes the first",
                code="release-not-found",
            )
        return self._plan_back(current, self.rollback_target(deployment, to, current), restore_data)[0]

    def _plan_back(self, current: Release, target: Release, restore_data: bool) -> tuple[Plan, dict[str, str]]:
        """The plan, and which snapshot is put back on which disk. Raises Refused where the data can't be used."""
        engine = self.platforms.get(target.spec.engine).engine
        restore = pass_gate(self.store, engine, current, target, restore_data=restore_data)
        plan = directly(plan_release(current, target))
        if target.number != current.number and not (plan.changes or restore):
            raise Refused(
                f"release {target.number} is what runs already, as release {current.number}",
                "name another release with --to, or deploy a new one",
            )
        warnings = (*plan.warnings, *doubts(target), *loss_of(restore))
        return plan.model_copy(update={"warnings": warnings}), restore

    def rollback_target(self, deployment: str, to: int | None, current: Release) -> Release:
        """The release that a rollback would lead to: after a rollout that got stuck half-way, the one that is current still."""
        if to in (None, current.number) and self._is_stuck(deployment):
            return current
        if to is None:
            target = self.store.releases.previous_good(deployment)
            if target is None:
                why = f"{deployment} has no earlier good release"
                raise NotFound(
                    why, f"`stoneware release list {deployment}` shows what is retained", code="release-not-found"
                )
        else:
            target = self.store.releases.get(deployment, to)
        if target.number == current.number:
            raise Refused(f"release {target.number} is what runs already", "name another release, or deploy a new one")
        dropped = dropped_disks(current, target)
        if dropped:
            raise Refused(f"release {target.number} has no place for disks in use: {', '.join(dropped)}")
        engine = self.platforms.get(target.spec.engine).engine
        must_have_room(current, target, self._others(target.deployment), engine, direct=True)
        self._must_not_be_revoked(target)
        return target

    def _others(self, deployment: str) -> list[Release]:
        """What other deployments run, or are being given."""
        coming = [
            (name, record.frame["target"])
            for name, record in self.store.operations.under_way().items()
            if record.kind == "rollout" and name != deployment
        ]
        current = [release for release in self.store.releases.currents() if release.deployment != deployment]
        return [*self.store.releases.some(coming), *current]

    def _start(
        self,
        deployment: str,
        frame: RolloutFrame,
        actor: str,
        reason: str,
        key: str | None,
        facts: list[Fact],
        release: Release,
        *,
        known: bool = False,
        into: Into | None = None,
    ) -> OperationRecord:
        """A repair that is under way is given up: what a person wants goes first. `known`: the release isn't a new one."""
        active = self.store.operations.active(deployment)
        repair = active if active and is_repair(active) else None

        def also(conn: Connection) -> None:
            if known:
                self.store.releases.must_be_usable(release, conn)
            else:
                self.store.releases.add(release, conn)
            if into is not None:
                into.also(conn)

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
            told=frame.told(),
        )

    def _edited(self, current: Release | None) -> str:
        """What a plan says when somebody edited the row of the current release; empty when nobody did."""
        if current is None or not self.store.releases.altered(current.deployment, current.number):
            return ""
        return f"release {current.number} isn't what is on record any more: it is made anew"

    def _image(self, wanted: str) -> Image:
        """The image that a group asks for: a family's newest ACTIVE one, or the one that is named."""
        return self.store.catalog.resolve(wanted) if split_image_name(wanted) is None else self._usable(wanted)

    def _usable(self, wanted: str) -> Image:
        """An image by name or digest, if it may be used for something new."""
        image = self.store.catalog.get(wanted)
        found = standing(image, self.clock.now())
        if found.state not in (ImageState.ACTIVE, ImageState.DEPRECATED):
            raise Refused(
                f"{image.name} is {found.state}: {found.reason or 'new use is refused'}",
                "name another image",
                code="image-retired",
            )
        return image

    def _secrets(self, spec: DeploymentSpec) -> dict[str, str]:
        """The newest version of each secret. Raises NotFound naming one that a group asks for and nobody has set."""
        newest = self.store.secrets.newest()
        for name, group in spec.groups.items():
            for secret in group.secrets.values():
                if secret not in newest:
                    hint = f"`stoneware secret set {secret}` sets it"
                    raise NotFound(
                        f"there is no secret {secret}, which group {name} asks for", hint, code="secret-not-found"
                    )
        return newest

    def _must_not_be_revoked(self, target: Release) -> None:
        """What is merely OBSOLETE may be gone back to: it served before. What is revoked may not."""
        for pinned in target.groups.values():
            image = self.store.catalog.get(pinned.digest)
            if image.revoked_at is not None:
                raise Refused(
                    f"release {target.number} pins {image.name}, which is revoked: {image.revoked_reason}",
                    "name another release with --to, or deploy a new one",
                    code="image-revoked",
                )


def _going_on(active: OperationRecord, to: int | None) -> OperationRecord:
    """The rollback that is under way, if it is the one that is wished for: said again, it must not bring back what is left.

    Raises Conflict when it leads elsewhere.
    """
    target, source = active.frame["target"], active.frame["source"]
    if to in (None, target) and active.state not in GOING_BACK:
        return active
    back = active.state in GOING_BACK
    how = f"is on its way back to release {source}" if back else f"goes back to release {target}"
    raise Conflict(
        f"{active.id} is under way and {how}",
        f"wait for it (`stoneware history {active.id} --watch`), then roll back again"
        if back or to != source
        else f"`stoneware abort {active.id}` stays on release {source}",
        code="operation-under-way",
    )


def _must_be(seen: Plan | None, plan: Plan) -> None:
    """Nobody agreed to another plan than the one that they saw."""
    if seen is not None and seen != plan:
        raise Conflict(
            "what would change is no longer what the plan said",
            "look at the new plan, and agree to that",
            code="plan-outdated",
        )
