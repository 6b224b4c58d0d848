"""A town in which several deployments of one image live, quick to roll out: what the rollout stories are played in.

A version is a configuration: another one is another release with machines of its own, and nothing is baked for it.
"""

from __future__ import annotations

import json
import shutil
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import answering
from tests.support.own_python import lay_out
from tests.support.town import Town, await_true

RECIPE = """\
FROM scratch
COPY tree /
COPY answering.py /srv/answering.py
ENTRYPOINT ["{python}", "-u", "/srv/answering.py"]
"""
IMAGES = {"answering": {"deliver": ["container"], "test": [{"http": {"port": answering.PORT, "path": "/health"}}]}}
HEALTH = {"http": {"port": answering.PORT, "path": "/health"}, "interval": "250ms", "healthy_for": "500ms"}


def bake(town: Town) -> None:
    """The one image."""
    python = lay_out(town.repository / "tree")
    (town.repository / "Containerfile").write_text(RECIPE.format(python=python))
    shutil.copy(answering.__file__, town.repository / "answering.py")
    (town.repository / "stoneware.yaml").write_text(json.dumps({"images": IMAGES}))
    town.cli("bake", "answering")


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@dataclass
class Berth:
    """One deployment, `name`, with `size` machines behind a service."""

    town: Town
    name: str
    size: int = 2
    rollout: dict[str, Any] = field(default_factory=dict)
    group: dict[str, Any] = field(default_factory=dict)
    service: dict[str, Any] = field(default_factory=dict)
    images: dict[str, Any] = field(default_factory=dict)
    address: str = field(default_factory=free_address)

    def bake(self, family: str, reads: tuple[int, ...], writes: int) -> None:
        """One more image of the same recipe, which says what data it can live with."""
        self.images[family] = {**IMAGES["answering"], "state_schema": {"reads": reads, "writes": writes}}
        self.declare("0")
        self.town.cli("bake", family, "--file", str(self._file()))

    def declare(self, version: str, **config: str) -> None:
        """Writes what is wanted."""
        group = {
            "image": "answering",
            "size": self.size,
            "machine": {"memory": "64MiB"},
            "config": {"VERSION": version, **config},
            "health": HEALTH,
            "rollout": {"bake_time": "0s", "drain": "1s", **self.rollout},
            **self.group,
        }
        service = {"group": "web", "port": answering.PORT, "listen": self.address, **self.service}
        whole = {"engine": "container", "groups": {"web": group}, "services": {"web": service}}
        declared = {"images": {**IMAGES, **self.images}, "deployments": {self.name: whole}}
        self._file().write_text(json.dumps(declared))

    def deploy(self, version: str, *words: str, ok: tuple[int, ...] = (0,), **config: str) -> str:
        """A version; what the command said."""
        self.declare(version, **config)
        ended = self.town.cli("deploy", self.name, "--file", str(self._file()), "--yes", *words, ok=ok)
        return ended.stdout + ended.stderr

    def begin(self, version: str, **config: str) -> None:
        """A version, without waiting for it."""
        self.deploy(version, "--no-wait", **config)

    def signal(self, kind: str, ok: tuple[int, ...] = (0,)) -> str:
        """What a person says meanwhile."""
        ended = self.town.cli(kind, self.name, ok=ok)
        return ended.stdout + ended.stderr

    def status(self) -> dict[str, Any]:
        known: dict[str, Any] = self.town.json("status", self.name)
        return known

    def operation(self) -> dict[str, Any]:
        """What is under way, or was last."""
        known = self.status()
        found: dict[str, Any] = known["operation"] or known["last"]
        return found

    def reach(self, state: str, limit_s: float = 60) -> dict[str, Any]:
        """Waits until its operation is in a state, and still is."""
        found: dict[str, Any] = {}

        def look() -> bool:
            found.update(self.operation())
            assert found["result"] is None, f"it was over before {state}: {found['result']}, {found['because']}"
            return bool(found["state"] == state)

        await_true(look, limit_s)
        return found

    def ended(self, limit_s: float = 60) -> dict[str, Any]:
        """Waits until nothing is under way; what was last."""
        await_true(lambda: self.status()["operation"] is None, limit_s)
        return self.operation()

    def machines(self, power: str | None = None) -> dict[str, dict[str, Any]]:
        """Those that there are, by name."""
        return {m["name"]: m for m in self.status()["machines"] if power in (None, m["power"])}

    def journal(self) -> list[dict[str, Any]]:
        """The story of the newest operation, a line a step."""
        told: list[dict[str, Any]] = self.town.json("history", self.operation()["id"])["journal"]
        return told

    def destroy(self) -> None:
        self.town.cli("destroy", self.name, "--yes")

    def _file(self) -> Path:
        return self.town.repository / f"{self.name}.yaml"


def monotonic_of(wall: float) -> float:
    """A time of the wall clock, as the clock that callers use."""
    return wall - time.time() + time.monotonic()
