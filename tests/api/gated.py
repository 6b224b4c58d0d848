"""A town in two environments with gates between them, and what people do with it through the API."""

from __future__ import annotations

import textwrap
from typing import Any

from tests.api.house import House, asked

from stoneware.operations.image_files import ImageFiles

KEY = {"Idempotency-Key": "k1"}
BOB = {"X-Stoneware-Actor": "bob@host"}


def declaration(gates: str = "", size: int = 2, motd: str = "prod", image: str = "web") -> str:
    """`town` in staging (one machine) and production, with gates between them."""
    return textwrap.dedent(f"""
        deployments:
          town:
            engine: fake
            groups:
              web:
                image: {image}
                health: {{ http: {{ port: 80 }}, interval: 50ms, healthy_for: 100ms }}
                rollout: {{ bake_time: 100ms, drain: 0s }}
                config: {{ MOTD: test, SAME: "1" }}
            services:
              play: {{ group: web, port: 80, listen: "127.0.0.1:8080" }}
        environments:
          staging: {{ town: {{ services: {{ play: {{ listen: "127.0.0.1:8081" }} }} }} }}
          production: {{ town: {{ groups: {{ web: {{ size: {size}, config: {{ MOTD: {motd} }} }} }} }} }}
        promotions:
          production: {{ after: staging{", " + gates if gates else ""} }}
        """)


def in_staging(house: House) -> None:
    """Version 1 runs there."""
    drift = house.daemon.services.drift
    drift.gathering.files = ImageFiles(None, lambda _: "", drift.clock)
    drift.sleep = lambda _: None
    deploy(house, "town-staging")


def send(house: House, name: str, text: str = "", **more: Any) -> Any:
    return house.http.post(f"/v1/deployments/{name}/releases", json={**asked(text or declaration()), **more})


def deploy(house: House, name: str, text: str = "", **more: Any) -> None:
    answer = send(house, name, text, **more)
    assert answer.status_code == 202, answer.text
    if answer.json()["operation"]:
        assert house.end_of(answer.json()["operation"]["id"])["result"] == "SUCCEEDED"


def wish(text: str = "", **more: Any) -> dict[str, Any]:
    return {
        **asked(text or declaration()),
        "source": "staging",
        "environment": "production",
        "deployment": "town",
        **more,
    }


def ask(house: House, text: str = "", headers: dict[str, str] | None = None, **more: Any) -> Any:
    return house.http.post("/v1/promotions", json=wish(text, **more), headers=headers or {})


def promoted(house: House, text: str = "", **more: Any) -> dict[str, Any]:
    answer = ask(house, text, **more)
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    assert house.end_of(made["operation"])["result"] == "SUCCEEDED"
    return made


def current(house: House, name: str) -> Any:
    return house.http.get(f"/v1/deployments/{name}").json()["current"]


def gates(house: House, text: str, **more: Any) -> dict[str, tuple[bool, str]]:
    answer = house.http.post("/v1/promotion-plan", json=wish(text, **more))
    assert answer.status_code == 200, answer.text
    return {gate["gate"]: (gate["holds"], gate["says"]) for gate in answer.json()["gates"]}


def verbs(house: House, prefix: str) -> list[str]:
    entries = house.http.get("/v1/ledger", params={"limit": 1000}).json()
    return [one["fact"]["verb"] for one in entries if one["fact"]["verb"].startswith(prefix)]


def drifts(house: House, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.http.post(f"/v1/deployments/{name}/drift").json()["drifts"]
    return found


APPROVAL = declaration("approval: release-manager")


def grant(house: House, actor: str) -> None:
    assert house.http.post("/v1/roles/release-manager", json={"actor": actor}).status_code == 200
