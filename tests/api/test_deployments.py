"""A deployment's life over HTTP: plan, deploy, look, roll back, destroy. On the fake engine, to the end."""

from __future__ import annotations

import time
from concurrent.futures import wait

from tests.api.house import House, asked, declaration

from stoneware.model.finding import Capacity

FIRST = {"town-web-r1-0": "RUNNING", "town-web-r1-1": "RUNNING"}
RELEASES = "/v1/deployments/town/releases"


def test_a_plan_says_what_a_deploy_would_do_and_changes_nothing(house: House) -> None:
    plan = house.http.post("/v1/deployments/town/plan", json=asked(declaration())).json()
    assert (plan["release"], plan["source"]) == (1, None)
    [group] = plan["groups"]
    assert (group["action"], group["image"], group["creates"]) == ("create", "web/1", [*FIRST])
    assert house.http.get("/v1/deployments").json() == []
    told = [entry["fact"]["verb"] for entry in house.http.get("/v1/ledger").json()]
    assert told == ["image.stage", "image.publish", "release.plan"]


def test_a_deploy_goes_to_its_end_and_shows_in_every_view(house: House) -> None:
    answer = house.http.post(RELEASES, json=asked(declaration(), reason="opening"))
    assert answer.status_code == 202
    started = answer.json()
    assert (started["plan"]["release"], started["operation"]["kind"]) == (1, "rollout")
    end = house.end_of(started["operation"]["id"])
    assert (end["result"], end["because"]) == ("SUCCEEDED", "release 1 is current")
    status = house.status()
    assert (status["current"]["number"], status["operation"], status["last"]["id"]) == (1, None, end["id"])
    [route] = status["routes"]
    assert {member["machine"]: member["state"] for member in route["pools"][route["active"]]["members"]} == {
        machine: "UP" for machine in FIRST
    }
    assert house.machines() == FIRST
    assert house.http.get("/v1/deployments").json() == [status]
    assert house.http.get(RELEASES).json() == [status["current"]]
    assert house.http.get(f"{RELEASES}/1").json() == {**status["current"], "altered": []}
    assert status["current"]["reason"] == "opening"


def test_a_deploy_of_what_runs_already_begins_nothing(house: House) -> None:
    house.deployed()
    answer = house.http.post(RELEASES, json=asked(declaration()))
    assert answer.json()["operation"] is None
    assert {change["action"] for change in answer.json()["plan"]["groups"]} == {"keep"}
    assert house.http.get(RELEASES).json()[-1]["number"] == 1


def test_a_rollback_leads_to_the_release_before(house: House) -> None:
    house.deployed()
    house.publish(version=2)
    house.deployed()
    assert house.machines() == {
        **dict.fromkeys(FIRST, "STOPPED"),
        "town-web-r2-0": "RUNNING",
        "town-web-r2-1": "RUNNING",
    }
    plan = house.http.post("/v1/deployments/town/rollback/plan", json={}).json()
    assert (plan["release"], plan["source"]) == (1, 2)
    started = house.http.post("/v1/deployments/town/rollback", json={"reason": "slow"})
    assert started.status_code == 202
    assert started.json()["plan"] == plan
    assert house.end_of(started.json()["operation"]["id"])["result"] == "SUCCEEDED"
    assert house.status()["current"]["number"] == 1
    assert {name for name, power in house.machines().items() if power == "RUNNING"} == set(FIRST)


def test_a_rollback_turns_a_rollout_back_that_is_under_way(house: House) -> None:
    house.deployed()
    house.publish(version=2)
    operation = house.deploy(declaration(bake_time="1h"))
    house.until_state(operation, "SOAKING")
    started = house.http.post("/v1/deployments/town/rollback", json={"reason": "slow"}).json()
    assert (started["plan"], started["operation"]["id"]) == (None, operation)
    end = house.end_of(operation)
    assert (end["result"], end["because"]) == ("REVERTED", "aborted by ann@host: slow")
    assert house.machines() == FIRST


def test_a_sick_release_goes_back_by_itself(house: House) -> None:
    house.deployed()
    house.engine.never_boots.add(house.publish(version=2))
    end = house.end_of(house.deploy(declaration(progress_deadline="2s")))
    assert end["result"] == "REVERTED"
    assert house.status()["current"]["number"] == 1
    assert [release["state"] for release in house.http.get(RELEASES).json()] == ["GOOD", "BAD"]


