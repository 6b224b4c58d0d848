"""Whole promotions on the fake engine: the same digests, gates with numbers, approvals, and what is found out later."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.api.gated import (
    APPROVAL,
    BOB,
    KEY,
    ask,
    current,
    declaration,
    deploy,
    drifts,
    gates,
    grant,
    in_staging,
    promoted,
    send,
    verbs,
    wish,
)
from tests.api.house import House, asked


@pytest.fixture
def town(house: House) -> House:
    """Version 1 runs in staging."""
    in_staging(house)
    return house


def test_the_same_digests_move_with_the_own_sizes_and_settings_though_the_family_is_further(town: House) -> None:
    newer = town.publish(version=2)
    made = promoted(town)
    there, here = current(town, "town-staging"), current(town, "town-production")
    assert here["groups"]["web"]["digest"] == there["groups"]["web"]["digest"] != newer
    assert here["groups"]["web"]["spec"]["size"] == 2
    assert here["groups"]["web"]["spec"]["config"] == {"MOTD": "prod", "SAME": "1"}
    assert here["spec"]["services"]["play"]["listen"] == "127.0.0.1:8080"
    belongs = {"name": "production", "deployment": "town", "after": "staging", "promotion": made["id"]}
    assert here["environment"] == belongs
    assert (made["state"], made["agreed"]["source_release"], made["operation"]) == ("STARTED", 1, "rollout-2")
    assert verbs(town, "promotion") == ["promotion.ask", "promotion.start"]
    assert drifts(town, "town-production") == []


def test_a_plan_changes_nothing_and_what_is_agreed_to_is_what_was_seen(town: House) -> None:
    seen = town.http.post("/v1/promotion-plan", json=wish()).json()
    assert (seen["source"], seen["plan"]["deployment"], seen["plan"]["release"]) == (
        "town-staging",
        "town-production",
        1,
    )
    assert town.http.get("/v1/promotions").json() == []
    town.publish(version=2)
    deploy(town, "town-staging")
    outdated = ask(town, seen=seen)
    assert (outdated.status_code, outdated.json()["code"]) == (409, "plan-outdated")
    assert town.http.get("/v1/promotions").json() == []


def test_a_repeated_request_is_the_same_promotion(town: House) -> None:
    first = ask(town, headers=KEY).json()
    town.end_of(first["operation"])
    assert ask(town, headers=KEY).json() == town.http.get(f"/v1/promotions/{first['id']}").json()
    assert [one["id"] for one in town.http.get("/v1/promotions").json()] == ["promotion-1"]
    again = ask(town)
    assert (again.status_code, again.json()["detail"]) == (409, "town-production has what runs in staging already")


def test_a_deploy_into_a_gated_environment_changes_everything_but_images(town: House) -> None:
    answer = send(town, "town-production")
    assert (answer.status_code, answer.json()["code"]) == (409, "gate-closed")
    assert "images come there from staging" in answer.json()["detail"]
    promoted(town)
    old = current(town, "town-production")["groups"]["web"]["digest"]
    town.publish(version=2)
    plan = town.http.post("/v1/deployments/town-production/plan", json=asked(declaration(size=3))).json()
    assert plan["warnings"] == [
        "group web keeps web/1: `stoneware promote staging production` brings what runs in staging"
    ]
    deploy(town, "town-production", declaration(size=3))
    now = current(town, "town-production")["groups"]["web"]
    assert (now["spec"]["size"], now["digest"]) == (3, old)


def test_the_deployment_itself_is_deployed_in_environments_alone(town: House) -> None:
    answer = send(town, "town")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "town is deployed in environments alone"
    assert answer.json()["next_step"] == "name one of: town-staging, town-production"


def test_what_was_never_in_staging_is_found_and_the_finding_ends_by_itself(town: House) -> None:
    promoted(town)
    town.publish(version=2)
    no_reason = send(town, "town-production", force=["origin"])
    assert (no_reason.status_code, no_reason.json()["code"]) == (400, "bad-input")
    deploy(town, "town-production", force=["origin"], reason="a hole in its TLS library")
    assert verbs(town, "gate") == ["gate.force"]
    [drift] = drifts(town, "town-production")
    assert (drift["kind"], drift["view"], drift["subject"], drift["where"]) == (
        "policy.unpromoted",
        "policy",
        "web",
        "web/2",
    )
    assert (drift["expected"], drift["found"]) == ("an image that ran in town-staging", "web/2 never did")
    assert drift["since"] > 0
    assert verbs(town, "drift") == ["drift.begin"]
    deploy(town, "town-staging")
    assert drifts(town, "town-production") == []
    assert verbs(town, "drift") == ["drift.begin", "drift.end"]


def test_what_ran_in_staging_is_known_after_staging_is_gone(town: House) -> None:
    promoted(town)
    gone = town.http.delete("/v1/deployments/town-staging").json()["id"]
    assert town.end_of(gone)["result"] == "SUCCEEDED"
    assert town.http.get("/v1/deployments/town-staging/releases").json() == []
    assert drifts(town, "town-production") == []


def test_a_rollback_is_held_up_by_no_gate(town: House) -> None:
    promoted(town)
    town.publish(version=2)
    deploy(town, "town-staging")
    promoted(town)
    always = declaration("freeze: [{ days: [mon, tue, wed, thu, fri, sat, sun] }]")
    frozen = send(town, "town-production", always.replace("size: 2", "size: 3"))
    assert (frozen.status_code, frozen.json()["code"]) == (409, "gate-closed")
    assert "freeze: frozen" in frozen.json()["detail"]
    back = town.http.post("/v1/deployments/town-production/rollback", json={}).json()["operation"]["id"]
    assert town.end_of(back)["result"] == "SUCCEEDED"
    assert current(town, "town-production")["number"] == 1
    assert drifts(town, "town-production") == []


def test_a_failed_rollout_is_started_once_more_in_no_freeze_but_by_force(town: House) -> None:
    frozen = declaration("freeze: [{ days: [mon, tue, wed, thu, fri, sat, sun] }]")
    frozen = frozen.replace("drain: 0s", "drain: 0s, progress_deadline: 2s")
    forced = {"force": ["freeze"], "reason": "a hole"}
    digest = current(town, "town-staging")["groups"]["web"]["digest"]
    town.engine.never_boots.add(digest)
    started = ask(town, frozen, **forced).json()["operation"]
    assert town.end_of(started)["result"] == "REVERTED"
    town.engine.never_boots.clear()

    def retry(**more: Any) -> Any:
        return town.http.post("/v1/deployments/town-production/signals", json={"kind": "retry", **more})

    refused = retry()
    assert (refused.status_code, refused.json()["code"]) == (409, "gate-closed")
    assert "a gate of production is closed: freeze: frozen" in refused.json()["detail"]
    assert retry(force=["freeze"]).status_code == 400
    before = verbs(town, "gate.force")
    again = retry(**forced)
    assert again.status_code == 202, again.text
    assert town.end_of(again.json()["id"])["result"] == "SUCCEEDED"
    assert verbs(town, "gate.force") == [*before, "gate.force"]


def test_soak_counts_what_runs_in_staging_and_says_what_is_left(town: House) -> None:
    text = declaration("soak: 1h")
    holds, says = gates(town, text)["soak"]
    assert not holds
    assert re.fullmatch(r"[0-9]+s of 1h in town-staging: 59m [0-9]+s to go", says)
    refused = ask(town, text)
    assert (refused.status_code, refused.json()["code"]) == (409, "gate-closed")
    assert "soak:" in refused.json()["detail"]
    assert gates(town, declaration("soak: 10ms"))["soak"][0]


def test_a_difference_in_staging_closes_the_gate(town: House) -> None:
    text = declaration("drift_free: true")
    assert gates(town, text) == {"drift": (True, "town-staging is as declared")}
    town.engine.edit_machine("town-staging-web-r1-0", memory_bytes=2**32)
    holds, says = gates(town, text)["drift"]
    assert not holds
    assert says == (
        "1 difference in town-staging: machine.size town-staging-web-r1-0 "
        "(expected 1 cpus, 512MiB memory, found 1 cpus, 4GiB memory)"
    )
    assert ask(town, text).status_code == 409


def test_tests_are_asked_of_every_machine_in_staging(town: House) -> None:
    text = declaration("test: [ { group: web, http: { port: 80, path: /version } } ]")
    assert gates(town, text) == {"test": (True, "1 answer to 1 test from town-staging as expected")}
    town.engine.sick.add("town-staging-web-r1-0")
    assert gates(town, text)["test"] == (
        False,
        "1 of 1 answers from town-staging aren't as expected: "
        "GET :80/version of town-staging-web-r1-0: connection refused",
    )


def test_a_forced_gate_needs_a_reason_and_is_on_record(town: House) -> None:
    text = declaration("soak: 1h")
    assert ask(town, text, force=["soak"]).status_code == 400
    made = promoted(town, text, force=["soak"], reason="the shop is down")
    assert [gate["forced"] for gate in made["agreed"]["gates"]] == [True]
    assert verbs(town, "gate") == ["gate.force"]


def test_gates_do_not_go_with_the_lines_that_declare_them(town: House) -> None:
    promoted(town)
    without = declaration(motd="free").partition("promotions:")[0]
    refused = send(town, "town-production", without)
    assert (refused.status_code, refused.json()["code"]) == (409, "gate-closed")
    assert "images come to production from staging" in refused.json()["detail"]
    assert send(town, "town-production", without, force=["origin"]).status_code == 400
    deploy(town, "town-production", without, force=["origin"], reason="we do without")
    assert verbs(town, "gate.") == ["gate.force"]
    deploy(town, "town-production", without.replace("free", "freer"))
    assert current(town, "town-production")["environment"]["after"] == ""


def test_an_approval_by_somebody_else_with_the_role(town: House) -> None:
    waits = ask(town, APPROVAL, reason="version 1").json()
    assert (waits["state"], waits["role"], waits["operation"]) == ("PENDING", "release-manager", "")
    path = f"/v1/promotions/{waits['id']}/approve"
    grant(town, "ann@host")
    for headers, why in (
        ({}, "ann@host asked for promotion-1, and can't approve it"),
        (BOB, "promotion-1 waits for somebody with role release-manager, which bob@host hasn't"),
    ):
        answer = town.http.post(path, json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (409, "role-missing", why)
    grant(town, "bob@host")
    made = town.http.post(path, json={"reason": "seen"}, headers=BOB).json()
    assert (made["state"], made["decided_by"], made["decided_because"]) == ("STARTED", "bob@host", "seen")
    assert town.end_of(made["operation"])["result"] == "SUCCEEDED"
    assert town.http.post(path, json={}, headers=BOB).json()["operation"] == made["operation"]
    here = current(town, "town-production")
    assert (here["actor"], here["reason"], here["environment"]["promotion"]) == ("ann@host", "version 1", "promotion-1")


def test_one_promotion_waits_for_a_deployment_at_a_time_and_may_be_rejected(town: House) -> None:
    ask(town, APPROVAL)
    second = ask(town, APPROVAL)
    assert (second.status_code, second.json()["detail"]) == (
        409,
        "promotion-1 of ann@host waits for town-production already",
    )
    assert town.http.post("/v1/promotions/promotion-1/reject", json={"reason": "no"}, headers=BOB).status_code == 409
    grant(town, "bob@host")
    gone = town.http.post("/v1/promotions/promotion-1/reject", json={"reason": "not now"}, headers=BOB).json()
    assert (gone["state"], gone["decided_because"]) == ("REJECTED", "not now")
    assert town.http.post("/v1/promotions/promotion-1/approve", json={}, headers=BOB).status_code == 409
    assert ask(town, APPROVAL).json()["id"] == "promotion-2"
    mine = town.http.post("/v1/promotions/promotion-2/reject", json={"reason": "I was too quick"})
    assert mine.json()["state"] == "REJECTED"


def test_an_approval_that_comes_too_late_is_none(town: House) -> None:
    grant(town, "bob@host")
    short = declaration("approval: release-manager, approve_within: 1ms")
    assert ask(town, short).json()["id"] == "promotion-1"
    late = town.http.post("/v1/promotions/promotion-1/approve", json={}, headers=BOB)
    assert (late.status_code, late.json()["detail"]) == (409, "promotion-1 is EXPIRED")
    assert ask(town, short).json()["id"] == "promotion-2"
    assert "promotion.expire" in verbs(town, "promotion")


def test_when_staging_moves_on_the_promotion_is_refused_and_other_settings_there_do_not_matter(town: House) -> None:
    grant(town, "bob@host")
    ask(town, APPROVAL)
    deploy(town, "town-staging", declaration().replace('SAME: "1"', 'SAME: "2"'))
    path = "/v1/promotions/promotion-1/approve"
    town.publish(version=2)
    deploy(town, "town-staging")
    moved = town.http.post(path, json={}, headers=BOB)
    assert (moved.status_code, moved.json()["code"]) == (409, "plan-outdated")
    assert "town-staging moved on: release 1 was asked for, and release 3" in moved.json()["detail"]
    back = town.http.post("/v1/deployments/town-staging/rollback", json={}).json()["operation"]["id"]
    assert town.end_of(back)["result"] == "SUCCEEDED"
    made = town.http.post(path, json={}, headers=BOB).json()
    assert town.end_of(made["operation"])["result"] == "SUCCEEDED"
    assert current(town, "town-production")["groups"]["web"]["image"] == "web/1"


def test_gates_are_asked_once_more_when_somebody_approves(town: House) -> None:
    grant(town, "bob@host")
    ask(town, declaration("approval: release-manager, drift_free: true"))
    town.engine.edit_machine("town-staging-web-r1-0", memory_bytes=2**32)
    answer = town.http.post("/v1/promotions/promotion-1/approve", json={}, headers=BOB)
    assert (answer.status_code, answer.json()["code"]) == (409, "gate-closed")
    assert town.http.get("/v1/promotions/promotion-1").json()["state"] == "PENDING"


def test_only_who_could_approve_may_force_where_an_approval_is_declared(town: House) -> None:
    text = declaration("approval: release-manager, soak: 1h")
    for answer in (
        ask(town, text, force=["soak"], reason="now"),
        send(town, "town-production", text, force=["origin"], reason="now"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "role-missing")
    assert ask(town, text, force=["approval"], reason="now").status_code == 409


def test_roles_come_and_go_on_record(town: House) -> None:
    grant(town, "bob@host")
    grant(town, "bob@host")
    [one] = town.http.get("/v1/roles").json()
    assert (one["role"], one["actor"], one["granted_by"]) == ("release-manager", "bob@host", "ann@host")
    assert town.http.get("/v1/roles", params={"role": "other"}).json() == []
    for status in (204, 404):
        gone = town.http.delete("/v1/roles/release-manager", params={"member": "bob@host"})
        assert gone.status_code == status
    assert verbs(town, "role") == ["role.grant", "role.revoke"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"source": "nowhere"}, 404, "environment-not-found"),
        ({"environment": "nowhere"}, 404, "environment-not-found"),
        ({"deployment": "other"}, 404, "environment-not-found"),
        ({"source": "production", "environment": "staging"}, 404, "release-not-found"),
    ],
)
def test_what_leads_nowhere(change: dict[str, str], status: int, code: str, town: House) -> None:
    answer = ask(town, **change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert town.http.get("/v1/promotions/promotion-9").json()["code"] == "promotion-not-found"


def test_environments_side_by_side(town: House) -> None:
    promoted(town)
    assert town.http.get("/v1/environments").json() == [
        {"name": "production", "after": "staging", "deployments": ["town-production"]},
        {"name": "staging", "after": "", "deployments": ["town-staging"]},
    ]
    [found] = town.http.get("/v1/environment-diff", params={"before": "staging", "after": "production"}).json()
    assert (found["before"], found["after"]) == ("town-staging#1", "town-production#1")
    assert found["settings"] == ["service play: listen 127.0.0.1:8081 -> 127.0.0.1:8080"]
    [group] = found["groups"]
    assert group["why"] == ["size 1 -> 2", "config MOTD: 'test' -> 'prod'"]
    nowhere = town.http.get("/v1/environment-diff", params={"before": "staging", "after": "nowhere"})
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "environment-not-found")
