"""Promotions: what runs in one environment comes to the next, as the same digests, when every gate holds.

Asked for, agreed to where a role has to, started: the request is a row before anything else, and its rollout begins in the
transaction that ends it. What was agreed to is pinned by number and digests; where that is no longer so, it is refused, and
somebody has to look again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from stoneware.clock import Clock
from stoneware.decide.gates import judge
from stoneware.errors import Conflict, NotFound, Refused, StonewareError
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.environment import Environment
from stoneware.model.promotion import Gate, GateName, Promotion, PromotionPlan, PromotionState
from stoneware.model.promotion_spec import PromotionSpec
from stoneware.model.release import Release
from stoneware.names import environment_deployment
from stoneware.operations.findings import Finding
from stoneware.operations.gatekeeping import BUILDS, closed, force_fact, must_be_allowed, must_keep_gates, must_say_so
from stoneware.operations.into import Into
from stoneware.operations.releasing import Releasing
from stoneware.spec.environments import Target
from stoneware.store.store import Store

SHORT_S = 300.0
"""How long a request that waits for nobody may take to begin (seconds): after that, its daemon died on the way."""


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to promote: a declared deployment from one environment to the next, as the file declares them."""

    source: str
    environment: str
    deployment: str
    targets: Mapping[str, Target]
    forced: tuple[GateName, ...] = ()


