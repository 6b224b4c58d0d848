"""Environments by what runs in them, and two releases side by side: what staging has that production hasn't."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stoneware.decide.plan import differences
from stoneware.model.drift_spec import DriftSpec, IgnoreSpec, format_moment_exactly
from stoneware.model.inspection import EnvironmentDifference, EnvironmentView, GroupDifference
from stoneware.model.noun import Noun
from stoneware.model.quantity import format_time
from stoneware.model.release import Release


def release_name(release: Release) -> str:
    """`critter-junction#3`."""
    return f"{release.deployment}#{release.number}"


def environments(releases: Iterable[Release]) -> list[EnvironmentView]:
    """The environments that current releases belong to, by name."""
    found: dict[str, list[Release]] = {}
    for release in releases:
        if release.environment:
            found.setdefault(release.environment.name, []).append(release)
    return [
        EnvironmentView(
            name=name,
            after=next((one.environment.after for one in those if one.environment and one.environment.after), ""),
            deployments=tuple(sorted(one.deployment for one in those)),
        )
        for name, those in sorted(found.items())
    ]


def releases_of(releases: Iterable[Release], environment: str) -> dict[str, Release]:
    """What runs in an environment, by the declared deployment."""
    return {
        one.environment.deployment: one for one in releases if one.environment and one.environment.name == environment
    }


def only_in(deployment: str, environment: str) -> EnvironmentDifference:
    """A deployment that one of two environments has."""
    line = f"{deployment} is only in {environment}"
    return EnvironmentDifference(before=deployment, after=deployment, settings=(line,), groups=())


def diff_settings(a: Release, b: Release) -> tuple[str, ...]:
    """What differs beside the groups: engine, number of kept releases, services, what is done about drift."""
    lines = []
    for name in ("engine", "keep_releases"):
        if getattr(a.spec, name) != getattr(b.spec, name):
            lines.append(f"{name} {getattr(a.spec, name)} -> {getattr(b.spec, name)}")
    for name in sorted({*a.spec.services, *b.spec.services}):
        old, new = a.spec.services.get(name), b.spec.services.get(name)
        if old is None or new is None:
            lines.append(f"service {name} is only in {release_name(b if old is None else a)}")
        else:
            lines += [f"service {name}: {line}" for line in _fields(old, new)]
    return (*lines, *_drift(a, b))


def _drift(a: Release, b: Release) -> Iterator[str]:
    """How drift is looked for, and what is done about it: a line for each policy, and for each difference that is let pass."""
    old, new = a.spec.drift, b.spec.drift
    if old.interval != new.interval:
        yield f"drift interval {format_time(old.interval)} -> {format_time(new.interval)}"
    for kind in sorted({*old.policy, *new.policy}):
        if old.policy.get(kind) != new.policy.get(kind):
            yield f"drift policy of {kind} {_policy(old, kind)} -> {_policy(new, kind)}"
    before = {_what(one): one for one in old.ignore if one not in new.ignore}
    after = {_what(one): one for one in new.ignore if one not in old.ignore}
    for what in sorted({*before, *after}):
        if what in before and what in after:
            yield from (f"drift ignore of {what}: {line}" for line in _fields(before[what], after[what]))
        else:
            one = before.get(what) or after[what]
            where = release_name(a if what in before else b)
            yield f"drift ignore of {what} (until {format_moment_exactly(one.until)}: {one.reason}) is only in {where}"


def _policy(spec: DriftSpec, kind: str) -> str:
    return str(spec.policy_of(kind)) + ("" if kind in spec.policy else " (the default)")


def _what(one: IgnoreSpec) -> str:
    """What is let pass: `inside.port of critter-junction-web-r3-0 at tcp/9100`."""
    return one.kind + (f" of {one.subject}" if one.subject else "") + (f" at {one.where}" if one.where else "")


def diff_groups(a: Release, b: Release) -> tuple[GroupDifference, ...]:
    """The groups that differ, without a look into their images."""
    found = []
    for name in sorted({*a.groups, *b.groups}):
        old, new = a.groups.get(name), b.groups.get(name)
        if old is None or new is None:
            found.append(GroupDifference(group=name, only=release_name(b if old is None else a)))
        elif why := (
            *differences(old, new),
            *_settings(old.spec.health, new.spec.health, "health"),
            *_settings(old.spec.rollout, new.spec.rollout, "rollout"),
        ):
            found.append(GroupDifference(group=name, why=why))
    return tuple(found)


def _settings(old: Noun, new: Noun, what: str) -> list[str]:
    return [f"{what} {line}" for line in _fields(old, new)]


def _fields(old: Noun, new: Noun) -> list[str]:
    """Each field that differs, as people write it."""
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    return [f"{key} {before.get(key)} -> {after.get(key)}" for key in before if before.get(key) != after.get(key)]
