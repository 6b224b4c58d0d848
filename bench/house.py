"""A daemon's parts without its API: store, engine, proxy, and workers that run operations, for a deployment of the bench."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.bakery import FAMILY
from bench.ground import end_everything, say
from bench.watched import WatchedEngine
from stoneware.bake.verify import load
from stoneware.clock import SystemClock
from stoneware.engines.qemu import QemuEngine
from stoneware.host.home import Home
from stoneware.host.probe import ask
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.image import Artifact, BootTestRecord
from stoneware.model.operation import OperationRecord, Result
from stoneware.operations.platform import Platform, Platforms
from stoneware.operations.releasing import Releasing
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.runner import Runner
from stoneware.operations.worker import Worker
from stoneware.store.database import url_for
from stoneware.store.store import Store, open_store
from stoneware.traffic.haproxy import HaproxySwitch

DEPLOYMENT = "bench"
LIMIT_S = 240.0


@dataclass(frozen=True)
class House:
    """`roll_out` deploys and waits, as a person does."""

    engine: WatchedEngine
    store: Store
    releasing: Releasing
    worker: Worker

    def roll_out(self, spec: DeploymentSpec) -> OperationRecord:
        """The operation, when it is over. Raises RuntimeError when it isn't a success."""
        self.engine.forget()
        _, record = self.releasing.deploy(DEPLOYMENT, spec, "bench")
        if record is None:
            raise RuntimeError("there was nothing to roll out")
        self.worker.poke()
        until = time.monotonic() + LIMIT_S
        while record.result is None and time.monotonic() < until:
            time.sleep(0.1)
            record = self.store.operations.get(record.id)
        if record.result is not Result.SUCCEEDED:
            raise RuntimeError(f"{record.id}: {record.state} {record.because}")
        self.engine.settle()
        return record


@contextlib.contextmanager
def open_house(home: Home, artifact: Artifact) -> Iterator[House]:
    """All that a rollout of this image needs, and nothing of it afterwards."""
    clock = SystemClock()
    store = open_store(url_for(home.database), clock)
    engine = QemuEngine(home, clock)
    watched = WatchedEngine(engine)
    platforms = Platforms({"qemu": Platform(watched, HaproxySwitch(home), ask)})
    rollout = Rollout(store, platforms, lambda digest: load(home.images, digest))
    worker = Worker(Runner(store, {"rollout": rollout}, clock, _log), f"{socket.gethostname()}:bench", _log)
    try:
        _publish(store, artifact)
        worker.start()
        yield House(watched, store, Releasing(store, platforms, clock), worker)
    finally:
        worker.stop()
        watched.close()
        engine.close()
        end_everything(home)
        store.close()


def group_of_two(motto: str, port: int, *, healthy_for_s: float, bake_time_s: float) -> DeploymentSpec:
    """Two stateless machines behind a service; another motto is another fleet."""
    group = {
        "image": FAMILY,
        "size": 2,
        "machine": {"cpus": 1, "memory": "256MiB"},
        "config": {"MOTD": motto},
        "health": {"http": {"port": 80, "path": "/version"}, "healthy_for": f"{healthy_for_s:g}s"},
        "rollout": {"bake_time": f"{bake_time_s:g}s", "drain": "10s"},
    }
    services = {"play": {"group": "web", "port": 80, "listen": f"127.0.0.1:{port}"}}
    return DeploymentSpec.model_validate({"engine": "qemu", "groups": {"web": group}, "services": services})


def _publish(store: Store, artifact: Artifact) -> None:
    """The image enters the bench's own catalog as tested: its boot is what other benchmarks measure."""
    digest = artifact.manifest.digest
    store.catalog.stage(artifact.manifest, 0, "bench")
    record = BootTestRecord(digest=digest, passed=True, started_at=0, seconds=0, results=())
    store.catalog.publish(digest, record, "bench")


def _log(_operation: str, text: str) -> None:
    say(text)
