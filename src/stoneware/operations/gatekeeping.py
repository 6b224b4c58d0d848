"""Deploys into environments. Where images come by promotion, a deploy changes everything but images, and none is made in a freeze.

So `deploy` stays the one way to change sizes, configuration and secrets, and what never ran in the environment before doesn't slip
in with them. Both gates can be gone past with a reason, on record; where an approval is declared, by those alone who could give it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoneware.clock import Clock
from stoneware.decide.gates import judge_freeze
from stoneware.decide.gates_kept import weaker
from stoneware.errors import BadInput, Refused, StonewareError
from stoneware.model.environment import Environment
from stoneware.model.ledger import Fact
from stoneware.model.operation import OperationRecord
from stoneware.model.plan import Plan
from stoneware.model.promotion import GateName
from stoneware.model.promotion_spec import PromotionSpec
from stoneware.operations.into import Into
from stoneware.operations.releasing import Releasing
from stoneware.spec.environments import Target
from stoneware.store.store import Store

BUILDS = "build/"
"""What the names of builds begin with, where one is the actor."""


@dataclass(frozen=True)
class Gatekeeping:
    """`plan` and `deploy` as those of `Releasing`, through the gates of the target's environment."""

    store: Store
    clock: Clock
    releasing: Releasing

    def plan(self, name: str, target: Target, actor: str, forced: Sequence[GateName] = (), reason: str = "") -> Plan:
        """What a deploy would do now. A freeze is a warning of the plan: it may be over when one deploys."""
        gate = judge_freeze(target.gates, self.clock.now(), forced) if target.gates else None
        into = self._into(name, target, actor, reason, forced)
        plan = self.releasing.plan(name, target.spec, actor, reason, into)[1]
        if gate is None or gate.forced:
            return plan
        return plan.model_copy(update={"warnings": (*plan.warnings, f"a deploy is refused now: {gate.says}")})

    def deploy(
        self,
        name: str,
        target: Target,
        actor: str,
        reason: str = "",
        key: str | None = None,
        seen: Plan | None = None,
        forced: Sequence[GateName] = (),
    ) -> tuple[Plan, OperationRecord | None]:
        """Makes a release and starts its rollout. Raises Refused while a gate is closed, BadInput for a force without a reason."""
        into = self._into(name, target, actor, reason, forced)
        must_keep_gates(self.store, name, target.gates, actor, self.clock.now())
        if target.gates is not None and target.environment is not None:
            must_be_allowed(self.store, target.gates, actor, forced, reason)
            gate = judge_freeze(target.gates, self.clock.now(), forced)
            if gate is not None and not gate.forced:
                raise closed(target.environment.name, f"{gate.gate}: {gate.says}")
        return self.releasing.deploy(name, target.spec, actor, reason, key, seen, into)

    def retry(
        self, name: str, actor: str, reason: str = "", key: str | None = None, forced: Sequence[GateName] = ()
    ) -> OperationRecord:
        """Starts the last rollout once more, after it went back or got stuck. One that brings a release is held up by a freeze as
        its deploy was. Raises what the other verbs do."""
        last = self.releasing.failed(name)[1]
        gates, facts = last.gates, list[Fact]()
        if gates is not None and not last.rollback:
            must_be_allowed(self.store, gates, actor, forced, reason)
            gate = judge_freeze(gates, self.clock.now(), forced)
            if gate is not None and not gate.forced:
                belongs = self.store.releases.get(name, last.target).environment
                raise closed(belongs.name if belongs else name, f"{gate.gate}: {gate.says}")
            facts = [force_fact(name, gate.gate, actor, reason)] if gate else []
        return self.releasing.retry(name, actor, reason, key, facts)

    def _into(self, name: str, target: Target, actor: str, reason: str, forced: Sequence[GateName]) -> Into:
        if target.environment is None or target.gates is None:
            return self._without_gates(name, target, actor, reason, forced)
        gate = judge_freeze(target.gates, self.clock.now(), forced)
        warnings = [f"goes past the freeze: {gate.says}"] if gate and gate.forced else []
        digests: dict[str, str] = {}
        if GateName.ORIGIN in forced:
            warnings.append(f"images come from their families, and not from {target.gates.after}")
        else:
            digests = self._as_they_are(name, target, target.environment)
            warnings += self._held_back(target, target.environment, digests)
        passed = tuple(one for one in forced if one is GateName.ORIGIN or (gate and one is gate.gate))
        facts = tuple(force_fact(name, one, actor, reason) for one in passed)
        return Into(target.environment, digests, tuple(warnings), facts, gates=target.gates)

    def _without_gates(self, name: str, target: Target, actor: str, reason: str, forced: Sequence[GateName]) -> Into:
        """Into what isn't gated, or no longer. Raises what `must_say_so` does."""
        had = must_say_so(self.store, name, forced, reason)
        if had is None:
            return Into(environment=target.environment)
        warning = f"no gate is declared any more: images came to {had.name} from {had.after} until now"
        return Into(target.environment, {}, (warning,), (force_fact(name, GateName.ORIGIN, actor, reason),))

    def _as_they_are(self, name: str, target: Target, environment: Environment) -> dict[str, str]:
        """The digests that the environment has now. Raises Refused for groups that it has none of."""
        current = self.store.releases.current(name)
        has = current.digests if current else {}
        missing = [group for group in target.spec.groups if group not in has]
        if missing:
            raise Refused(
                f"{environment.name} has no image of group {', '.join(missing)} yet: images come there from {environment.after}",
                f"`stoneware promote {environment.after} {environment.name}`",
                code="gate-closed",
            )
        return {group: has[group] for group in target.spec.groups}

    def _held_back(self, target: Target, environment: Environment, digests: dict[str, str]) -> list[str]:
        """A line for each group whose family has something newer, which a deploy doesn't bring."""
        lines = []
        for group, spec in target.spec.groups.items():
            try:
                newest = (
                    self.store.catalog.get(spec.image) if "/" in spec.image else self.store.catalog.resolve(spec.image)
                )
            except StonewareError:
                continue  # there is none that it could be
            if newest.digest != digests[group]:
                kept = self.store.catalog.get(digests[group]).name
                how = f"`stoneware promote {environment.after} {environment.name}` brings what runs in {environment.after}"
                lines.append(f"group {group} keeps {kept}: {how}")
        return lines


