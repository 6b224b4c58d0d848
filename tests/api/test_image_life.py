"""The life of an image over HTTP: timers, revocation, what keeps it, and pruning."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.house import House, declaration
from tests.support.simulation import manifest

from stoneware.errors import Unreachable
from stoneware.model.deployment import KeepSpec
from stoneware.model.lifecycle import Timer

WEB = "/v1/images/web/1"
DAY = 86400.0


def due(house: House, name: str, timer: Timer) -> None:
    """Sets a timer that has just come."""
    services = house.daemon.services
    services.store.catalog.schedule(name, {timer: services.clock.now() - 1}, "ann")


def post(house: House, path: str, **body: Any) -> Any:
    answer = house.http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_timers_are_set_shown_and_taken_away(house: House) -> None:
    seen = post(house, f"{WEB}/timers", deprecate_in="30d", delete_in="90d", reason="nightly")
    assert seen["delete_at"] - seen["deprecate_at"] == 60 * DAY
    assert (seen["state"], seen["effective"]["state"], seen["obsolete_at"]) == ("ACTIVE", "ACTIVE", None)
    later = post(house, f"{WEB}/timers", delete_in="never")
    assert (later["delete_at"], later["deprecate_at"]) == (None, seen["deprecate_at"])
    assert house.http.get(WEB).json()["image"] == later


@pytest.mark.parametrize("given", ["30", "soon", "0d", 30, True])
def test_a_timer_is_a_time(house: House, given: Any) -> None:
    assert house.http.post(f"{WEB}/timers", json={"deprecate_in": given}).status_code == 400


@pytest.mark.parametrize(
    ("verb", "body"),
    [("timers", {"deprecate_in": "1d"}), ("revoke", {"reason": "bad"}), ("reinstate", {"reason": "good"})],
)
def test_an_image_changes_only_when_it_still_is_what_was_seen(house: House, verb: str, body: dict[str, str]) -> None:
    stale = {"If-Match": house.http.get(WEB).headers["ETag"]}
    post(house, f"{WEB}/timers", deprecate_in="9d")
    post(house, f"{WEB}/revoke", reason="worse")
    now = house.http.get(WEB)
    assert house.http.post(f"{WEB}/{verb}", json=body, headers=stale).status_code == 412
    assert house.http.get(WEB).json() == now.json()
    assert house.http.post(f"{WEB}/{verb}", json=body, headers={"If-Match": now.headers["ETag"]}).status_code == 200


def test_everything_shows_what_a_timer_has_made_of_an_image(house: House) -> None:
    house.publish(version=2)
    due(house, "web/2", Timer.OBSOLETE)
    detail = house.http.get("/v1/images/web/2").json()["image"]
    assert (detail["state"], detail["effective"]["state"], detail["effective"]["source"]) == (
        "ACTIVE",
        "OBSOLETE",
        "timer",
    )
    assert house.http.get("/v1/images").json()[-1] == detail
    family = house.http.get("/v1/families/web").json()
    assert (family["resolves_to"]["number"], family["images"][-1]) == (1, detail)
    refused = house.http.post(
        "/v1/deployments/town/plan", json={"text": declaration(image="web/2"), "folder": "/"}
    ).json()
    assert refused["detail"].startswith("web/2 is OBSOLETE: its time to be obsolete came at")
    restored = post(house, "/v1/images/web/2/restore", reason="still good")
    assert (restored["effective"]["state"], restored["obsolete_at"]) == ("ACTIVE", None)


def test_a_revocation_lists_who_has_it_and_lets_it_run(house: House) -> None:
    house.deployed()
    done = post(house, f"{WEB}/revoke", reason="CVE-1")
    assert [(one["number"], one["effective"]["state"]) for one in done["revoked"]] == [(1, "OBSOLETE")]
    assert (done["machines"], done["releases"]) == (["town-web-r1-0", "town-web-r1-1"], ["town#1"])
    assert (done["operations"], done["notes"]) == ([], [])
    assert set(house.machines().values()) == {"RUNNING"}
    assert house.http.get("/v1/families/web").json()["resolves_to"] is None
    refused = house.http.post(f"{WEB}/restore", json={"reason": "x"})
    assert (refused.status_code, refused.json()["detail"]) == (409, "web/1 is revoked: CVE-1")
    assert "--revoked" in refused.json()["next_step"]
    assert post(house, f"{WEB}/reinstate", reason="it was another one")["effective"]["state"] == "ACTIVE"


@pytest.mark.parametrize("verb", ["revoke", "reinstate"])
@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": " \n"}])
def test_a_revocation_and_its_end_need_a_reason(house: House, verb: str, body: dict[str, str]) -> None:
    assert house.http.post(f"{WEB}/{verb}", json=body).status_code == 400
    assert house.http.get(WEB).json()["image"]["revoked_at"] is None


def test_a_revocation_is_done_though_an_engine_is_away(house: House) -> None:
    house.engine.fail_next("list_machines", Unreachable("the engine is away"))
    done = post(house, f"{WEB}/revoke", reason="CVE-1")
    assert (len(done["revoked"]), done["machines"], done["notes"]) == (1, [], ["the engine is away"])


def test_a_rollout_under_way_with_what_is_revoked_is_named(idle_house: House) -> None:
    idle_house.publish()
    operation = idle_house.deploy()
    assert post(idle_house, f"{WEB}/revoke", reason="CVE-1")["operations"] == [operation]


def test_what_keeps_an_image_is_said(house: House) -> None:
    house.publish(version=2)
    fate = house.http.get(f"{WEB}/why-kept").json()
    assert (fate["reasons"], fate["over"]) == ([], False)
    assert fate["why"] == "neither a timer nor a rule of its family says that it is over"
    newest = house.http.get("/v1/images/web/2/why-kept").json()
    assert [reason["text"] for reason in newest["reasons"]] == ["family web resolves to it"]
    house.deployed(declaration(image="web/1"))
    due(house, "web/1", Timer.DELETE)
    fate = house.http.get(f"{WEB}/why-kept").json()
    assert [reason["kind"] for reason in fate["reasons"]] == ["machine", "machine", "release"]
    assert fate["over"] and fate["image"]["effective"]["state"] == "OBSOLETE"


def test_nothing_keeps_what_is_deleted(house: House) -> None:
    digest = house.http.get(WEB).json()["image"]["digest"]
    house.http.delete(WEB)
    answer = house.http.get(f"/v1/images/{digest}/why-kept")
    assert (answer.status_code, answer.json()["detail"]) == (409, "web/1 is DELETED")


def test_a_prune_is_planned_and_then_takes_what_was_seen(house: House) -> None:
    catalog = house.daemon.services.store.catalog
    catalog.keep("web", KeepSpec.model_validate({"newest": 1}), "ann")
    staged = catalog.stage(manifest("db", 7), 1, "ann")
    house.publish(version=2)
    plan = house.http.get("/v1/image-prune").json()
    assert [(one["image"], one["why"]) for one in plan["deletes"]] == [
        (staged.name, "staged, but never published"),
        ("web/1", "beyond the newest 1"),
    ]
    assert [(one["image"], one["over"]) for one in plan["keeps"]] == [("web/2", False)]
    assert house.http.get("/v1/families/web").json()["keep"] == {"newest": 1, "within": None}
    some = post(house, "/v1/image-prune", seen=[staged.digest])["deleted"]
    assert [one["image"] for one in some] == [staged.name]
    assert [one["image"] for one in post(house, "/v1/image-prune", reason="tidy")["deleted"]] == ["web/1"]
    entry = house.http.get("/v1/ledger", params={"subject": "web/1"}).json()[-1]["fact"]
    assert (entry["verb"], entry["actor"], entry["reason"]) == ("image.delete", "ann@host", "tidy: beyond the newest 1")


def test_a_bake_takes_timers(idle_house: House) -> None:
    text = "images: { web: { containerfile: Containerfile } }"
    (idle_house.home.root / "Containerfile").write_text("FROM scratch\n")
    body = {"text": text, "folder": str(idle_house.home.root), "family": "web", "timers": {"deprecate_in": "30d"}}
    answer = idle_house.http.post("/v1/bakes", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["frame"]["timers"] == {"deprecate_in": "30d", "obsolete_in": None, "delete_in": None}
