"""What each strategy promises while versions change."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.invariants.sight import Change, Moment, at, changes, fleet_of, is_mixed, serving, shares_of
from tests.simulation.scenario import Quality

from stoneware.decide.capacity import PLACE_S
from stoneware.model.machine import Phase, Power
from stoneware.model.release import Release

FORWARD = ("PROVISIONING", "VERIFYING", "ROLLING")
STARTING = ("create_machine", "start_machine")


@at("before", "apply")
@at("after", "apply")
def enough_serve_in_turns(now: Moment) -> Iterator[str]:
    """In a rolling update nobody is taken out of the traffic while that leaves less than was declared."""
    if now.when == "before":
        now.memory.serving[now.name] = serving(now.world.proxy.view(now.name))
        return
    view, before = now.world.proxy.view(now.name), now.memory.serving.pop(now.name, {})
    stood_still = now.world.clock.elapsed > now.world.act.begun
    if view is None or stood_still or not any(is_mixed(label) for label in shares_of(view)):
        return
    after = serving(view)
    for one in changes(now.world):
        those = [name for name in after if fleet_of(name) in one.fleets()]
        lost = sorted(name for name in before if fleet_of(name) in one.fleets() and name not in after)
        least = min(_sizes(one)) - one.rollout.unavailable
        if lost and len(those) < least and one.rollout.strategy == "rolling":
            yield f"{now.name} loses {lost}, and {len(those)} of at least {least} serve"


@at("after", *STARTING)
def few_exist_beyond_the_size(now: Moment) -> Iterator[str]:
    """In a rolling update there are no more machines than the larger size and the surge."""
    for one in _changes_of(now):
        if one.rollout.strategy == "rolling" and not one.record.frame["rollback"] and one.record.state in FORWARD:
            surge = 1 if one.rollout.surge is None else one.rollout.surge
            running = _running(now, one)
            if len(running) > max(_sizes(one)) + surge:
                yield f"{sorted(running)} exist; at most {max(_sizes(one))} and {surge} may"


@at("after", *STARTING)
def versions_follow_each_other(now: Moment) -> Iterator[str]:
    """With strategy recreate, no machine starts while one of the other version runs."""
    for one in _changes_of(now):
        versions = {fleet_of(name) for name in _running(now, one)}
        if one.rollout.strategy == "recreate" and len(versions) > 1:
            yield f"{now.verb} {now.name}, and now both versions run: {sorted(versions)}"


@at("after", *STARTING)
def boots_take_turns(now: Moment) -> Iterator[str]:
    """No more machines boot at once than the host can bear, but while requests are held; what a rehearsal boots is its own."""
    record, places = now.world.act.record, now.world.scenario.boots
    if places is None or record is None:
        return
    running = [m for m in now.world.cloud.everything() if m.power is Power.RUNNING and m.phase is Phase.BOOTING]
    booting = [m for m in running if now.world.clock.now() - (m.started_at or 0.0) < PLACE_S]
    ours = [m for m in booting if m.name == now.name and m.owner == record.subject]
    if ours and len(booting) > places and record.frame["held_since"] is None:
        yield f"{len(booting)} machines boot, and {places} may: {sorted(m.name for m in booting)}"


@at("after", "apply")
def what_fails_goes_no_further(now: Moment) -> Iterator[str]:
    """A canary that answers with errors never gets all, unless a person says so or nothing can be measured. Where it has only to
    be as good as the old version, that one's errors count."""
    if not now.world.scenario.requests_per_s:
        return
    shares = shares_of(now.world.proxy.view(now.name))
    for one in changes(now.world):
        analysis, new = one.rollout.analysis, one.fleets()[1]
        everything = any(fleet_of(label) == new or label == new for label in shares if shares[label] == 100)
        if one.rollout.strategy != "canary" or one.record.frame["rollback"] or not (analysis and everything):
            continue
        errs, erred = (_errs(now, release, one.group) for release in (one.target, one.source))
        compares = analysis is not None and all(check.errors and check.errors.most is None for check in analysis.checks)
        if errs and not (erred and compares) and _leads_to(one, now.name) and not _person_said(now, one):
            yield f"{now.name} was given to {new}, which answers with errors"


def _errs(now: Moment, release: Release, group: str) -> bool:
    return now.world.cloud.quality.get(release.groups[group].digest) is Quality.ERRS


def _leads_to(one: Change, service: str) -> bool:
    """Whether a service had a canary to be judged by: it answered for this group before."""
    name = service.partition(".")[2]
    both = (one.source.spec.services, one.target.spec.services)
    return all(name in known and known[name].group == one.group for known in both)


def _person_said(now: Moment, one: Change) -> bool:
    said = "SELECT 1 FROM signals WHERE operation = ? AND body ->> 'kind' IN ('approve', 'promote') LIMIT 1"
    return bool(now.world.rows(said, one.record.id))


def _changes_of(now: Moment) -> list[Change]:
    """Those of the group whose machine this is about."""
    return [one for one in changes(now.world) if fleet_of(now.name) in one.fleets()]


def _running(now: Moment, one: Change) -> list[str]:
    machines = [m.wanted for m in now.world.cloud.contents() if m.power is Power.RUNNING]
    return [m.name for m in machines if m.owner == one.record.subject and fleet_of(m.name) in one.fleets()]


def _sizes(one: Change) -> tuple[int, int]:
    return one.source.groups[one.group].spec.size, one.target.groups[one.group].spec.size
