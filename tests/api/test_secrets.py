"""Secrets through the API: values go in and never come out, and a new one reaches machines by a release of its own."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.api.house import House, asked, declaration

from stoneware.operations.prune import Prune

FIRST, SECOND = "otters-and-badgers", "voles-and-weasels"
WITH = declaration(secrets={"DB_PASSWORD": "db-password"})


def put(house: House, value: str | bytes, name: str = "db-password", **more: str) -> Any:
    raw = value.encode() if isinstance(value, str) else value
    return house.http.post(f"/v1/secrets/{name}", json={"value": base64.b64encode(raw).decode(), **more})


def plan(house: House) -> Any:
    return house.http.post("/v1/deployments/town/plan", json=asked(WITH))


def roll_back(house: House) -> None:
    started = house.http.post("/v1/deployments/town/rollback", json={}).json()
    assert house.end_of(started["operation"]["id"])["result"] == "SUCCEEDED"


def pinned(house: House) -> dict[str, str]:
    found: dict[str, str] = house.status()["current"]["groups"]["web"]["secrets"]
    return found


def machines_secrets(house: House) -> dict[str, dict[str, str]]:
    """What each machine of the fake engine was made with."""
    return {name: one.wanted.secrets for name, one in house.engine._state.machines.items()}


def test_each_value_is_a_version_and_no_answer_holds_one(idle_house: House) -> None:
    assert idle_house.http.get("/v1/secrets").json() == []
    first = put(idle_house, FIRST, reason="made").json()
    assert (first["made"], first["secret"]["version"], first["secret"]["actor"]) == (True, 1, "ann@host")
    assert put(idle_house, FIRST).json() == {**first, "made": False}
    assert put(idle_house, SECOND).json()["secret"]["version"] == 2
    [listed] = idle_house.http.get("/v1/secrets").json()
    assert set(listed) == {"name", "version", "created_at", "actor"}
    assert (listed["name"], listed["version"]) == ("db-password", 2)
    [made, _] = idle_house.http.get("/v1/ledger").json()
    assert made["fact"] == {
        "verb": "secret.set",
        "subject": "db-password/1",
        "actor": "ann@host",
        "reason": "made",
        "details": {},
    }


@pytest.mark.parametrize("raw", [b"\0", b"\xff\xfe\n", b"x" * 65536])
def test_any_bytes_are_a_value(raw: bytes, idle_house: House) -> None:
    assert put(idle_house, raw).status_code == 200
    assert idle_house.engine.reveal("db-password/1") == raw


@pytest.mark.parametrize(
    "body",
    [
        {"value": FIRST},
        {"value": [FIRST]},
        {"value": {"secret": FIRST}},
        {"value": FIRST * 10_000},
        {"value": FIRST, "reason": 7},
        {"value": f"é{FIRST}"},
        {"reason": "no value"},
        {"value": base64.b64encode((FIRST * 5000)[:65537].encode()).decode()},
        [FIRST],
        FIRST,
    ],
)
def test_a_bad_request_is_refused_and_its_value_not_repeated(
    body: object, idle_house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    refused = idle_house.http.post("/v1/secrets/db-password", json=body)
    assert refused.status_code == 400, refused.text
    assert refused.json()["next_step"]
    said = refused.text + "".join(capfd.readouterr())
    assert FIRST not in said
    assert base64.b64encode(FIRST.encode()).decode()[:20] not in said


def test_what_is_no_json_is_refused_and_not_repeated(idle_house: House) -> None:
    for content in (f'{{"value": "{FIRST}"', f'{{"value": {FIRST}}}'):
        refused = idle_house.http.post("/v1/secrets/db-password", content=content)
        assert (refused.status_code, FIRST in refused.text) == (400, False)


def test_what_goes_wrong_within_says_nothing_of_the_value(
    idle_house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the disk has a hole")

    monkeypatch.setattr("stoneware.store.secrets.append", broken)
    failed = put(idle_house, FIRST)
    said = failed.text + "".join(capfd.readouterr())
    assert (failed.status_code, "a hole" in said, FIRST in said) == (500, True, False)
    assert idle_house.http.get("/v1/secrets").json() == []


@pytest.mark.parametrize("name", ["UPPER", "a_b", "a" * 41, "1a"])
def test_a_name_that_nobody_could_declare_is_refused(name: str, idle_house: House) -> None:
    assert put(idle_house, FIRST, name).status_code == 400


def test_a_secret_that_isnt_there_is_said_when_one_plans(house: House) -> None:
    missing = plan(house)
    assert missing.status_code == 404
    assert missing.json()["detail"] == "there is no secret db-password, which group web asks for"
    assert missing.json()["next_step"] == "`stoneware secret set db-password` sets it"


def test_a_new_version_is_a_new_release_and_new_machines_and_rollback_leads_to_the_old_one(house: House) -> None:
    put(house, FIRST)
    house.deployed(WITH)
    assert not [group for group in plan(house).json()["groups"] if group["why"]], "nothing has changed yet"
    put(house, SECOND)
    [change] = plan(house).json()["groups"]
    assert (change["action"], change["why"]) == ("replace", ["secret DB_PASSWORD: db-password/1 -> db-password/2"])
    house.deployed(WITH)
    assert pinned(house) == {"DB_PASSWORD": "db-password/2"}
    old, new = {"DB_PASSWORD": "db-password/1"}, {"DB_PASSWORD": "db-password/2"}
    assert machines_secrets(house) == {
        "town-web-r1-0": old,
        "town-web-r1-1": old,
        "town-web-r2-0": new,
        "town-web-r2-1": new,
    }
    roll_back(house)
    assert pinned(house) == old
    assert house.status()["routes"][0]["pools"][house.status()["routes"][0]["active"]]["fleet"].startswith(
        "town-web-r1"
    )
    facts = [entry["fact"] for entry in house.http.get("/v1/ledger", params={"limit": 1000}).json()]
    [made] = [fact for fact in facts if (fact["verb"], fact["subject"]) == ("release.create", "town#2")]
    assert made["details"]["web secret DB_PASSWORD"] == "db-password/2"


def test_a_secret_stays_as_long_as_a_retained_release_pins_it(house: House) -> None:
    put(house, FIRST)
    house.deployed(WITH)
    refused = house.http.delete("/v1/secrets/db-password")
    assert refused.status_code == 409
    assert "town#1 pins db-password/1" in refused.json()["detail"]
    ended = house.http.delete("/v1/deployments/town").json()
    assert house.end_of(ended["id"])["result"] == "SUCCEEDED"
    assert house.http.delete("/v1/secrets/db-password", params={"reason": "over"}).status_code == 204
    assert house.http.get("/v1/secrets").json() == []
    assert house.http.delete("/v1/secrets/db-password").status_code == 404
    assert house.http.get("/v1/ledger", params={"limit": 1000}).json()[-1]["fact"]["reason"] == "over"


def test_old_versions_that_nothing_pins_are_pruned(house: House) -> None:
    for value in (FIRST, SECOND, "newest"):
        put(house, value)
    house.deployed(WITH)
    services = house.daemon.services
    gone = Prune(services.store, services.platforms, services.clock, lambda: None).run()
    assert gone == ["db-password/1", "db-password/2"]
    assert house.engine.reveal("db-password/3") == b"newest"


def test_a_rollout_whose_secret_cannot_be_read_says_so_and_goes_back(house: House) -> None:
    put(house, FIRST)
    house.home.secret_key.unlink()
    ended = house.end_of(house.deploy(WITH))
    assert ended["result"] in ("FAILED", "REVERTED")
    lines = house.http.get(f"/v1/operations/{ended['id']}/journal").json()
    assert any("secret-key is gone" in line["text"] for line in lines), lines
    assert house.machines() == {}


def test_no_file_of_the_home_and_no_line_of_a_log_has_a_value(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    put(house, FIRST)
    house.deployed(WITH)
    put(house, SECOND)
    house.deployed(WITH)
    roll_back(house)
    files = [path for path in house.home.root.rglob("*") if path.is_file()]
    assert {"stoneware.db", "secret-key", "fake.json"} <= {path.name for path in files}
    told = [path.read_bytes() for path in files] + ["".join(capfd.readouterr()).encode()]
    for value in (FIRST, SECOND):
        for form in (value.encode(), base64.b64encode(value.encode()), value.encode().hex().encode()):
            assert not [one for one in told if form in one]
