"""From a release to names: the same every time, and equal content keeps its fleet."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.releases import DISK, group, release, service, spec

from stoneware.decide.fleet import hands_over, machine_names, pool_label, wanted_disks, wanted_machines

changes = st.fixed_dictionaries(
    {},
    optional={
        "size": st.integers(1, 4),
        "machine": st.sampled_from([{"cpus": 2}, {"memory": "1GiB"}]),
        "config": st.dictionaries(st.sampled_from(["A", "B"]), st.sampled_from(["1", "2"])),
        "disks": st.sampled_from([{}, DISK]),
        "image": st.sampled_from(["web", "web/1", "web/2"]),
        "rollout": st.just({"drain": "1s"}),
    },
)


@given(st.lists(changes, min_size=1, max_size=6))
def test_a_group_has_the_fleet_of_the_first_retained_release_with_its_content(history: list[dict[str, Any]]) -> None:
    releases: list[Any] = []
    for number, change in enumerate(history, start=1):
        releases.append(release(number, spec({"web": group(**change)}), retained=releases))
    contents: dict[Any, int] = {}
    for one in releases:
        pinned = one.groups["web"]
        facts = json.dumps(pinned.spec.model_dump(mode="json", include={"machine", "config", "disks"}), sort_keys=True)
        assert pinned.fleet == contents.setdefault((pinned.digest, facts), one.number)


@given(changes)
def test_the_same_release_gives_the_same_names(change: dict[str, Any]) -> None:
    one, again = (release(3, spec({"web": group(**change)}, {"play": service()})) for _ in range(2))
    assert wanted_machines(one, "web") == wanted_machines(again, "web")
    assert wanted_disks(one, "web") == wanted_disks(again, "web")
    assert pool_label(one, "play") == pool_label(again, "play")
    assert [m.name for m in wanted_machines(one, "web")] == list(machine_names(one, "web"))


def test_a_forgotten_release_gives_its_fleet_to_nobody() -> None:
    assert release(5, spec({"web": group()}), retained=[]).groups["web"].fleet == 5


def test_groups_do_not_share_a_fleet_though_their_content_is_equal() -> None:
    first = release(1, spec({"web": group()}))
    second = release(2, spec({"web": group(), "api": group()}), retained=[first])
    assert {name: pinned.fleet for name, pinned in second.groups.items()} == {"web": 1, "api": 2}


def test_a_family_is_pinned_to_what_it_means_today() -> None:
    pinned = release(1, spec({"web": group(), "old": group("web/2")}), newest=7).groups
    assert [(pinned[name].image, pinned[name].digest) for name in ("web", "old")] == [
        ("web/7", "sha256:web/7"),
        ("web/2", "sha256:web/2"),
    ]


@pytest.mark.parametrize(
    ("change", "entry", "same"),
    [
        ({}, {}, True),
        ({"rollout": {"drain": "1s"}}, {}, True),
        ({}, {"listen": "127.0.0.1:9"}, True),
        ({"size": 2}, {}, False),
        ({"health": {"http": {"port": 80, "path": "/x"}}}, {}, False),
        ({}, {"port": 81}, False),
        ({"config": {"A": "1"}}, {}, False),
        ({"image": "web/2"}, {}, False),
    ],
)
def test_a_pool_is_another_one_when_the_proxy_must_see_another(
    change: dict[str, Any], entry: dict[str, Any], same: bool
) -> None:
    before = release(1, spec({"web": group()}, {"play": service()}))
    after = release(2, spec({"web": group(**change)}, {"play": service(**entry)}), retained=[before])
    assert (pool_label(before, "play") == pool_label(after, "play")) is same
    fleet = f"town-web-r{after.groups['web'].fleet}-"
    assert pool_label(after, "play").startswith(fleet)


def test_disks_belong_to_places_and_machines_to_fleets() -> None:
    made = release(4, spec({"web": group(size=2, disks=DISK)}))
    assert [d.name for d in wanted_disks(made, "web")] == ["town-web-data-0", "town-web-data-1"]
    machines = wanted_machines(made, "web")
    assert [(m.name, m.index, m.disks[0].disk) for m in machines] == [
        ("town-web-r4-0", 0, "town-web-data-0"),
        ("town-web-r4-1", 1, "town-web-data-1"),
    ]
    assert (machines[0].ports, machines[0].disks[0].mount, machines[0].owner) == ((80,), "/srv", "town")


@pytest.mark.parametrize(
    ("before", "after", "moves"),
    [
        (group(disks=DISK), group(disks=DISK, config={"A": "1"}), True),
        (group(disks=DISK), group(disks=DISK), False),
        (group(), group(disks=DISK), False),
        (group(), group(config={"A": "1"}), False),
    ],
)
def test_disks_are_handed_over_from_one_fleet_to_another(
    before: dict[str, Any], after: dict[str, Any], moves: bool
) -> None:
    old = release(1, spec({"web": before}))
    new = release(2, spec({"web": after}), retained=[old])
    assert hands_over(old, new, "web") is moves
    assert not hands_over(None, new, "web")
