"""A promotion: what moves from one environment to the next, the gates that it has to pass, and who agreed."""

from __future__ import annotations

from enum import StrEnum

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.environment import Environment
from stoneware.model.noun import Noun
from stoneware.model.plan import Plan
from stoneware.model.promotion_spec import PromotionSpec


class GateName(StrEnum):
    """What can hold up what comes to an environment. `ORIGIN` is that its images come from the environment before."""

    ORIGIN = "origin"
    SOAK = "soak"
    DRIFT = "drift"
    TEST = "test"
    FREEZE = "freeze"
    APPROVAL = "approval"


FORCIBLE = (GateName.ORIGIN, GateName.SOAK, GateName.DRIFT, GateName.TEST, GateName.FREEZE)
"""What may be gone past, with a reason, on record. An approval that could be gone past would be none."""


class Gate(Noun):
    """One gate as it is now: `says` has the numbers, `forced` that somebody goes past it."""

    gate: GateName
    holds: bool
    says: str
    forced: bool = False

    @property
    def opens(self) -> bool:
        """Whether it lets things pass."""
        return self.holds or self.forced


class PromotionPlan(Noun):
    """What a promotion would do now, for one deployment: release `source_release` of `source` runs in the environment before,
    and `digests` (by group) are what it is made of. `plan` is what would change in the next one."""

    source: str
    source_release: int
    digests: dict[str, str]
    environment: Environment
    plan: Plan
    gates: tuple[Gate, ...]

    @property
    def closed(self) -> tuple[Gate, ...]:
        """Gates that don't let it pass. An approval is asked for later."""
        return tuple(gate for gate in self.gates if not gate.opens and gate.gate is not GateName.APPROVAL)


class PromotionState(StrEnum):
    """PENDING waits for an approval until its deadline, and is EXPIRED after it. STARTED has its rollout."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class Promotion(Noun):
    """What was asked for, whole: `spec` declares the deployment that it leads to, `agreed` is what was seen and agreed to.

    `role` is whose approval it waits for (empty: nobody's), until `deadline`. `decided_by` approved or rejected it.
    """

    id: str
    state: PromotionState
    actor: str
    reason: str
    created_at: float
    agreed: PromotionPlan
    spec: DeploymentSpec
    gates: PromotionSpec
    forced: tuple[GateName, ...] = ()
    role: str = ""
    deadline: float | None = None
    decided_by: str = ""
    decided_at: float | None = None
    decided_because: str = ""
    operation: str = ""

    @property
    def deployment(self) -> str:
        """The deployment that it leads to."""
        return self.agreed.plan.deployment

    def at(self, now: float) -> Promotion:
        """The same as it counts now: nobody has to be there when its time is over."""
        over = self.state is PromotionState.PENDING and self.deadline is not None and now >= self.deadline
        return self.model_copy(update={"state": PromotionState.EXPIRED}) if over else self
