"""Keys over the API: the installation's own, and those that somebody with a name has said to believe."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from tests.api.house import House

from stoneware.api.keys import KnownKey, _meant
from stoneware.errors import Conflict
from stoneware.host.home import Home
from stoneware.host.signing_key import PublicKey, installation_key
from stoneware.host.trusted_keys import trusted_keys


@pytest.fixture
def theirs(tmp_path: Path) -> PublicKey:
    """The public key of another installation."""
    return installation_key(Home(tmp_path)).public


def entries(house: House) -> list[tuple[str, str, str, str]]:
    facts = [entry["fact"] for entry in house.http.get("/v1/ledger", params={"limit": 1000}).json()]
    found = [(fact["verb"], fact["subject"], fact["actor"], fact["reason"]) for fact in facts]
    return [fact for fact in found if fact[0].startswith("key.")]


def test_the_installations_key_is_made_when_it_is_asked_for_and_only_its_public_part_is_told(idle_house: House) -> None:
    answer = idle_house.http.get("/v1/key")
    own = installation_key(idle_house.home).public
    assert answer.json() == {"id": own.id, "pem": own.pem, "own": True}
    assert idle_house.http.get("/v1/keys").json() == [answer.json()]
    secret = idle_house.home.signing_key.read_text().splitlines()[1]
    assert secret not in answer.text
    assert stat.S_IMODE(idle_house.home.signing_key.stat().st_mode) == 0o600


def test_a_key_is_trusted_once_and_the_ledger_says_who_did_it(idle_house: House, theirs: PublicKey) -> None:
    for _ in range(2):
        answer = idle_house.http.post("/v1/keys", json={"pem": theirs.pem, "reason": "staging"})
        assert (answer.status_code, answer.json()) == (200, {"id": theirs.id, "pem": theirs.pem, "own": False})
    assert [key["own"] for key in idle_house.http.get("/v1/keys").json()] == [True, False]
    assert set(trusted_keys(idle_house.home)) == {theirs.id}
    assert entries(idle_house) == [("key.trust", theirs.id, "ann@host", "staging")]


def test_a_key_is_trusted_no_more(idle_house: House, theirs: PublicKey) -> None:
    idle_house.http.post("/v1/keys", json={"pem": theirs.pem})
    assert idle_house.http.delete(f"/v1/keys/{theirs.id}", params={"reason": "broken into"}).status_code == 204
    assert trusted_keys(idle_house.home) == {}
    assert entries(idle_house)[-1] == ("key.distrust", theirs.id, "ann@host", "broken into")
    assert idle_house.http.delete(f"/v1/keys/{theirs.id}").status_code == 404
    assert len(entries(idle_house)) == 2


@pytest.mark.parametrize("digits", [8, 16, 63])
def test_the_beginning_of_an_id_will_do(digits: int, idle_house: House, theirs: PublicKey) -> None:
    idle_house.http.post("/v1/keys", json={"pem": theirs.pem})
    assert idle_house.http.delete(f"/v1/keys/{theirs.id[:digits]}").status_code == 204
    assert trusted_keys(idle_house.home) == {}
    assert entries(idle_house)[-1][:2] == ("key.distrust", theirs.id)


@pytest.mark.parametrize(("digits", "status"), [("0123456", 400), ("3f9a...", 400), ("0" * 16, 404)])
def test_what_names_no_key_is_said(digits: str, status: int, idle_house: House) -> None:
    assert idle_house.http.delete(f"/v1/keys/{digits}").status_code == status


def test_a_beginning_that_keys_share_means_none() -> None:
    keys = [KnownKey(id=f"0123456{digit}" + "0" * 56, pem="", own=False) for digit in "789"]
    assert _meant("01234568", keys) == keys[1].id
    twins = [*keys, KnownKey(id="01234568" + "1" * 56, pem="", own=False)]
    with pytest.raises(Conflict, match="2 keys begin with 01234568"):
        _meant("01234568", twins)


def test_our_own_key_is_believed_anyhow(idle_house: House) -> None:
    own = idle_house.http.get("/v1/key").json()
    assert idle_house.http.post("/v1/keys", json={"pem": own["pem"]}).json() == own
    assert idle_house.http.delete(f"/v1/keys/{own['id']}").status_code == 409
    assert trusted_keys(idle_house.home) == {}
    assert entries(idle_house) == []


@pytest.mark.parametrize("pem", ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_public_key_is_bad_input(pem: str, idle_house: House) -> None:
    answer = idle_house.http.post("/v1/keys", json={"pem": pem})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-input")
    assert "key show" in answer.json()["next_step"]
    assert "SECRET" not in answer.text
    assert entries(idle_house) == []


def test_a_broken_key_is_the_hosts_problem_and_says_what_to_do(idle_house: House, theirs: PublicKey) -> None:
    idle_house.home.signing_key.write_text("nonsense")
    idle_house.home.signing_key.chmod(0o600)
    answers = [
        idle_house.http.get("/v1/key"),
        idle_house.http.get("/v1/keys"),
        idle_house.http.post("/v1/keys", json={"pem": theirs.pem}),
        idle_house.http.delete(f"/v1/keys/{theirs.id}"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/misconfigured")
        assert "put it back" in answer.json()["next_step"]
