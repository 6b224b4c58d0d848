"""`status` says who gets what, and who is left where nothing new goes."""

from __future__ import annotations

from typing import Any

from stoneware.cli.traffic_lines import traffic_lines
from stoneware.model.route import MemberState, MemberView, PoolView, RouteView, Slot


def pool(fleet: str, *open_requests: int, sessions: int = 0) -> PoolView:
    """A pool with a machine for each number of open requests."""
    members = [
        MemberView(machine=f"{fleet}-{i}", address=f"10.0.0.{i}:80", state=MemberState.UP, open_requests=number)
        for i, number in enumerate(open_requests)
    ]
    return PoolView(fleet=fleet, members=tuple(members), sessions=sessions)


def shown(pools: dict[Slot, PoolView], **route: Any) -> list[str]:
    given = {"active": "A", "held": False, **route}
    view = RouteView(service="town.play", listen="127.0.0.1:80", pools=pools, **given)
    return list(traffic_lines(view))[1:]


def test_a_canary_has_its_share() -> None:
    assert shown({"A": pool("r1", 3, 4), "B": pool("r2", 1)}, shares={"B": 30}) == [
        "   70 % r1: 2 of 2 up",
        "   30 % r2: 1 of 1 up",
    ]


def test_who_is_left_on_the_old_side_is_told() -> None:
    pools: dict[Slot, PoolView] = {"A": pool("r1", 2, 0, sessions=3), "B": pool("r2", 9, sessions=7)}
    assert shown(pools, active="B", staying=("A",)) == [
        "    0 % r1: 2 of 2 up; 2 requests are open, 3 clients stay",
        "  100 % r2: 1 of 1 up",
    ]
    assert shown({"A": pool("r1", 1, sessions=1), "B": pool("r2", 9)}, active="B", staying=("A",))[0].endswith(
        "; 1 request is open, 1 client stays"
    )


def test_a_held_service_says_so() -> None:
    view = RouteView(service="town.play", listen="127.0.0.1:80", active=None, held=True, pools={})
    assert list(traffic_lines(view)) == ["town.play at 127.0.0.1:80 (requests are held)"]