@dataclass(frozen=True)
class Promoting:
    """The verbs behind `promote` and `promotion`."""

    store: Store
    clock: Clock
    releasing: Releasing
    finding: Finding

    def plan(self, wanted: Wanted, actor: str, reason: str = "") -> PromotionPlan:
        """What a promotion would do now, and how each gate is. Changes nothing."""
        target, gates = _declared(wanted)
        source = self._source(environment_deployment(wanted.deployment, wanted.source))
        environment = Environment(
            name=wanted.environment,
            deployment=wanted.deployment,
            after=target.gates.after if target.gates else "",
        )
        plan = self._planned(source, target.spec, environment, gates, wanted.forced, actor, reason)
        name = plan.plan.deployment
        had = must_say_so(self.store, name, wanted.forced, reason) if target.gates is None else None
        if had is None:
            return plan
        says = f"no gate is declared any more: images came to {had.name} from {had.after} until now"
        gone = Gate(gate=GateName.ORIGIN, holds=False, says=says, forced=True)
        return plan.model_copy(update={"gates": (*plan.gates, gone)})

    def request(
        self, wanted: Wanted, actor: str, reason: str, key: str | None = None, seen: PromotionPlan | None = None
    ) -> Promotion:
        """Begins the rollout, or waits for an approval. Raises Refused while a gate is closed, Conflict when it is no longer what
        was `seen`."""
        name = environment_deployment(wanted.deployment, wanted.environment)
        if key is not None and (same := self.store.promotions.repeated(key, name)):
            return same
        target, gates = _declared(wanted)
        must_keep_gates(self.store, name, target.gates, actor, self.clock.now())
        must_be_allowed(self.store, gates, actor, wanted.forced, reason)
        plan = self.plan(wanted, actor, reason)
        if seen is not None:
            _must_be(seen, plan)
        _must_open(plan)
        if not plan.plan.changes:
            why = f"{name} has what runs in {wanted.source} already"
            raise Refused(why, f"`stoneware status {name}` shows it")
        role = gates.approval or ""
        asked = {
            "actor": actor,
            "reason": reason,
            "agreed": plan,
            "spec": target.spec,
            "gates": gates,
            "forced": wanted.forced,
            "role": role,
            "deadline": self.clock.now() + (gates.approve_within if role else SHORT_S),
        }
        promotion = self.store.promotions.ask(asked, key)
        return promotion if role else self._start(promotion, actor, reason)

    def approve(self, identity: str, actor: str, reason: str) -> Promotion:
        """Somebody with the role agrees, and it starts. Raises Refused for anybody else, and while a gate is closed; Conflict when
        it is no longer what was agreed to."""
        promotion = self.store.promotions.get(identity)
        if promotion.state is PromotionState.STARTED and promotion.decided_by == actor:
            return promotion
        _must_wait(promotion)
        if actor in self._who_asked(promotion):
            why, hint = f"{actor} asked for {identity}, and can't approve it", "somebody else with the role can"
            raise Refused(why, hint, code="role-missing")
        if not self.store.roles.has(promotion.role, actor):
            raise Refused(
                f"{identity} waits for somebody with role {promotion.role}, which {actor} hasn't",
                f"`stoneware role list {promotion.role}` shows who has it",
                code="role-missing",
            )
        agreed = promotion.agreed
        source = self._source(agreed.source)
        self._must_be_the_same(promotion, source)
        plan = self._planned(
            source,
            promotion.spec,
            agreed.environment,
            promotion.gates,
            promotion.forced,
            promotion.actor,
            promotion.reason,
        )
        _must_be(agreed, plan, moved=True)
        _must_open(plan)
        return self._start(promotion, actor, reason)

    def reject(self, identity: str, actor: str, reason: str) -> Promotion:
        """Who asked for it takes it back, or somebody with the role says no."""
        promotion = self.store.promotions.get(identity)
        if promotion.state is PromotionState.REJECTED and promotion.decided_by == actor:
            return promotion
        _must_wait(promotion)
        if actor not in self._who_asked(promotion) and not self.store.roles.has(promotion.role, actor):
            raise Refused(
                f"{identity} can be rejected by {promotion.actor}, who asked, and by role {promotion.role}",
                f"`stoneware role list {promotion.role}` shows who has it",
                code="role-missing",
            )
        self.store.promotions.decide(promotion, PromotionState.REJECTED, actor, reason)
        return self.store.promotions.get(identity)

    def _who_asked(self, promotion: Promotion) -> set[str]:
        """Who asked for it; of a build that did, whoever began it, and those that it does once more."""
        asked, builds = {promotion.actor}, set[str]()
        left = promotion.actor.removeprefix(BUILDS) if promotion.actor.startswith(BUILDS) else ""
        while left and left not in builds:
            builds.add(left)
            try:
                build = self.store.operations.get(left)
            except NotFound:
                break
            asked.add(build.actor)
            left = str(build.frame.get("retries", ""))
        return asked

    def _source(self, deployment: str) -> Release:
        release = self.store.releases.current(deployment)
        if release is None:
            raise NotFound(
                f"{deployment} has no release that runs",
                f"`stoneware deploy {deployment}` makes one",
                code="release-not-found",
            )
        return release

    def _planned(
        self,
        source: Release,
        spec: DeploymentSpec,
        environment: Environment,
        gates: PromotionSpec,
        forced: Sequence[GateName],
        actor: str,
        reason: str,
    ) -> PromotionPlan:
        missing = [group for group in spec.groups if group not in source.groups]
        if missing:
            raise Refused(
                f"release {source.number} of {source.deployment} has no group {', '.join(missing)}",
                f"`stoneware deploy {source.deployment}` brings it there first",
            )
        digests = {group: source.groups[group].digest for group in spec.groups}
        name = environment_deployment(environment.deployment, environment.name)
        plan = self.releasing.plan(name, spec, actor, reason, Into(environment, digests))[1]
        found = self.finding.about(source, gates)
        return PromotionPlan(
            source=source.deployment,
            source_release=source.number,
            digests=digests,
            environment=environment,
            plan=plan,
            gates=judge(gates, found, self.clock.now(), forced),
        )

    def _must_be_the_same(self, promotion: Promotion, source: Release) -> None:
        """A release that only renews machines or settings is as good as the one that was agreed to; another image isn't."""
        agreed = promotion.agreed
        now = {group: source.groups[group].digest for group in agreed.digests if group in source.groups}
        if now != agreed.digests:
            raise Conflict(
                f"{agreed.source} moved on: release {agreed.source_release} was asked for, and release {source.number} "
                "with other images runs now",
                f"`stoneware promotion reject {promotion.id}`, and promote what runs now",
                code="plan-outdated",
            )

    def _start(self, promotion: Promotion, actor: str, reason: str) -> Promotion:
        """The rollout, in one transaction with the end of the request. One that can't begin is rejected, with why."""
        agreed = promotion.agreed

        def also(conn: Connection) -> None:
            self.store.promotions.decide(promotion, PromotionState.STARTED, actor, reason, conn)

        into = Into(
            environment=agreed.environment.model_copy(update={"promotion": promotion.id}),
            digests=agreed.digests,
            facts=tuple(
                force_fact(promotion.deployment, gate.gate, promotion.actor, promotion.reason)
                for gate in agreed.gates
                if gate.forced
            ),
            also=also,
            gates=promotion.gates,
        )
        why = promotion.reason or f"{promotion.id} from {agreed.source}"
        try:
            self.releasing.deploy(
                promotion.deployment, promotion.spec, promotion.actor, why, seen=agreed.plan, into=into
            )
        except StonewareError as refused:
            if not promotion.role and self.store.promotions.get(promotion.id).state is PromotionState.PENDING:
                self.store.promotions.decide(promotion, PromotionState.REJECTED, "stoneware", refused.message)
            raise
        return self.store.promotions.get(promotion.id)


