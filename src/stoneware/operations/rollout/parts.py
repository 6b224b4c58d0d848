"""Parts of the rollout's states: which way it goes on, and the sentences that it says."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from stoneware.decide.capacity import too_little
from stoneware.decide.fleet import wanted_machines
from stoneware.model.image import Artifact
from stoneware.model.machine import Phase, Power
from stoneware.model.release import PinnedGroup, Release
from stoneware.operations.outcome import Go, Outcome
from stoneware.operations.rollout import fleets, judging, routes, snapshots, turns
from stoneware.operations.rollout.stage import Stage, names_of, people, some

ASK_WHILE_HELD_S = 0.1


def onward(stage: Stage, done: str) -> Outcome:
    """The next part of the way that some group needs. What is judged there counts from there."""
    stage.remember(counting=False)
    needed = {
        "VERIFYING": True,
        "CANARY": stage.canaries,
        "ROLLING": stage.rolling,
        "SNAPSHOTTING": snapshots.wanted(stage),
        "HOLDING": stage.held,
        "SHIFTING": True,
    }
    ahead = [state for state, groups in needed.items() if groups]
    return Go(ahead[ahead.index(done) + 1], stage.frame)


def end_services(stage: Stage, groups: Collection[str]) -> None:
    """Services that the target doesn't have end before the machines of these groups go."""
    for service in stage.services_of(groups):
        if service not in stage.target.spec.services:
            routes.remove(stage, service)


def next_step(stage: Stage) -> Outcome:
    """The canary's next step, or what comes after the last."""
    step, count = stage.frame.step + 1, len(stage.canary_steps())
    if step >= count or stage.frame.promoted:
        return onward(stage, "CANARY")
    stage.remember(step=step, counting=False)
    return Go("CANARY", stage.frame, f"canary step {step + 1} of {count}")


def ask_a_person(stage: Stage, because: str) -> Outcome:
    """Waits for a person to judge what the present state found."""
    stage.remember(judged=stage.ctx.record.state, judged_because=because)
    return Go("AWAITING_APPROVAL", stage.frame, because)


def asked_words(stage: Stage) -> str:
    """What a person is asked, and why."""
    why = f"; {stage.frame.judged_because}" if stage.frame.judged_because else ""
    again = ", `stoneware retry` looks once more" if stage.frame.judged else ""
    return f"waiting for a person: `stoneware approve` goes on{again}, `stoneware abort` goes back{why}"


def publish(stage: Stage, artifact: Artifact, pinned: PinnedGroup) -> None:
    """Makes an image startable on the engine, once in a rollout."""
    stage.ctx.note(f"image:{pinned.digest}", "image.use", pinned.image, digest=pinned.digest)
    stage.platform.engine.publish_image(artifact)
    stage.remember(published=(*stage.frame.published, pinned.digest))


def bring_up(stage: Stage) -> list[str]:
    """Disks and machines that may be there beside the old ones are. Returns those that aren't as far as they can get alone."""
    fleets.ensure_disks(stage)
    fleets.release_disks(stage, stage.strays)
    fleets.ensure_machines(stage, stage.target, only=names_of(stage.target, stage.early))
    baselines = fleets.ensure_baselines(stage)
    fleets.attach_disks(stage.look(), stage.target, stage.beside)
    late = stage.not_in([*names_of(stage.target, stage.beside), *baselines], Phase.SERVING)
    late += stage.not_in(names_of(stage.target, stage.moving), Phase.WAITING, Phase.SERVING)
    return [name for name in late if stage.frame.judges(name)]


def give_shares(stage: Stage) -> str:
    """Sets the shares of the canary's present step. Returns what it waits for, nothing when the proxy has confirmed them."""
    for service, group in stage.canary_services.items():
        share = stage.share_of(group)
        if routes.has_share(stage, service, share):
            continue
        missing = routes.unseen(stage, stage.target, service) or routes.share(stage, service, share)
        if missing:
            return f"no share below strength; the proxy doesn't see up: {some(missing)}"
        if not routes.has_share(stage, service, share):
            return f"waiting for the proxy to confirm the share of {service}"
    return ""


def hand_over(stage: Stage) -> str:
    """Disks, or whole groups, go from old machines to new ones. Returns what it waits for, nothing when all are healthy."""
    new = names_of(stage.target, stage.held)
    stopping = fleets.stop(stage, [n for n in names_of(stage.source, stage.recreated) if n not in new])
    if stopping:
        return f"old machines are stopping: {some(stopping)}"
    leaving = fleets.release_disks(stage, [n for n in names_of(stage.source, stage.moving) if n not in new])
    if leaving:
        return f"disks are leaving {some(leaving)}"
    fleets.ensure_machines(stage, stage.target)
    fleets.attach_disks(stage.look(), stage.target, stage.held)
    for service in stage.services_of(stage.recreated):
        if service in stage.target.spec.services:
            routes.prepare(stage, stage.target, service, held=service in stage.held_services)
    late = stage.not_in(new, Phase.SERVING)
    if late:
        return stage.queued or _arriving(stage, late)
    held = people(stage.target, stage.held)
    judging.ask(stage, held, at_least_every=ASK_WHILE_HELD_S)
    weak = judging.not_up(stage, held)
    if not weak:
        return ""
    there = "disks are over" if with_disks(stage, stage.held) else "new machines run"
    return f"the {there}; waiting for health; {judging.words(stage, weak)}"


