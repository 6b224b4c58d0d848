"""The proxy's configuration is a function of the route, and nothing in a route can say more than it should."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.errors import Refused
from stoneware.model.deployment import HealthSpec
from stoneware.model.probe import HttpProbe
from stoneware.model.route import Member, Pool, Route, Slot
from stoneware.traffic.haproxy.config import (
    SLOTS,
    checking,
    config_text,
    health_of,
    server_options,
    state_map,
    view_of,
    word,
)

HEALTH = HealthSpec.model_validate({"http": {"port": 80, "path": "/healthz"}, "interval": "1500ms", "timeout": "2s"})
TCP = HealthSpec.model_validate({"tcp": {"port": 80}, "interval": "50ms"})
POOL = Pool(fleet="f1", members=(Member(machine="town-web-r1-0", address="127.0.0.1:20000"),))
EVIL = [
    "a b",
    "a\nb",
    "a\n",
    "a\r",
    "a;b",
    "a#b",
    'a"b',
    "a'b",
    "a\\b",
    "a$b",
    "a%b",
    "a{b}",
    "a/b",
    "ä",
    "",
    "\0",
    " a",
]


def route(**more: Any) -> Route:
    return Route(**{"service": "town.play", "listen": "localhost:8080", "health": HEALTH, "pools": {"A": POOL}, **more})


def lines(**more: Any) -> list[str]:
    return [line.strip() for line in config_text(route(**more), "").splitlines()]


@pytest.mark.parametrize("text", ["town.play", "town-web-r1-0", "127.0.0.1:8080", "*:80", "A_b"])
def test_names_and_addresses_are_words(text: str) -> None:
    assert word(text) == text


@pytest.mark.parametrize("text", EVIL)
def test_what_could_say_more_is_no_word(text: str) -> None:
    with pytest.raises(Refused, match="can't be a name or address"):
        word(text)


@given(st.text())
def test_a_word_has_nothing_in_it_that_a_configuration_or_a_command_reads(text: str) -> None:
    with contextlib.suppress(Refused):
        assert not set(word(text)) & set(" \t\r\n;#\"'\\$%{}()/,<>|&`\0")


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("where", ["listen", "machine", "address", "path"])
def test_nothing_can_be_smuggled_into_the_configuration(where: str, text: str) -> None:
    member = {"machine": "m", "address": "127.0.0.1:1", **({where: text} if where in ("machine", "address") else {})}
    probe = HttpProbe.model_construct(port=80, status=200, body=None, path=f"/{text}" if where == "path" else "/")
    if where == "path" and text in ("a;b", "a'b", "a$b", "a%b", "a/b", ""):
        return  # these stand for themselves in a path
    made = Route.model_construct(
        service="town.play",
        listen=text if where == "listen" else "*:80",
        health=HEALTH.model_copy(update={"http": probe}),
        pools={"A": Pool(fleet="f", members=(Member(**member),))},
        active="A",
        held=False,
        hold_limit_s=1.0,
    )
    with pytest.raises(Refused):
        config_text(made, "")


def test_both_pools_stand_behind_one_entry() -> None:
    found = lines(active="A")
    assert [line for line in found if line.startswith(("bind", "backend"))] == [
        "bind 127.0.0.1:8080",
        "backend A",
        "backend B",
        "backend C",
        "backend times",
    ]
    assert [line.split()[:3] for line in found if line.startswith("server ")] == [
        ["server", "town-web-r1-0", "127.0.0.1:20000"]
    ]


def test_the_switch_is_not_in_the_configuration() -> None:
    assert config_text(route(active="A"), "") == config_text(route(active="B", held=True), "")


@pytest.mark.parametrize(
    ("shares", "staying"), [({}, ()), ({"B": 1}, ()), ({"B": 10, "C": 5}, ()), ({"A": 99}, ("C",)), ({}, ("A", "C"))]
)
def test_a_map_means_what_it_was_made_from(shares: dict[Slot, int], staying: tuple[Slot, ...]) -> None:
    pools = {slot: Pool(fleet=f"web-{slot}") for slot in SLOTS}
    active = "B" if "B" not in shares else "A"
    staying = tuple(slot for slot in staying if slot != active)
    made = route(active=active, shares=shares, staying=staying, pools=pools)
    state = dict(line.split() for line in state_map(made).splitlines())
    view = view_of(made, state, {})
    assert (view.active, view.shares, view.staying) == (active, shares, staying)


def test_whatever_a_request_reads_while_the_map_changes_is_a_pool() -> None:
    for shares in ({}, {"B": 10}, {"B": 10, "C": 10}):
        state = dict(line.split() for line in state_map(route(active="A", shares=shares)).splitlines())
        assert {state["first"], state["second"]} <= set(SLOTS)


def test_files_are_named_as_seen_from_the_folder_of_the_proxy() -> None:
    head = config_text(route(), "").partition("defaults")[0]
    assert {"unix@admin.sock", "hold.lua", "state.map"} <= set(head.split())
    assert "/" not in head


def test_machines_are_checked_as_declared() -> None:
    found = lines()
    assert "timeout check 2000ms" in found
    assert "http-check send meth GET uri /healthz ver HTTP/1.1 hdr Host stoneware hdr Connection close" in found
    assert "http-check expect status 200" in found
    assert not any("http-check" in line for line in lines(health=TCP))


@pytest.mark.parametrize(("health", "words"), [(HEALTH, "inter 1500 fastinter 200"), (TCP, "inter 50 fastinter 50")])
def test_how_often_is_said_in_milliseconds(health: HealthSpec, words: str) -> None:
    assert words in server_options(health)


def test_only_what_stands_in_the_configuration_makes_a_difference_to_a_proxy() -> None:
    def told(**more: Any) -> tuple[tuple[str, ...], str]:
        health = HEALTH.model_copy(update=more)
        return checking(health), config_text(route(health=health), "")

    for same in ({"deadline": 500.0}, {"healthy_for": 9.0}):
        assert told(**same) == told()
    probe = HttpProbe(port=80, path="/well")
    for other in (
        {"timeout": 3.0},
        {"interval": 2.0},
        {"up": 5},
        {"down": 5},
        {"http": probe},
        {"http": None, "tcp": TCP.tcp},
    ):
        assert told(**other)[0] != told()[0]
        assert told(**other)[1] != told()[1]


def test_a_pool_may_have_a_check_of_its_own() -> None:
    made = route(pools={"A": POOL, "B": POOL.model_copy(update={"health": TCP})})
    assert (health_of(made, "A"), health_of(made, "B")) == (HEALTH, TCP)
    assert health_of(route(pools={}), "B") == HEALTH


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "active none\nheld 0\nhold_limit_ms 60000\n"),
        ({"active": "B", "held": True, "hold_limit_s": 1.5}, "active B\nheld 1\nhold_limit_ms 1500\n"),
    ],
)
def test_the_map_holds_what_may_change(more: dict[str, Any], text: str) -> None:
    assert state_map(route(**more)).startswith(text)


@pytest.mark.host
@pytest.mark.parametrize("path", ["/healthz", "/it's(a)path;v=1?x=$y&z=%20,*!+@:~"])
def test_haproxy_itself_accepts_it_in_a_folder_of_any_name(path: str, tmp_path: Path) -> None:
    haproxy = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    assert haproxy, "the set-up installs it"
    folder = tmp_path / "a 'folder' #with (signs)" / ("x" * 120)
    folder.mkdir(parents=True)
    health = HEALTH.model_copy(update={"http": HttpProbe(port=80, path=path)})
    (folder / "haproxy.cfg").write_text(config_text(route(health=health), ""))
    (folder / "state.map").write_text(state_map(route()))
    (folder / "hold.lua").write_bytes(files("stoneware.traffic.haproxy").joinpath("hold.lua").read_bytes())
    done = subprocess.run([haproxy, "-c", "-f", "haproxy.cfg"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