def must_say_so(store: Store, name: str, forced: Sequence[GateName], reason: str) -> Environment | None:
    """For what isn't gated: where it belonged while it was, None when it never was. Whoever may change a declaration isn't always
    who may open a gate: raises Refused for a deployment that has had one until now, BadInput for a force without a reason."""
    current = store.releases.current(name)
    had = current.environment if current else None
    if had is None or not had.after:
        return None
    if GateName.ORIGIN not in forced:
        raise Refused(
            f"images come to {had.name} from {had.after}, and the declaration says that no more",
            "declare its promotion again, or do without from now on: --force origin --reason TEXT",
            code="gate-closed",
        )
    if not reason.strip():
        raise _needs_a_reason(forced)
    return had


def must_keep_gates(store: Store, name: str, gates: PromotionSpec | None, actor: str, now: float) -> None:
    """Raises Refused where the declaration asks less than what the last promotion to this deployment went through, for a build,
    whose file is its commit's, and for who couldn't have approved that one."""
    last = store.promotions.last_started(name)
    lost = weaker(last.gates, gates, now) if last else ()
    if last is None or not lost:
        return
    told = f"gates of {name} ask less than they did for {last.id}: {'; '.join(lost)}"
    if actor.startswith(BUILDS):
        raise Refused(told, "somebody promotes once with the new declaration: `stoneware promote`", code="gate-closed")
    if last.gates.approval and not store.roles.has(last.gates.approval, actor):
        raise Refused(
            f"{told}; that is for role {last.gates.approval}, which {actor} hasn't",
            f"`stoneware role list {last.gates.approval}` shows who has it",
            code="role-missing",
        )


def must_be_allowed(store: Store, gates: PromotionSpec, actor: str, forced: Sequence[GateName], reason: str) -> None:
    """Raises BadInput where gates are forced without a reason, Refused for who couldn't have approved."""
    if not forced:
        return
    if not reason.strip():
        raise _needs_a_reason(forced)
    if gates.approval and not store.roles.has(gates.approval, actor):
        raise Refused(
            f"{actor} hasn't role {gates.approval}, whose approval is needed here",
            f"`stoneware role list {gates.approval}` shows who has it",
            code="role-missing",
        )


def _needs_a_reason(forced: Sequence[GateName]) -> BadInput:
    return BadInput(f"to go past {', '.join(forced)} needs a reason", next_step="say --reason", code="bad-input")


def closed(environment: str, why: str) -> Refused:
    """The refusal of a gate."""
    hint = "wait, or put it right; an emergency: --force GATE --reason TEXT"
    return Refused(f"a gate of {environment} is closed: {why}", hint, code="gate-closed")


def force_fact(deployment: str, gate: GateName, actor: str, reason: str) -> Fact:
    """That somebody goes past a gate."""
    return Fact(verb="gate.force", subject=deployment, actor=actor, reason=reason, details={"gate": gate})
