"""Triggers over the API."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.api.house import House


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty bare repository."""
    folder = tmp_path / "web.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", folder], check=True)
    return folder


def create(house: House, repository: Path | str, name: str = "web", **spec: Any) -> Any:
    wish = {"repository": str(repository), "watch": "push", **spec}
    return house.http.post(f"/v1/triggers/{name}", json={"spec": wish, "reason": "try"})


def test_the_life_of_a_trigger(idle_house: House, repository: Path) -> None:
    http = idle_house.http
    made = create(idle_house, repository, branch="^main$")
    assert made.status_code == 200, made.text
    assert create(idle_house, repository, branch="^main$").json()["trigger"] == made.json()["trigger"]
    assert create(idle_house, repository, branch="^other$").status_code == 409
    assert [one["trigger"]["name"] for one in http.get("/v1/triggers").json()] == ["web"]
    assert http.get("/v1/triggers/web").json()["state"]["trouble"] == ""
    assert http.post("/v1/triggers/web/looks").json() == {"builds": [], "already": {}}
    assert http.post("/v1/pushes", json={"repository": str(repository)}).json() == {"builds": [], "already": {}}
    assert (repository / "hooks" / "post-receive").exists()
    assert http.delete("/v1/triggers/web").status_code == 204
    assert not (repository / "hooks" / "post-receive").exists()
    assert http.get("/v1/triggers/web").status_code == 404
    assert http.delete("/v1/triggers/web").status_code == 404
    facts = [entry.fact for entry in idle_house.daemon.services.store.ledger.entries()]
    told = [(fact.verb, fact.subject, fact.actor) for fact in facts if fact.verb.startswith("trigger.")]
    assert told == [("trigger.create", "trigger:web", "ann@host"), ("trigger.delete", "trigger:web", "ann@host")]


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({"branch": "("}, 400),
        ({"watch": "webhook"}, 400),
        ({"color": "red"}, 400),
    ],
)
def test_wishes_that_make_no_sense(spec: dict[str, Any], status: int, idle_house: House, repository: Path) -> None:
    for place in ("/nowhere/x.git", "ext::sh"):
        assert create(idle_house, place).status_code in (400, 409)
    answer = create(idle_house, repository, **spec)
    assert (answer.status_code, idle_house.http.get("/v1/triggers").json()) == (status, [])


def test_a_webhook_whose_secret_isnt_there(idle_house: House, repository: Path) -> None:
    answer = create(idle_house, repository, watch="webhook", form="github", secret="web-hook")
    assert (answer.status_code, answer.json()["code"]) == (404, "secret-not-found")
    assert "stoneware secret set web-hook" in answer.json()["next_step"]
    assert idle_house.http.get("/v1/triggers").json() == []


@pytest.mark.parametrize("who", ["ghp_token", "ann:secret", "ann:"])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_an_address_that_says_who_asks_is_taken_at_no_door(idle_house: House, scheme: str, who: str) -> None:
    address = f"{scheme}://{who}@git.example.org/web.git"
    built = idle_house.http.post("/v1/builds", json={"repository": address, "ref": "main"})
    for answer in (create(idle_house, address, watch="poll"), built):
        assert 400 <= answer.status_code < 500
        assert "credential" in answer.text, answer.text
    assert idle_house.http.get("/v1/triggers").json() == idle_house.http.get("/v1/builds").json() == []
