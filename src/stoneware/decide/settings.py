"""What the ledger has of things that stand in rows and files besides: roles, triggers, how long families keep images, whose keys
are believed, which machines are kept for inspection; which releases there are, which is current, and what each pins. Rows and files
say the same, unless somebody edited them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stoneware.model.ledger import Fact
from stoneware.model.release import Release
from stoneware.model.setting import NOTHING, Edited, Place, Settings
from stoneware.names import secret_version

GIVEN, THERE = "given", "there"
KEPT, LET_GO = "kept", "let go"
CURRENT, RELEASE, PINS = "current", "row", "pins"
OF_RELEASES = (CURRENT, RELEASE, PINS)
"""Where of a release, or of a deployment's releases, something is said."""
VERBS = (
    "role.grant",
    "role.revoke",
    "trigger.create",
    "trigger.delete",
    "family.keep",
    "key.trust",
    "key.distrust",
    "machine.quarantine",
    "quarantine.release",
    "quarantine.end",
    "release.create",
    "release.forget",
    "rollout.succeeded",
    "teardown.succeeded",
)
"""What is to be read, of all subjects."""


def given_to(actor: str) -> str:
    """Where a role's subject says whom it was given to."""
    return f"given to {actor}"


def limits(keep: Mapping[str, object]) -> dict[str, str]:
    """What limits how long images are kept, in the words of an entry."""
    return {name: str(limit) for name, limit in keep.items() if limit is not None}


def said(words: Mapping[str, str]) -> str:
    """Limits as one text; empty for none."""
    return ", ".join(f"{name} {limit}" for name, limit in sorted(words.items()))


def settings_after(known: Settings, facts: Iterable[Fact]) -> Settings:
    """The settings when these facts have followed, in their order. What was taken back stands there no more."""
    found = dict(known)
    for fact in facts:
        if fact.verb == "teardown.succeeded":
            found = {place: value for place, value in found.items() if not _is_of(place, fact.subject)}
        for place, value in _told(fact):
            if value == NOTHING:
                found.pop(place, None)
            else:
                found[place] = value
    return found


def edited(on_record: Settings, found: Settings) -> list[Edited]:
    """Where rows and files say something else than the ledger."""
    places = sorted({*on_record, *found})
    told = [Edited(place, on_record.get(place, NOTHING), found.get(place, NOTHING)) for place in places]
    return [one for one in told if one.on_record != one.found and not (one.on_record == THERE and one.found)]


def pins(digests: Iterable[str], secrets: Iterable[tuple[str, int]]) -> str:
    """What a release keeps from being deleted, as one text."""
    return ", ".join([*sorted({*digests}), *sorted(secret_version(name, version) for name, version in {*secrets})])


def _is_of(place: Place, deployment: str) -> bool:
    return place.where in OF_RELEASES and place.subject.partition("#")[0] == deployment


def _pins_of(manifest: str) -> str:
    try:
        release = Release.model_validate_json(manifest)
    except ValueError:  # of an earlier version, which entered less of it, or otherwise
        return THERE
    return pins(release.digests.values(), release.pinned_secrets)


def _told(fact: Fact) -> list[tuple[Place, str]]:
    details, subject = fact.details, fact.subject
    match fact.verb:
        case "role.grant":
            return [(Place(subject, given_to(details.get("to", ""))), GIVEN)]
        case "role.revoke":
            return [(Place(subject, given_to(details.get("from", ""))), NOTHING)]
        case "trigger.create":  # earlier versions entered that it was made, and not the whole of it
            return [(Place(subject, "trigger"), details.get("spec", THERE))]
        case "trigger.delete":
            return [(Place(subject, "trigger"), NOTHING)]
        case "family.keep":
            return [(Place(subject, "keep"), said(details))]
        case "key.trust" | "key.distrust":
            return [(Place(subject, "trusted key"), GIVEN if fact.verb == "key.trust" else NOTHING)]
        case "machine.quarantine" | "quarantine.release" | "quarantine.end":
            now = {"machine.quarantine": KEPT, "quarantine.release": LET_GO}.get(fact.verb, NOTHING)
            return [(Place(subject, "quarantine"), now)]
        case "release.create":
            return [(Place(subject, RELEASE), THERE), (Place(subject, PINS), _pins_of(details.get("manifest", "")))]
        case "release.forget":
            return [(Place(subject, RELEASE), NOTHING), (Place(subject, PINS), NOTHING)]
        case "rollout.succeeded":  # earlier versions didn't enter which one
            return [(Place(subject, CURRENT), details.get("target", THERE))]
    return []
