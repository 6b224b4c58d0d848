"""When machines are too old, and what a release is that only makes them anew."""

from __future__ import annotations

import pytest
from tests.decide.releases import group, release, service, spec

from stoneware.decide.ageing import only_renewed, renewed, too_old, why_renewed
from stoneware.decide.fleet import machine_names
from stoneware.model.machine import Machine, Power
from stoneware.model.release import Release, ReleaseState

DAY = 86400.0
CURRENT = release(
    3,
    spec(
        {"web": group(size=2, max_age="30d"), "db": group("db"), "api": group("api", max_age="7d")}, {"play": service()}
    ),
)


def machines(of: Release, born: dict[str, float]) -> list[Machine]:
    """Machines of a release by group, each group born at one time (seconds)."""
    return [
        Machine(
            name=name,
            owner="town",
            group=one,
            fleet=3,
            index=0,
            digest="-",
            power=Power.RUNNING,
            created_at=at,
        )
        for one, at in born.items()
        for name in machine_names(of, one)
    ]


@pytest.mark.parametrize(
    ("days", "old"),
    [(1, ()), (7, ()), (7.1, ("api",)), (30, ("api",)), (30.1, ("web", "api"))],
)
def test_a_group_is_as_old_as_its_oldest_machine(days: float, old: tuple[str, ...]) -> None:
    seen = machines(CURRENT, {"web": 0, "db": 0, "api": 0})
    seen[0] = seen[0].model_copy(update={"created_at": 0})
    seen[1] = seen[1].model_copy(update={"created_at": days * DAY})  # its other machine is new
    assert too_old(CURRENT, seen, days * DAY) == old


def test_machines_of_another_fleet_or_none_at_all_are_not_old() -> None:
    assert too_old(CURRENT, [], 1000 * DAY) == ()
    stranger = machines(CURRENT, {"web": 0})[0].model_copy(update={"name": "town-web-r1-0"})
    assert too_old(CURRENT, [stranger], 1000 * DAY) == ()


def test_a_renewal_is_the_same_release_with_fresh_fleets_of_those_groups() -> None:
    fresh = renewed(CURRENT, ("web",), 4, 99.0, "stoneware")
    assert {name: one.fleet for name, one in fresh.groups.items()} == {"web": 4, "db": 3, "api": 3}
    assert (fresh.number, fresh.state, fresh.actor, fresh.created_at) == (4, ReleaseState.NEW, "stoneware", 99.0)
    assert fresh.reason == why_renewed(CURRENT, ("web",)) == "web is older than 30d"
    assert fresh.spec == CURRENT.spec
    assert not set(machine_names(fresh, "web")) & set(machine_names(CURRENT, "web"))
    assert only_renewed(fresh, CURRENT)


def test_another_image_another_size_or_nothing_is_no_renewal() -> None:
    assert not only_renewed(CURRENT, CURRENT)
    assert not only_renewed(release(4, CURRENT.spec, newest=2), CURRENT)
    bigger = spec({**CURRENT.spec.model_dump(mode="json")["groups"], "db": group("db", size=9)})
    assert not only_renewed(release(4, bigger), CURRENT)


def test_another_version_of_a_secret_is_no_mere_renewal() -> None:
    pinned = CURRENT.groups["web"].model_copy(update={"secrets": {"DB": "db/1"}, "fleet": 1})
    before = CURRENT.model_copy(update={"groups": {**CURRENT.groups, "web": pinned}})
    after_pin = pinned.model_copy(update={"secrets": {"DB": "db/2"}, "fleet": 2})
    after = before.model_copy(update={"number": 9, "groups": {**before.groups, "web": after_pin}})
    assert not only_renewed(after, before)
