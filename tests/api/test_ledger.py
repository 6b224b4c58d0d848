"""The ledger through the API: checkpoints, what is found by them, exports; and that each action has its entry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.api.house import House, asked, declaration

from stoneware.errors import BadInput, Refused
from stoneware.host.home import Home
from stoneware.host.signing_key import installation_key
from stoneware.operations.ledger_proof import entry_line, prove_file
from stoneware.store.database import writing


def entries(house: House, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.http.get("/v1/ledger", params={"limit": 1000, **query}).json()
    return found


def checkpoint(house: House) -> str:
    answer = house.http.post("/v1/ledger/checkpoints", json={})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["line"])


def verdict(house: House, *lines: str) -> str | None:
    answer = house.http.post("/v1/ledger/verdict", json={"lines": lines})
    assert answer.status_code == 200, answer.text
    return answer.json()["problem"]  # type: ignore[no-any-return]


def tamper(house: House, statement: str) -> None:
    with writing(house.daemon.services.store.db) as conn:
        conn.exec_driver_sql(statement)


def export(house: House, path: Path) -> list[str]:
    """What `stoneware ledger export` writes."""
    checkpoint(house)
    lines = [entry_line(one) for one in entries(house)] + house.http.get("/v1/ledger/checkpoints").json()
    path.write_text("".join(f"{line}\n" for line in lines))
    return lines


def keys(home: Home) -> dict[str, Any]:
    key = installation_key(home).public
    return {key.id: key}


# Checkpoints ---------------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_made_once_for_each_end(idle_house: House) -> None:
    idle_house.publish()
    first = checkpoint(idle_house)
    assert checkpoint(idle_house) == first
    idle_house.publish(version=2)
    assert checkpoint(idle_house) != first
    lines = idle_house.home.checkpoints.read_text().splitlines()
    assert lines[0] == first and len(lines) == 2
    assert idle_house.http.get("/v1/ledger/verdict").json()["checkpoints"] == 2


def test_nothing_is_signed_over_an_entry_that_was_changed(idle_house: House) -> None:
    idle_house.publish()
    checkpoint(idle_house)
    idle_house.publish(version=2)
    tamper(idle_house, "UPDATE ledger SET at = at + 1 WHERE seq = 2")
    answer = idle_house.http.post("/v1/ledger/checkpoints", json={})
    assert (answer.status_code, "entry 2" in answer.text) == (409, True)
    assert len(idle_house.http.get("/v1/ledger/checkpoints").json()) == 1


def test_what_was_cut_off_is_found_by_a_checkpoint_and_nothing_is_signed_over_it(idle_house: House) -> None:
    idle_house.publish()
    idle_house.publish(version=2)
    elsewhere = checkpoint(idle_house)
    tamper(idle_house, "DELETE FROM ledger WHERE seq > 2")
    assert "entry 3 is missing" in str(verdict(idle_house))
    assert idle_house.http.post("/v1/ledger/checkpoints", json={}).status_code == 409
    idle_house.home.checkpoints.unlink()
    assert verdict(idle_house) is None, "here nothing is left that knows better"
    assert "entry 3 is missing" in str(verdict(idle_house, elsewhere))


def test_a_ledger_that_was_written_anew_is_found_by_a_checkpoint(idle_house: House) -> None:
    idle_house.publish()
    elsewhere = checkpoint(idle_house)
    idle_house.home.checkpoints.unlink()
    tamper(idle_house, "DELETE FROM ledger")
    tamper(idle_house, "DELETE FROM images")
    idle_house.publish(version=2)
    assert verdict(idle_house) is None
    assert "written anew" in str(verdict(idle_house, elsewhere))


CHANGED = {
    "another payload": (lambda line: line.replace('"payload":"', '"payload":"aaaa'), "changed"),
    "no envelope": (lambda _line: "hello", "no signed checkpoint"),
    "another key": (lambda line: line.replace('"keyid":"', '"keyid":"00'), "isn't believed"),
    "no signature": (lambda line: json.dumps({**json.loads(line), "signatures": []}), "isn't believed"),
}


@pytest.mark.parametrize(("change", "said"), CHANGED.values(), ids=CHANGED)
def test_a_changed_checkpoint_is_named(idle_house: House, change: Callable[[str], str], said: str) -> None:
    idle_house.publish()
    good = checkpoint(idle_house)
    answer = idle_house.http.post("/v1/ledger/verdict", json={"lines": [good, change(good)]})
    assert answer.status_code == 409
    assert "line 2" in answer.json()["detail"] and said in answer.json()["detail"]
    idle_house.home.checkpoints.write_text(f"{change(good)}\n")
    assert said in str(verdict(idle_house)), "in the home it is a finding"


def test_a_line_that_a_crash_has_cut_short_is_none(idle_house: House) -> None:
    idle_house.publish()
    good = checkpoint(idle_house)
    with idle_house.home.checkpoints.open("a") as out:
        out.write(good[:50])
    assert verdict(idle_house) is None
    idle_house.publish(version=2)
    checkpoint(idle_house)
    assert len(idle_house.home.checkpoints.read_text().splitlines()) == 2
    assert verdict(idle_house) is None


# Exports -------------------------------------------------------------------------------------------------------------


def test_an_export_is_proven_with_nothing_but_the_public_key(idle_house: House, tmp_path: Path) -> None:
    idle_house.publish()
    file = tmp_path / "ledger.jsonl"
    lines = export(idle_house, file)
    found = prove_file(file, keys(idle_house.home))
    assert (found.problem, found.entries, found.checkpoints) == (None, 2, 1)
    with pytest.raises(Refused, match="isn't believed"):
        prove_file(file, keys(Home(tmp_path)))
    for odd in ("what?", "[" * 100_000, '{"payload"' + "[" * 100_000, '{"fact":' * 100_000):
        file.write_text("\n".join([odd, *lines]))
        with pytest.raises(
            (BadInput, Refused), match=r"neither an entry nor a checkpoint|no signed checkpoint|is no checkpoint"
        ):
            prove_file(file, keys(idle_house.home))


TAMPERED = {
    "a changed reason": (lambda lines: [lines[0].replace("ann", "eve"), *lines[1:]], "entry 1 was changed"),
    "a removed entry": (lambda lines: [lines[0], *lines[2:]], "entry 2 is missing"),
    "two that changed places": (lambda lines: [lines[1], lines[0], *lines[2:]], "entry 2 stands before entry 1"),
    "one put in twice": (lambda lines: [lines[0], *lines], "entry 1 was never written by Stoneware"),
    "cut off before its checkpoint": (lambda lines: lines[:4], "it was cut off"),
    "cut off without its entries": (lambda lines: [*lines[:3], lines[-1]], "entry 4 is missing"),
}


@pytest.mark.parametrize(("change", "said"), TAMPERED.values(), ids=TAMPERED)
def test_what_was_done_to_an_export_is_named(
    idle_house: House, tmp_path: Path, change: Callable[[list[str]], list[str]], said: str
) -> None:
    idle_house.publish()
    idle_house.publish(version=2)
    file = tmp_path / "ledger.jsonl"
    file.write_text("".join(f"{line}\n" for line in change(export(idle_house, file))))
    assert said in str(prove_file(file, keys(idle_house.home)).problem)


# Reading -------------------------------------------------------------------------------------------------------------


def test_entries_are_found_by_verb_and_time(idle_house: House) -> None:
    idle_house.publish()
    after = idle_house.daemon.services.clock.now()
    idle_house.publish("db")
    assert [one["seq"] for one in entries(idle_house, verb="image.publish")] == [2, 4]
    assert [one["seq"] for one in entries(idle_house, verb="image")] == [1, 2, 3, 4]
    assert [one["seq"] for one in entries(idle_house, verb="imag")] == []
    assert [one["seq"] for one in entries(idle_house, since=after)] == [3, 4]


# Each action has its entry -------------------------------------------------------------------------------------------


def deployed(house: House) -> None:
    house.deployed()


def post(path: str, **body: Any) -> Callable[[House], None]:
    def act(house: House) -> None:
        answer = house.http.post(path, json=body)
        assert answer.status_code < 300, answer.text

    return act


def after(*acts: Callable[[House], None]) -> Callable[[House], None]:
    def act(house: House) -> None:
        for one in acts:
            one(house)

    return act


def second(house: House) -> None:
    house.publish(version=2)
    house.deployed()


def rolled_back(house: House) -> None:
    answer = house.http.post("/v1/deployments/town/rollback", json={"reason": "bad"})
    assert house.end_of(answer.json()["operation"]["id"])["result"] == "SUCCEEDED"


def aborted(house: House) -> None:
    house.engine.boot_seconds = 30
    operation = house.deploy()
    house.until(operation, lambda record: record["state"] == "VERIFYING")
    answer = house.http.post("/v1/deployments/town/signals", json={"kind": "abort", "reason": "stop"})
    assert answer.status_code == 202
    house.end_of(operation)


def destroyed(house: House) -> None:
    house.end_of(house.http.delete("/v1/deployments/town", params={"reason": "over"}).json()["id"])


def with_disk(house: House) -> None:
    house.deployed(declaration(disk=True))


def kept(house: House) -> None:
    answer = house.http.post("/v1/disks/town-web-data-0/snapshots", json={"name": "before", "reason": "care"})
    assert house.end_of(answer.json()["id"])["result"] == "SUCCEEDED"


def restored(house: House) -> None:
    answer = house.http.post("/v1/disks/town-web-data-0/restores", json={"snapshot": "before"})
    assert house.end_of(answer.json()["id"])["result"] == "SUCCEEDED"


def gone(path: str) -> Callable[[House], None]:
    def act(house: House) -> None:
        assert house.http.delete(path, params={"reason": "tidy"}).status_code == 204

    return act


def trusting(house: House) -> None:
    theirs = installation_key(Home(house.home.logs))
    post("/v1/keys", pem=theirs.public.pem, reason="staging")(house)
    gone(f"/v1/keys/{theirs.public.id}")(house)


def began(house: House) -> None:
    house.daemon.installation.begin(1.0)
    house.daemon.installation.end(2.0)


ACTIONS: dict[str, tuple[Callable[[House], None], dict[str, dict[str, str]]]] = {
    "publish": (
        lambda house: None,
        {"image.stage": {"containerfile_sha256": "0" * 64}, "image.publish": {"boot_tests": "1", "state": "ACTIVE"}},
    ),
    "plan": (post("/v1/deployments/town/plan", **asked(declaration())), {"release.plan": {"target": "1"}}),
    "deploy": (
        deployed,
        {
            "release.create": {},
            "rollout.begin": {"target": "1"},
            "rollout.step": {"from": "PREPARING", "to": "PROVISIONING"},
            "image.use": {},
            "machine.create": {"owner": "town", "group": "web", "release": "1", "index": "0"},
            "route.switch": {"release": "1"},
            "rollout.succeeded": {"target": "1"},
        },
    ),
    "a plan of a way back": (
        after(deployed, second, post("/v1/deployments/town/rollback/plan")),
        {"release.plan": {"target": "1", "source": "2"}},
    ),
    "roll back": (
        after(deployed, second, rolled_back),
        {"rollout.begin": {"target": "1", "source": "2", "rollback": "True"}, "machine.stop": {}, "machine.start": {}},
    ),
    "abort": (aborted, {"operation.abort": {}, "machine.delete": {}, "rollout.reverted": {"target": "1"}}),
    "destroy": (
        after(deployed, destroyed),
        {"teardown.begin": {}, "route.remove": {}, "machine.delete": {}, "teardown.succeeded": {}},
    ),
    "disks": (
        with_disk,
        {"disk.create": {"owner": "town", "size_bytes": str(2**30)}, "disk.attach": {"machine": "town-web-r1-0"}},
    ),
    "a snapshot and its way back": (
        after(with_disk, kept, restored),
        {
            "snapshot.begin": {"disk": "town-web-data-0"},
            "disk.snapshot": {"snapshot": "before"},
            "disk.detach": {},
            "disk.restore": {"snapshot": "before"},
            "restore.succeeded": {},
        },
    ),
    "a snapshot's end": (
        after(with_disk, kept, gone("/v1/snapshots/before")),
        {"snapshot.delete": {"disk": "town-web-data-0"}},
    ),
    "a disk's end": (after(with_disk, destroyed, gone("/v1/disks/town-web-data-0")), {"disk.delete": {}}),
    "deprecate": (post("/v1/images/web/1/deprecate", reason="old"), {"image.deprecate": {"state": "DEPRECATED"}}),
    "obsolete": (post("/v1/images/web/1/obsolete", reason="old"), {"image.obsolete": {"state": "OBSOLETE"}}),
    "revoke": (post("/v1/images/web/1/revoke", reason="a hole"), {"image.revoke": {}}),
    "secret": (post("/v1/secrets/db-password", value="Zm94"), {"secret.set": {}}),
    "keys": (trusting, {"key.trust": {}, "key.distrust": {}}),
    "a dead proxy": (
        lambda house: house.daemon.installation.proxy_died(3.0, "town.play"),
        {"route.revive": {}},
    ),
    "daemon": (began, {"daemon.start": {"engines": "container, fake, qemu"}, "daemon.stop": {}}),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_has_its_entries_with_actor_and_particulars(house: House, action: str) -> None:
    act, wanted = ACTIONS[action]
    act(house)
    known = [one["fact"] for one in entries(house)]
    for verb, details in wanted.items():
        of_it = [fact for fact in known if fact["verb"] == verb]
        assert [one for one in of_it if details.items() <= one["details"].items()], (verb, of_it)
        assert all(fact["actor"] for fact in of_it)
    assert verdict(house) is None
