"""The plan says everything that would change, why, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.releases import DISK, group, release, service, spec

from stoneware.decide.fleet import machine_names
from stoneware.decide.plan import directly, dropped_disks, moved_sessions, plan_release, taken_names
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.plan import Plan

groups = st.dictionaries(
    st.sampled_from(["web", "api"]),
    st.builds(
        group,
        st.sampled_from(["web/1", "web/2"]),
        size=st.integers(1, 3),
        config=st.sampled_from([{}, {"A": "1"}]),
        disks=st.sampled_from([{}, DISK]),
    ),
    min_size=1,
)


def planned(before: DeploymentSpec | None, after: DeploymentSpec) -> Plan:
    """The plan from release 1 to release 2."""
    source = release(1, before) if before else None
    return plan_release(source, release(2, after, retained=[source] if source else []))


def changed(before: dict[str, Any], after: dict[str, Any]) -> Any:
    (one,) = planned(spec({"web": before}), spec({"web": after})).groups
    return one


@given(groups)
def test_what_is_as_declared_has_nothing_to_do(declared: dict[str, Any]) -> None:
    plan = planned(spec(declared), spec(declared))
    assert not plan.changes
    assert all(one.action == "keep" and not one.creates and not one.retires for one in plan.groups)


@given(groups, groups)
def test_the_plan_accounts_for_every_machine(before: dict[str, Any], after: dict[str, Any]) -> None:
    source = release(1, spec(before))
    target = release(2, spec(after), retained=[source])
    plan = plan_release(source, target)
    had = {name for one in source.groups for name in machine_names(source, one)}
    wanted = {name for one in target.groups for name in machine_names(target, one)}
    assert {name for one in plan.groups for name in one.creates} == wanted - had
    assert {name for one in plan.groups for name in one.retires} == had - wanted
    assert {name for one in plan.groups for name in one.keeps} == had & wanted


@given(groups, groups)
def test_whatever_happens_to_a_group_has_a_reason(before: dict[str, Any], after: dict[str, Any]) -> None:
    for one in planned(spec(before), spec(after)).groups:
        assert one.why or one.action == "keep"


@pytest.mark.parametrize(
    ("change", "action", "why"),
    [
        ({}, "keep", ()),
        ({"image": "web/2"}, "replace", ("image web/1 -> web/2",)),
        ({"size": 3}, "scale", ("size 1 -> 3",)),
        ({"machine": {"cpus": 2, "memory": "1GiB"}}, "replace", ("cpus 1 -> 2", "memory 512MiB -> 1GiB")),
        ({"config": {"A": "2"}}, "replace", ("config A: (none) -> '2'",)),
        ({"disks": DISK}, "replace", ("disk data added or dropped",)),
        ({"rollout": {"drain": "1s"}}, "keep", ("rollout settings changed",)),
        ({"health": {"http": {"port": 80, "path": "/x"}}}, "keep", ("health check changed",)),
        ({"health": {"tcp": {"port": 81}}}, "replace", ("health check changed", "ports 80 -> 81")),
    ],
)
def test_each_difference_is_a_line(change: dict[str, Any], action: str, why: tuple[str, ...]) -> None:
    one = changed(group("web/1"), {**group("web/1"), **change})
    assert (one.action, one.why) == (action, why)


def test_a_service_on_another_port_asks_for_other_machines_and_says_so() -> None:
    before = spec({"web": group()}, {"play": service()})
    after = spec({"web": group()}, {"play": service(), "admin": service(port=81, listen="127.0.0.1:81")})
    plan = planned(before, after)
    assert (plan.groups[0].action, plan.groups[0].why) == ("replace", ("ports 80 -> 80, 81",))
    assert [(one.service, one.action, one.why) for one in plan.services] == [
        ("play", "replace", ("traffic moves to the new machines",)),
        ("admin", "create", ("new service",)),
    ]


def test_the_first_plan_creates_and_the_last_removes() -> None:
    first = planned(None, spec({"web": group(size=2, disks=DISK)}, {"play": service()}))
    assert (first.source, first.groups[0].action, first.groups[0].why) == (None, "create", ("new group",))
    assert first.groups[0].new_disks == ("town-web-data-0", "town-web-data-1")
    gone = planned(spec({"web": group(), "api": group()}, {"play": service()}), spec({"api": group()}))
    assert [(one.group, one.action) for one in gone.groups] == [("api", "keep"), ("web", "remove")]
    assert [(one.service, one.action) for one in gone.services] == [("play", "remove")]
    assert gone.groups[1].retires == ("town-web-r1-0",)


def test_disks_that_move_and_disks_that_are_new_are_told_apart() -> None:
    one = changed(group("web/1", disks=DISK), group("web/2", size=2, disks=DISK))
    assert (one.moved_disks, one.new_disks) == (("town-web-data-0",), ("town-web-data-1",))


@pytest.mark.parametrize(
    ("after", "dropped"),
    [
        ({"web": group(disks=DISK)}, ()),
        ({"web": group()}, ("web.data",)),
        ({"api": group(disks=DISK)}, ("web.data",)),
        ({"web": group(disks={"other": DISK["data"]})}, ("web.data",)),
    ],
)
def test_disks_that_nobody_would_have_any_more(after: dict[str, Any], dropped: tuple[str, ...]) -> None:
    source = release(1, spec({"web": group(disks=DISK)}))
    assert dropped_disks(source, release(2, spec(after))) == dropped
    assert dropped_disks(None, source) == ()


def test_names_of_another_deployment_are_not_taken_twice() -> None:
    here = release(1, spec({"c": group(disks=DISK)}), name="a-b")
    there = release(3, spec({"b-c": group(), "d": group(disks=DISK)}), name="a")
    assert taken_names(there, [here]) == ("group b-c would have the names of a-b.c",)
    assert taken_names(there, [release(1, spec({"c": group()}), name="a-c")]) == ()


@pytest.mark.parametrize(
    ("rollout", "how"),
    [
        ({}, "blue_green: all new machines beside the old ones, then one switch"),
        ({"strategy": "canary"}, "canary: 10 % for 5m, 50 % for 5m, then all"),
        ({"strategy": "rolling", "surge": 2, "unavailable": 1}, "rolling: at most 2 more and 1 fewer than declared"),
        ({"strategy": "recreate"}, "recreate: the old machines stop first, requests wait"),
    ],
)
def test_a_plan_says_how_machines_are_replaced(rollout: dict[str, object], how: str) -> None:
    before, after = (release(number, spec({"web": group(size=2, rollout=rollout)}), newest=number) for number in (1, 2))
    [change] = plan_release(before, after).groups
    assert change.how == how
    [back] = directly(plan_release(after, before)).groups
    assert back.how == (
        how if change.how.startswith(("blue", "recreate")) else "directly: the whole old fleet, then one switch"
    )
    assert plan_release(before, before).groups[0].how == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({}, ""),
        ({"rollout": {"strategy": "canary"}}, ""),
        ({"rollout": {"strategy": "rolling"}}, "clients move as machines of web take turns; sticky keeps nobody there"),
        (
            {"rollout": {"strategy": "recreate"}},
            "all clients move at the switch, for the old machines of web stop serving",
        ),
        ({"disks": DISK}, "all clients move at the switch, for the old machines of web stop serving"),
    ],
)
def test_clients_that_cannot_stay_are_told_before(words: dict[str, Any], told: str) -> None:
    known = {"web": group("web/1", size=2, **words)}
    before = release(1, spec(known, {"play": service(sticky=True)}))
    after = release(2, spec({"web": group("web/2", size=2, **words)}, {"play": service(sticky=True)}))
    assert moved_sessions(before, after) == ((f"service play: {told}",) if told else ())
    assert moved_sessions(before, release(2, before.spec, retained=[before])) == ()
    assert moved_sessions(None, after) == ()
