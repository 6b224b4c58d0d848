"""Two environments side by side: each difference once, and none where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.releases import DISK, group, release, service, spec

from stoneware.decide.environments import diff_groups, diff_settings
from stoneware.model.drift_spec import DriftSpec

WEB = group("web/1", config={"A": "1"})


def sides(before: dict[str, Any], after: dict[str, Any], services: tuple[Any, Any] = ({}, {})) -> tuple[Any, Any]:
    one = release(3, spec(before, services[0]), name="staging")
    return one, release(7, spec(after, services[1]), name="production")


@given(st.sampled_from([WEB, group("web/2"), group(disks=DISK)]), st.booleans())
def test_equal_environments_do_not_differ(declared: dict[str, Any], served: bool) -> None:
    services = {"play": service()} if served else {}
    one, other = sides({"web": declared}, {"web": declared}, (services, services))
    assert (diff_settings(one, other), diff_groups(one, other)) == ((), ())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"image": "web/2"}, "image web/1 -> web/2"),
        ({"config": {"A": "2"}}, "config A: '1' -> '2'"),
        ({"size": 3}, "size 1 -> 3"),
        ({"health": {"http": {"port": 80}, "interval": "2s"}}, "health interval 1s -> 2s"),
        ({"rollout": {"drain": "1s"}}, "rollout drain 30s -> 1s"),
    ],
)
def test_what_differs_in_a_group_is_said_with_both_sides(change: dict[str, Any], line: str) -> None:
    [found] = diff_groups(*sides({"web": WEB}, {"web": {**WEB, **change}}))
    assert (found.group, found.only) == ("web", "")
    assert line in found.why


def test_what_only_one_side_has_is_named_with_it() -> None:
    one, other = sides({"web": WEB}, {"web": WEB, "api": WEB}, ({"play": service()}, {}))
    assert diff_settings(one, other) == ("service play is only in staging#3",)
    assert [(found.group, found.only) for found in diff_groups(one, other)] == [("api", "production#7")]


IGNORE = {"kind": "inside.port", "where": "tcp/9100", "reason": "metrics", "until": "2099-01-31"}


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({}, {"interval": "1d"}, ["drift interval 1m -> 1d"]),
        (
            {"policy": {"machine.tainted": "replace"}},
            {"policy": {"route.changed": "report"}},
            [
                "drift policy of machine.tainted replace -> report (the default)",
                "drift policy of route.changed replace (the default) -> report",
            ],
        ),
        (
            {"ignore": [IGNORE]},
            {},
            ["drift ignore of inside.port at tcp/9100 (until 2099-01-31T23:59:59Z: metrics) is only in staging#3"],
        ),
        (
            {"ignore": [IGNORE]},
            {"ignore": [{**IGNORE, "subject": "x"}, {**IGNORE, "until": "2098-01-31"}]},
            [
                "drift ignore of inside.port at tcp/9100: until 2099-01-31T23:59:59Z -> 2098-01-31T23:59:59Z",
                "drift ignore of inside.port of x at tcp/9100 (until 2099-01-31T23:59:59Z: metrics) is only in"
                " production#7",
            ],
        ),
    ],
)
def test_what_is_done_about_drift_differs_a_line_each(
    before: dict[str, Any], after: dict[str, Any], lines: list[str]
) -> None:
    one, other = (
        side.model_copy(update={"spec": side.spec.model_copy(update={"drift": DriftSpec.model_validate(declared)})})
        for side, declared in zip(sides({"web": WEB}, {"web": WEB}), (before, after), strict=True)
    )
    assert list(diff_settings(one, other)) == lines


def test_a_service_that_differs_says_in_what() -> None:
    one, other = sides({"web": WEB}, {"web": WEB}, ({"play": service()}, {"play": service(port=81)}))
    assert diff_settings(one, other) == ("service play: port 80 -> 81",)
