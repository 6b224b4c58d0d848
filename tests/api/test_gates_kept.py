"""Gates that were gone through once don't go with the lines that declare them, and nobody approves what they asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.api.gated import BOB, ask, current, declaration, grant, in_staging, promoted, send, verbs
from tests.api.house import House

from stoneware.model.build import Source

BUILD = "steps: [{name: stoneware/promote, args: [staging, production]}]"


@pytest.fixture
def town(house: House) -> House:
    """Version 1 runs in staging."""
    in_staging(house)
    return house


def approved(house: House, text: str) -> None:
    grant(house, "bob@host")
    waits = ask(house, text).json()
    made = house.http.post(f"/v1/promotions/{waits['id']}/approve", json={}, headers=BOB).json()
    assert house.end_of(made["operation"])["result"] == "SUCCEEDED"


def built(house: House, folder: Path, text: str, actor: str) -> str:
    """What became of a build that promotes by this declaration: its end in words."""
    folder.mkdir()
    (folder / "cloudbuild.yaml").write_text(BUILD)
    (folder / "stoneware.yaml").write_text(text)
    services = house.daemon.services
    record = services.building.begin(Source(folder=str(folder)), actor=actor, allowed=("promote",))
    return str(house.end_of(record.id)["because"])


def test_a_promotion_says_so_where_no_gate_is_declared_any_more(town: House) -> None:
    promoted(town)
    without = declaration(motd="free").partition("promotions:")[0]
    refused = ask(town, without)
    assert (refused.status_code, refused.json()["code"]) == (409, "gate-closed")
    assert "images come to production from staging" in refused.json()["detail"]
    assert ask(town, without, force=["origin"]).status_code == 400
    assert ask(town, without, force=["origin"], reason="we do without").status_code == 202
    assert verbs(town, "gate.") == ["gate.force"]


@pytest.mark.parametrize("gates", ["", "approval: interns", "approval: release-manager, soak: 0s"], ids=str)
def test_weaker_gates_are_for_who_could_approve_the_last_promotion(gates: str, town: House) -> None:
    approved(town, declaration("approval: release-manager, soak: 1ms"))
    text = declaration(gates, motd="new")
    for answer in (ask(town, text), send(town, "town-production", text)):
        assert (answer.status_code, answer.json()["code"]) == (409, "role-missing")
        assert "gates of town-production ask less than they did for promotion-1" in answer.json()["detail"]
    assert ask(town, text, headers=BOB).status_code == 202


def test_other_gates_that_ask_no_less_are_anybodys(town: House) -> None:
    approved(town, declaration("approval: release-manager"))
    assert (
        ask(town, declaration("approval: release-manager, soak: 1h, drift_free: true", motd="new")).status_code == 409
    )
    answer = ask(town, declaration("approval: release-manager, soak: 1ms", motd="new"))
    assert answer.json()["state"] == "PENDING"


def test_a_build_weakens_no_gate(town: House, tmp_path: Path) -> None:
    promoted(town, declaration("drift_free: true"))
    told = built(town, tmp_path / "commit", declaration(motd="new"), "ann@host")
    assert "gates of town-production ask less than they did for promotion-1: drift would be allowed" in told
    assert promoted(town, declaration(motd="new"))["state"] == "STARTED"


def test_who_begins_a_build_that_promotes_can_not_approve_that(town: House, tmp_path: Path) -> None:
    grant(town, "bob@host")
    grant(town, "eve@host")
    built(town, tmp_path / "commit", declaration("approval: release-manager"), "bob@host")
    path = "/v1/promotions/promotion-1/approve"
    refused = town.http.post(path, json={}, headers=BOB)
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "bob@host asked for promotion-1, and can't approve it",
    )
    made = town.http.post(path, json={}, headers={"X-Stoneware-Actor": "eve@host"}).json()
    assert made["state"] == "STARTED"
    assert town.end_of(made["operation"])["result"] == "SUCCEEDED"
    assert current(town, "town-production")["actor"].startswith("build/")
