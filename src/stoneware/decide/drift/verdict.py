"""All four views of one deployment together: everything that differs, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence

from stoneware.decide.drift.clocks import clock_drifts
from stoneware.decide.drift.disks import disk_drifts
from stoneware.decide.drift.images import image_drifts, policy_drifts
from stoneware.decide.drift.inside import inside_drifts
from stoneware.decide.drift.machines import files_drifts, machine_drifts, taint_drifts
from stoneware.decide.drift.record import record_drifts
from stoneware.decide.drift.routes import route_drifts
from stoneware.decide.drift.sight import Sight
from stoneware.decide.drift.under_way import under_way_drifts
from stoneware.model.drift import Drift, Policy, Severity
from stoneware.model.drift_classes import CLASSES
from stoneware.model.drift_spec import DriftSpec, IgnoreSpec
from stoneware.model.quantity import format_moment

RANKS = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


def differences(sight: Sight) -> list[Drift]:
    """What this one look shows, before it is known whether the next one shows it, too.

    While an operation is under way, what machines, disks and routes should be is the operation's affair, but for what no
    operation makes. Images, and the inside of machines that serve, are judged all the same, for no operation changes those.
    """
    found = [*image_drifts(sight), *record_drifts(sight), *policy_drifts(sight), *files_drifts(sight)]
    found += [*clock_drifts(sight), *inside_drifts(sight), *taint_drifts(sight)]
    if sight.busy:
        found += under_way_drifts(sight)
    else:
        found += [*machine_drifts(sight), *disk_drifts(sight), *route_drifts(sight)]
    return found


def judged(drifts: Sequence[Drift], spec: DriftSpec, now: float) -> list[Drift]:
    """The same with what is done about each, the worst first."""
    found = [_with_policy(one, spec, now) for one in drifts]
    return sorted(found, key=lambda one: (not one.counts, RANKS[one.severity], one.kind, one.subject, one.where))


def _with_policy(drift: Drift, spec: DriftSpec, now: float) -> Drift:
    may_pass = Policy.IGNORE in CLASSES[drift.kind].may_be
    known = [one for one in spec.ignore if may_pass and _speaks_of(one, drift)]
    valid = max((one for one in known if one.until > now), key=lambda one: one.until, default=None)
    changes: dict[str, object] = {"policy": spec.policy_of(drift.kind), "ignored": "", "lapsed": ""}
    if valid is not None:
        ignored = f"until {format_moment(valid.until)}: {valid.reason}"
        changes = {"policy": Policy.IGNORE, "ignored": ignored, "lapsed": ""}
    elif known:
        last = max(known, key=lambda one: one.until)
        changes["lapsed"] = f"it was ignored until {format_moment(last.until)}: {last.reason}"
    return drift.model_copy(update=changes)


def _speaks_of(ignore: IgnoreSpec, drift: Drift) -> bool:
    return ignore.kind == drift.kind and ignore.subject in (None, drift.subject) and ignore.where in (None, drift.where)
