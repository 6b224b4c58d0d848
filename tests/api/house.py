"""A whole daemon in the test's process: the parts list of the product, the fake engine, and the API in front of it."""

from __future__ import annotations

import json
import textwrap
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.simulation import manifest

from stoneware.daemon import Daemon
from stoneware.engines.fake import FakeEngine
from stoneware.host.files import write_atomic
from stoneware.host.home import Home
from stoneware.model.image import BootTestRecord
from stoneware.store.store import Store

with warnings.catch_warnings():  # it wants a successor of httpx that we don't need
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PATIENCE_S = 60.0
ACTOR = {"X-Stoneware-Actor": "ann@host"}


def declaration(
    size: int = 2, image: str = "web", disk: bool = False, secrets: dict[str, str] | None = None, **rollout: str
) -> str:
    """A `stoneware.yaml` with one deployment, `town`, whose rollouts are over in less than a second."""
    times = {"bake_time": "100ms", "drain": "0s", **rollout}
    return textwrap.dedent(f"""
        deployments:
          town:
            engine: fake
            groups:
              web:
                image: {image}
                size: {size}
                health: {{ http: {{ port: 80 }}, interval: 50ms, healthy_for: 100ms }}
                rollout: {json.dumps(times)}
                secrets: {json.dumps(secrets or {})}
                disks: {json.dumps({"data": {"size": "1GiB", "mount": "/data"}} if disk else {})}
            services:
              play: {{ group: web, port: 80, listen: "127.0.0.1:8080" }}
        """)


def asked(text: str, reason: str = "") -> dict[str, str]:
    """The body that declares this."""
    return {"text": text, "folder": "/", "reason": reason}


def leave_image(home: Home, store: Store, family: str = "web", version: int = 1) -> str:
    """A published image with its files where a bake leaves them. Returns its digest."""
    sealed = manifest(family, version)
    folder = home.images / sealed.digest.removeprefix("sha256:")
    folder.mkdir(exist_ok=True)
    write_atomic(folder / "manifest.json", sealed.canonical())
    store.catalog.stage(sealed, 1, "ann")
    record = BootTestRecord(digest=sealed.digest, passed=True, started_at=0, seconds=1, results=("it answers",))
    store.catalog.publish(sealed.digest, record, "ann")
    return sealed.digest


@dataclass
class House:
    """`http` asks as ann. `publish` makes images without a bake, `deploy` begins a rollout, `end_of` waits for its end."""

    home: Home
    daemon: Daemon
    http: TestClient

    @property
    def engine(self) -> FakeEngine:
        engine = self.daemon.services.platforms.get("fake").engine
        assert isinstance(engine, FakeEngine)
        return engine

    def publish(self, family: str = "web", version: int = 1) -> str:
        """A published image. Returns its digest."""
        return leave_image(self.home, self.daemon.services.store, family, version)

    def deploy(self, text: str | None = None, **headers: str) -> str:
        """Begins a rollout of `town`; returns the operation."""
        body = asked(text or declaration())
        answer = self.http.post("/v1/deployments/town/releases", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["operation"]["id"])

    def deployed(self, text: str | None = None) -> None:
        """Runs a rollout of `town` to its success."""
        assert self.end_of(self.deploy(text))["result"] == "SUCCEEDED"

    def events(self, operation: str, after: int = 0) -> list[tuple[str, dict[str, Any]]]:
        """All server-sent events of an operation, up to its end."""
        answer = self.http.get(f"/v1/operations/{operation}/events", params={"after": after})
        assert answer.status_code == 200, answer.text
        blocks = [block.splitlines() for block in answer.text.strip().split("\n\n") if not block.startswith(":")]
        fields = [dict(line.split(": ", 1) for line in block) for block in blocks]
        return [(field["event"], json.loads(field["data"])) for field in fields]

    def end_of(self, operation: str) -> dict[str, Any]:
        """Waits until an operation is over; returns it."""
        name, record = self.events(operation)[-1]
        assert name == "end"
        return record

    def until(self, operation: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Waits until something holds of an operation; returns it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            record: dict[str, Any] = self.http.get(f"/v1/operations/{operation}").json()
            if holds(record):
                return record
            assert record["result"] is None, record
            time.sleep(0.01)
        raise AssertionError(f"it doesn't come: {record}")

    def until_state(self, operation: str, state: str) -> None:
        """Waits until an operation is in a state."""
        self.until(operation, lambda record: record["state"] == state)

    def status(self) -> dict[str, Any]:
        """`town` as it is now."""
        found: dict[str, Any] = self.http.get("/v1/deployments/town").json()
        return found

    def machines(self) -> dict[str, str]:
        """`name -> power` of all machines."""
        return {machine["name"]: machine["power"] for machine in self.http.get("/v1/machines").json()}
