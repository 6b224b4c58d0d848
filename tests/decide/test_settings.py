"""Settings: what was decided last is what counts, and whatever else a row says was edited."""

from __future__ import annotations

from stoneware.decide.settings import (
    CURRENT,
    GIVEN,
    KEPT,
    LET_GO,
    PINS,
    RELEASE,
    THERE,
    VERBS,
    edited,
    given_to,
    settings_after,
)
from stoneware.model.ledger import Fact
from stoneware.model.setting import NOTHING, Edited, Place


def fact(verb: str, subject: str, **details: str) -> Fact:
    return Fact(verb=verb, subject=subject, actor="ann", details=details)


ROLE, TRIGGER, KEEP = Place("boss", given_to("bob")), Place("trigger:main", "trigger"), Place("web", "keep")
KEY, ASIDE = Place("ab12", "trusted key"), Place("town-web-r1-0", "quarantine")
MADE = [
    fact("role.grant", "boss", to="bob"),
    fact("trigger.create", "trigger:main", spec='{"a":1}'),
    fact("family.keep", "web", within="60.0", newest="3"),
    fact("key.trust", "ab12"),
    fact("machine.quarantine", "town-web-r1-0", made_at="1.000"),
    fact("image.publish", "web/1", number="1"),
]
ALL = {ROLE: GIVEN, TRIGGER: '{"a":1}', KEEP: "newest 3, within 60.0", KEY: GIVEN, ASIDE: KEPT}
TAKEN = [
    fact("role.revoke", "boss", **{"from": "bob"}),
    fact("trigger.delete", "trigger:main"),
    fact("family.keep", "web"),
    fact("key.distrust", "ab12"),
    fact("quarantine.end", "town-web-r1-0", made_at="1.000"),
]


def test_what_was_decided_stands_until_it_is_taken_back() -> None:
    assert settings_after({}, MADE) == ALL
    assert settings_after(ALL, TAKEN) == {}
    assert settings_after(ALL, [fact("quarantine.release", "town-web-r1-0")])[ASIDE] == LET_GO
    settings = {one for one in VERBS if one.partition(".")[0] not in ("release", "rollout", "teardown")}
    assert {one.verb for one in (*MADE, *TAKEN)} - {"image.publish"} == settings - {"quarantine.release"}


def test_another_actors_role_is_not_touched() -> None:
    known = settings_after(ALL, [fact("role.grant", "boss", to="eve"), fact("role.revoke", "boss", **{"from": "bob"})])
    assert Place("boss", given_to("eve")) in known
    assert ROLE not in known


def test_rows_that_say_more_less_or_else_were_edited() -> None:
    assert edited(ALL, ALL) == []
    assert edited(ALL, {**ALL, KEEP: "newest 1"}) == [Edited(KEEP, "newest 3, within 60.0", "newest 1")]
    assert edited({}, {ROLE: GIVEN}) == [Edited(ROLE, NOTHING, GIVEN)]
    assert edited({KEY: GIVEN}, {}) == [Edited(KEY, GIVEN, NOTHING)]


def test_a_trigger_that_an_earlier_version_entered_is_there_or_is_not() -> None:
    earlier = settings_after({}, [fact("trigger.create", "trigger:main", repository="/srv/git")])
    assert earlier == {TRIGGER: THERE}
    assert edited(earlier, {TRIGGER: "{}"}) == []
    assert edited(earlier, {}) == [Edited(TRIGGER, THERE, NOTHING)]


RELEASES = [
    fact("release.create", "town#1"),
    fact("release.create", "town#2"),
    fact("release.create", "townhall#1"),
    fact("rollout.succeeded", "town", target="2"),
    fact("rollout.succeeded", "townhall"),
]


def test_releases_are_there_until_they_are_forgotten_or_all_is_destroyed() -> None:
    known = settings_after({}, RELEASES)
    assert known[Place("town", CURRENT)] == "2"
    assert known[Place("town#1", RELEASE)] == known[Place("town#1", PINS)] == THERE, "its entry hasn't the whole of it"
    assert known[Place("townhall", CURRENT)] == THERE, "earlier versions didn't enter which one"
    forgotten = settings_after(known, [fact("release.forget", "town#1")])
    assert {one.subject for one in forgotten} == {"town", "town#2", "townhall", "townhall#1"}
    destroyed = settings_after(forgotten, [fact("teardown.succeeded", "town")])
    assert {one.subject for one in destroyed} == {"townhall", "townhall#1"}
