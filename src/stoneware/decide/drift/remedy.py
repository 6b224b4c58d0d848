"""What is done about drift by itself: which machines are made anew, which are kept for inspection, which routes are set again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stoneware.model.drift import Drift, Policy
from stoneware.model.drift_classes import CLASSES
from stoneware.model.release import Release

MOST_WORDS = 3


@dataclass(frozen=True)
class Remedies:
    """`replace` and `quarantine` map machines to why, and to when the one that is meant was made. `routes` are services that are
    set again. `because` are sentences about those for which nothing is done."""

    replace: dict[str, tuple[str, float]] = field(default_factory=dict)
    quarantine: dict[str, tuple[str, float]] = field(default_factory=dict)
    routes: dict[str, str] = field(default_factory=dict)
    because: tuple[str, ...] = ()


def remedies(release: Release, drifts: Sequence[Drift]) -> Remedies:
    """What the policies of a deployment's drift come to. A machine that is kept for inspection isn't made anew in its place.

    A machine whose image is damaged is neither: its next one would come from the same files.
    """
    asked = [one for one in drifts if one.policy in (Policy.REPLACE, Policy.QUARANTINE)]
    damaged = {one.subject for one in drifts if one.kind == "image.file"}
    hopeless = {pinned.digest for pinned in release.groups.values() if pinned.image in damaged}
    machines = [one for one in asked if CLASSES[one.kind].about == "machine"]
    stuck = sorted({one.subject for one in machines if _image_of(release, one.subject) in hopeless})
    able = [one for one in machines if one.subject not in stuck]
    kept = _by_machine([one for one in able if one.policy is Policy.QUARANTINE])
    anew = _by_machine([one for one in able if one.subject not in kept])
    routes = _by_subject([one for one in asked if CLASSES[one.kind].about == "route"])
    because = (f"{', '.join(stuck)}: made anew from the same image they would be no better",) if stuck else ()
    return Remedies(anew, kept, {name: _words(those) for name, those in routes.items()}, because)


def _image_of(release: Release, machine: str) -> str:
    """The digest that a machine's place is made from; empty for none of the release's."""
    names = {f"{release.deployment}-{group}-r{pinned.fleet}": pinned.digest for group, pinned in release.groups.items()}
    return names.get(machine.rpartition("-")[0], "")


def _by_machine(drifts: Sequence[Drift]) -> dict[str, tuple[str, float]]:
    return {name: (_words(those), those[0].made_at) for name, those in _by_subject(drifts).items()}


def _by_subject(drifts: Sequence[Drift]) -> dict[str, list[Drift]]:
    found: dict[str, list[Drift]] = {}
    for one in drifts:
        found.setdefault(one.subject, []).append(one)
    return found


def _words(drifts: Sequence[Drift]) -> str:
    words = [f"{one.kind} {one.where}: {one.found}".replace(" :", ":") for one in drifts[:MOST_WORDS]]
    more = f" and {len(drifts) - MOST_WORDS} more" if len(drifts) > MOST_WORDS else ""
    return "; ".join(words) + more