def with_disks(stage: Stage, groups: Collection[str]) -> list[str]:
    """Those of some groups whose machines have disks."""
    return [group for group in groups if stage.target.groups[group].spec.disks]


def _arriving(stage: Stage, late: Collection[str]) -> str:
    """What the machines that don't serve yet wait for."""
    those = [name for name in names_of(stage.target, with_disks(stage, stage.held)) if name in late]
    return f"disks are arriving at {some(those)}" if those else f"machines are booting: {some(late)}"


def give_back(stage: Stage) -> list[str]:
    """The new machines let go of what the old ones need. Returns those that hadn't when we looked."""
    new = [name for name in names_of(stage.target, stage.moving) if name not in stage.old]
    recreated = [name for name in names_of(stage.target, stage.recreated) if name not in stage.old]
    return fleets.release_disks(stage, new) + fleets.stop(stage, recreated)


def returning(stage: Stage, source: Release, away: Sequence[str], turning: Collection[str]) -> list[str]:
    """Groups whose old machines come back all at once. Those that this rollout didn't change stay as they are, well or not, unless
    a service that leads to them did."""
    stays = set(stage.bystanders) - {source.spec.services[service].group for service in away}
    return [group for group in source.groups if group not in stays and group not in turning]


def turning_back(stage: Stage, source: Release) -> list[str]:
    """Groups that go back by turns, as they came: where there is too little memory for all old machines beside the new ones.
    Once begun, it is gone on with."""
    if not stage.frame.back_by_turns and stage.rolling:
        engine = stage.platform.engine
        wanted = [w for group in source.groups for w in wanted_machines(source, group)]
        off = [w for w in wanted if (m := stage.machines.get(w.name)) is None or m.power is not Power.RUNNING]
        more = sum(w.memory_bytes for w in off)
        if off and too_little(engine.capacity(), engine.list_machines(), more):
            turns.turn_round(stage)
    return stage.rolling if stage.frame.back_by_turns else []


def take_turns_back(stage: Stage, groups: Collection[str]) -> str:
    """One look at the groups that go back by turns. Returns what it still waits for."""
    looks = [turns.retreat(stage, group) for group in groups]
    if any(look.moved for look in looks):
        stage.remember(entered_at=stage.ctx.now)  # a state's time is that of one turn
    awaited = "; ".join(look.awaits for look in looks if not look.done)
    return (stage.queued or awaited) if awaited else ""


def bring_back(
    stage: Stage, source: Release, groups: Collection[str], away: Sequence[str], held: Collection[str]
) -> str:
    """The old machines of some groups run, have their disks, and stand beside what has the traffic in the services that are
    `away`. Returns what it still waits for."""
    names = names_of(source, groups)
    fleets.ensure_machines(stage, source, only=names)
    fleets.attach_disks(stage.look(), source, groups)
    for service in away:  # a hold of ours ends at once where no disk has moved; any other one with its switch
        routes.prepare(stage, source, service, held=service in held if stage.frame.held_since else None)
    old = people(source, groups)
    judging.ask(stage, old, at_least_every=ASK_WHILE_HELD_S)
    weak = stage.not_in(names, Phase.SERVING) or judging.not_up(stage, old)
    weak = weak or [name for service in away for name in routes.unseen(stage, source, service)]
    return (stage.queued or f"no traffic below strength; waiting for {some(weak)}") if weak else ""


def taken(stage: Stage) -> list[str]:
    """Old machines that this rollout may have taken from their work, whether or not a service leads to them."""
    if stage.frame.failed_in in ("RETIRING", "ROLLING"):
        return names_of(stage.source, set(stage.source.groups) - set(stage.bystanders)) if stage.source else []
    rolled = stage.rolling if stage.frame.admitted else []
    return names_of(stage.source, [*rolled, *(stage.held if stage.frame.handed_over else [])])


def held_for(stage: Stage) -> str:
    """How long requests waited, for the journal; and whether some were refused."""
    since = stage.frame.held_since
    if since is None:
        return ""
    held_s = stage.ctx.now - since
    limit_s = min(stage.target.groups[g].spec.rollout.hold_limit for g in stage.held)
    refused = f", and refused beyond hold_limit ({limit_s:g}s)" if held_s > limit_s else ""
    return f" after requests were held for {held_s:.2f}s{refused}"


def unseen(stage: Stage, services: list[str]) -> list[str]:
    """Machines of the target, and baselines, that the proxy doesn't see up behind these services."""
    missing = [name for service in services for name in routes.unseen(stage, stage.target, service)]
    missing += [name for service in services for name in routes.unseen_baseline(stage, service)]
    return [name for name in missing if stage.frame.judges(name)]


def soak_s(stage: Stage) -> float:
    """How long (seconds) the new machines are watched. A rollback leads to what was good: only for its health window."""
    changing = [group.spec for group in stage.changing]
    if stage.frame.rollback:
        return max((spec.health.healthy_for for spec in changing), default=0.0)
    return max((spec.rollout.bake_time for spec in changing), default=0.0)
