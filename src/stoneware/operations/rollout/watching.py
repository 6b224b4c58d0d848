"""A version that has traffic is judged, whatever the rollout waits for: a person, the end of a pause, the last old client."""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.model.deployment import HealthSpec
from stoneware.model.strategy import Judgement, Verdict
from stoneware.operations.rollout import analysing, judging
from stoneware.operations.rollout.elsewhere import Elsewhere
from stoneware.operations.rollout.stage import Stage, people

AFTER_THE_SWITCH = ("SOAKING", "DRAINING")


@dataclass(frozen=True)
class Trouble:
    """Why there is no waiting any longer, with the code of it."""

    code: str
    because: str


def ask(stage: Stage, *, at_least_every: float | None = None) -> float:
    """Asks the machines that have traffic how they are. Returns the seconds until the next turn."""
    return judging.ask(stage, _in_traffic(stage), at_least_every=at_least_every)


def count(stage: Stage) -> None:
    """Figures count from now on, where a person had them looked at afresh."""
    state = _judged(stage)
    if state and not stage.frame.counting:
        analysing.begin(stage, stage.canaries if state == "CANARY" else analysing.replaced(stage))


def trouble(stage: Stage, elsewhere: Elsewhere, when: str) -> Trouble | None:
    """What leads back from here: a machine with traffic that is sick, or figures that fail. A doubt leads nowhere, for it is there
    already: who waits for a person waits because of it, or it is judged when the time is over."""
    if sick := judging.sick(stage, _in_traffic(stage)):
        return Trouble("machine-sick", f"sick {when}; {judging.words(stage, sick)}")
    said = _figures(stage, elsewhere) if stage.frame.counting else None
    if said is not None and said.verdict is Verdict.FAIL:
        return Trouble("analysis-failed", f"the analysis failed {when}: {said.detail}")
    return None


def _judged(stage: Stage) -> str:
    """The state whose machines have traffic now; empty where a person is asked before any has."""
    state = stage.ctx.record.state
    return stage.frame.judged if state == "AWAITING_APPROVAL" else state


def _in_traffic(stage: Stage) -> dict[str, HealthSpec]:
    state = _judged(stage)
    if not state:
        return {}
    if state in AFTER_THE_SWITCH:
        return stage.all_new
    return people(stage.target, stage.beside) | {n: h for n, h in stage.all_new.items() if n in stage.frame.admitted}


def _figures(stage: Stage, elsewhere: Elsewhere) -> Judgement | None:
    match _judged(stage):
        case "CANARY":
            return analysing.judge(stage, stage.canaries, elsewhere, compares=True, at_end=False)
        case "ROLLING":
            return analysing.judge_turns(stage, elsewhere)
        case "SOAKING" | "DRAINING":
            return analysing.judge(stage, analysing.replaced(stage), elsewhere, compares=False, at_end=False)
    return None