def test_destroying_ends_machines_and_services_and_keeps_disks(house: House) -> None:
    house.deployed(declaration(disk=True))
    answer = house.http.delete("/v1/deployments/town", params={"reason": "closed"})
    assert answer.status_code == 202
    end = house.end_of(answer.json()["id"])
    assert (end["kind"], end["result"], end["reason"]) == ("teardown", "SUCCEEDED", "closed")
    status = house.status()
    assert (status["current"], status["machines"], status["routes"]) == (None, [], [])
    disks = house.http.get("/v1/disks").json()
    assert [disk["name"] for disk in disks] == ["town-web-data-0", "town-web-data-1"]


def test_destroying_gives_up_a_rollout_that_is_under_way(house: House) -> None:
    rollout = house.deploy(declaration(bake_time="1h"))
    house.until_state(rollout, "SOAKING")
    teardown = house.http.delete("/v1/deployments/town").json()["id"]
    assert house.end_of(teardown)["result"] == "SUCCEEDED"
    assert house.http.get(f"/v1/operations/{rollout}").json()["because"] == f"given up for {teardown}"
    assert house.machines() == {}
    assert house.http.get("/v1/ledger/verdict").json()["problem"] is None


def test_an_engine_that_is_away_hides_only_what_it_would_have_said(house: House) -> None:
    from stoneware.errors import Unreachable

    house.deployed()
    house.engine.fail_next("list_machines", Unreachable("the cluster is away"))
    status = house.status()
    assert (status["machines"], status["notes"]) == ([], ["the cluster is away"])
    assert status["current"]["number"] == 1


def test_only_the_plan_that_was_seen_is_carried_out(house: House) -> None:
    house.deployed()
    house.publish(version=2)
    seen = house.http.post("/v1/deployments/town/plan", json=asked(declaration())).json()
    house.publish(version=3)
    answer = house.http.post(RELEASES, json={**asked(declaration()), "seen": seen})
    assert (answer.status_code, answer.json()["detail"]) == (409, "what would change is no longer what the plan said")
    assert len(house.http.get(RELEASES).json()) == 1
    seen = house.http.post("/v1/deployments/town/plan", json=asked(declaration())).json()
    agreed = house.http.post(RELEASES, json={**asked(declaration()), "seen": seen})
    assert agreed.json()["plan"] == seen
    assert house.end_of(agreed.json()["operation"]["id"])["result"] == "SUCCEEDED"
    back = house.http.post("/v1/deployments/town/rollback", json={"seen": seen})
    assert back.status_code == 409


def test_two_deployments_do_not_share_names(house: House) -> None:
    house.deployed()
    other = declaration().replace("  town:", "  town-web:").replace("web:", "r:").replace("group: web", "group: r")
    longer = declaration().replace("    web:", "    web-r:").replace("group: web", "group: web-r")
    first = other.replace("town-r:", "town-web:").replace("8080", "8081")
    started = house.http.post("/v1/deployments/town-web/releases", json=asked(first)).json()
    house.end_of(started["operation"]["id"])
    refused = house.http.post("/v1/deployments/town/plan", json=asked(longer)).json()
    assert refused["detail"] == "names are taken: group web-r would have the names of town-web.r"


def test_machines_that_are_sick_all_at_once_are_spoken_of(house: House) -> None:
    house.deployed(declaration(size=3))
    house.engine.sick.update(f"town-web-r1-{n}" for n in range(3))
    reconcile, watch = house.daemon.reconcile, house.daemon.watch
    deadline = time.monotonic() + 20
    while not house.status()["notes"] and time.monotonic() < deadline:
        assert reconcile.run() == []
        wait(watch.look())
        time.sleep(0.05)
    [note] = house.status()["notes"]
    assert note.startswith("3 of 3 machines of group web are unwell at once, more than 34 %")


def test_a_plan_that_can_not_fit_says_why_in_numbers(house: House) -> None:
    house.engine.host = Capacity(cpus=2, memory_bytes=2**30, boots=2)
    answer = house.http.post(RELEASES, json=asked(declaration(size=3)))
    assert answer.status_code == 409
    assert "release 1 of town needs 1.5GiB of memory, and 1GiB of 1GiB is free" in answer.text
    assert "declare fewer or smaller machines, 512MiB less in all" in answer.text
