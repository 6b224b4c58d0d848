"""Who begins: first come, first served, within the host's limit; nobody who has waited too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stoneware.decide.build.turns import Queued, Turns, turns

builds = st.lists(
    st.builds(
        Queued,
        id=st.integers(0, 10**6).map(str),
        queued_at=st.floats(0, 100),
        queue_ttl_s=st.floats(1, 100),
        lane=st.sampled_from(["", "", "a", "b"]),
    ),
    unique_by=(lambda one: one.id, lambda one: one.queued_at),
    max_size=12,
)


@given(builds, st.integers(0, 5), st.integers(0, 5), st.floats(0, 250))
def test_each_is_begun_expired_overtaken_or_waits(queued: list[Queued], under_way: int, most: int, now: float) -> None:
    found = turns(queued, under_way, most, now)
    overtaken = dict(found.overtaken)
    assert len({*found.begin, *found.expired, *overtaken}) == len(found.begin) + len(found.expired) + len(overtaken)
    by_id = {one.id: one for one in queued}
    waiting = [one for one in queued if one.id not in {*found.begin, *found.expired, *overtaken}]
    assert len(found.begin) <= max(0, most - under_way)
    assert not waiting or len(found.begin) == max(0, most - under_way)  # nobody waits while there is room
    assert all(by_id[one].queued_at < other.queued_at for one in found.begin for other in waiting)
    assert [by_id[one].queued_at for one in found.begin] == sorted(by_id[one].queued_at for one in found.begin)
    assert all(now - by_id[one].queued_at > by_id[one].queue_ttl_s for one in found.expired)
    assert all(now - by_id[one].queued_at <= by_id[one].queue_ttl_s for one in found.begin)
    for old, new in overtaken.items():
        assert by_id[old].lane == by_id[new].lane != ""
        assert by_id[old].queued_at < by_id[new].queued_at
        assert new not in overtaken


def test_the_newest_of_a_lane_is_built_and_the_others_are_not() -> None:
    queued = [
        Queued("1", 1.0, 60, "app"),
        Queued("2", 2.0, 60),
        Queued("3", 3.0, 60, "app"),
        Queued("4", 4.0, 60, "app"),
        Queued("5", 0.0, 4.0),
    ]
    found = turns(queued, under_way=1, most=3, now=5.0)
    assert found == Turns(begin=("2", "4"), expired=("5",), overtaken=(("1", "4"), ("3", "4")))


def test_none_begins_while_all_places_are_taken() -> None:
    assert turns([Queued("1", 1.0, 60)], under_way=2, most=2, now=2.0) == Turns()
    assert turns([Queued("1", 1.0, 60)], under_way=3, most=2, now=2.0) == Turns()