def _declared(wanted: Wanted) -> tuple[Target, PromotionSpec]:
    """What the file says of where it leads to, and of the way there."""
    _target(wanted, wanted.source)
    target = _target(wanted, wanted.environment)
    return target, _gates(wanted, target)


def _target(wanted: Wanted, environment: str) -> Target:
    """What the file declares of the deployment in an environment. Raises NotFound."""
    found = wanted.targets.get(environment_deployment(wanted.deployment, environment))
    if found is None or found.environment is None:
        known = sorted({one.environment.name for one in wanted.targets.values() if one.environment})
        raise NotFound(
            f"{wanted.deployment} is in no environment {environment} that is declared here",
            f"environments: {', '.join(known) or 'none'}",
            code="environment-not-found",
        )
    return found


def _gates(wanted: Wanted, target: Target) -> PromotionSpec:
    """The declared gates; none where nothing is declared. Raises Refused for a way that isn't the declared one."""
    if target.gates is None:
        return PromotionSpec(after=wanted.source)
    if target.gates.after != wanted.source:
        raise Refused(
            f"images come to {wanted.environment} from {target.gates.after}, not from {wanted.source}",
            f"`stoneware promote {target.gates.after} {wanted.environment}`",
            code="gate-closed",
        )
    return target.gates


def _must_be(seen: PromotionPlan, plan: PromotionPlan, *, moved: bool = False) -> None:
    """`moved`: another release of the same images will do."""
    same = seen.digests == plan.digests and (moved or seen.source_release == plan.source_release)
    if not same or seen.plan != plan.plan:
        raise Conflict(
            "what would be promoted, or what it would change, is no longer what was agreed to",
            "look at it again: `stoneware promote` shows it",
            code="plan-outdated",
        )


def _must_open(plan: PromotionPlan) -> None:
    if plan.closed:
        raise closed(plan.environment.name, "; ".join(_told(gate) for gate in plan.closed))


def _told(gate: Gate) -> str:
    return f"{gate.gate}: {gate.says}"


def _must_wait(promotion: Promotion) -> None:
    if promotion.state is not PromotionState.PENDING or not promotion.role:
        by = f" by {promotion.decided_by}" if promotion.decided_by else ""
        raise Conflict(
            f"{promotion.id} is {promotion.state}{by}", "`stoneware promote` asks again", code="signal-refused"
        )
