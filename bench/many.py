"""`python -m bench.many MACHINES DEPLOYMENTS FOLDER`: so many simulated machines, one plan for every deployment and one pass of
the daemon's reconciler, in a process of its own, so that its memory is nobody else's. Prints one JSON object.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from pathlib import Path

from stoneware.clock import Clock, SystemClock
from stoneware.decide.fleet import wanted_disks, wanted_machines
from stoneware.engines.fake import FakeEngine
from stoneware.engines.fake_attest import healthy_inside
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.finding import Capacity
from stoneware.model.image import Artifact, BootTestRecord, Manifest, Recipe, SealedFile, Verity
from stoneware.model.ledger import Fact
from stoneware.model.release import Release, ReleaseState
from stoneware.operations.platform import Platform, Platforms
from stoneware.operations.reconcile import Reconcile
from stoneware.operations.releasing import Releasing
from stoneware.operations.telling import release_made
from stoneware.operations.watch import Watch
from stoneware.store.database import url_for, writing
from stoneware.store.ledger import append
from stoneware.store.store import Store, open_store
from stoneware.traffic.fake import FakeSwitch

FAMILY = "web"
WITH_DISKS = 10
"""Each tenth deployment has disks."""


def main() -> int:
    """What it cost: seconds, and the most memory (10^6 bytes) that the process ever had."""
    machines, deployments, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    clock = SystemClock()
    store, platforms, engine, specs = prepare(machines, deployments, folder, clock)
    releasing = Releasing(store, platforms, clock)
    _publish(store, engine, folder, 2)
    gc.collect()
    gc.freeze()  # the simulated cloud would lie elsewhere: the collector of the daemon wouldn't walk through it
    print(json.dumps(_measure(store, platforms, releasing, specs, clock)))
    store.close()
    return 0


def prepare(
    machines: int, deployments: int, folder: Path, clock: Clock
) -> tuple[Store, Platforms, FakeEngine, dict[str, DeploymentSpec]]:
    """So many machines as rollouts leave them, and what declares them."""
    store = open_store(url_for(folder / "many.db"), clock)
    engine = FakeEngine(clock, boot_seconds=0)
    engine.host = Capacity(cpus=64, memory_bytes=4 * machines * 2**30, boots=64)
    platforms = Platforms({"fake": Platform(engine, FakeSwitch(engine.healthy), engine.answer)})
    _publish(store, engine, folder, 1)
    specs = {f"town{n}": _spec(n, machines // deployments) for n in range(deployments)}
    for name, spec in specs.items():
        _settle(store, engine, Releasing(store, platforms, clock).plan(name, spec, "bench")[0])
    return store, platforms, engine, specs


def _measure(
    store: Store, platforms: Platforms, releasing: Releasing, specs: dict[str, DeploymentSpec], clock: Clock
) -> dict[str, float]:
    """Every plan leads to a new image, so it names every machine twice. The pass finds that all is well."""
    reconcile = Reconcile(store, platforms, clock, Watch(clock))
    began = time.monotonic()
    plans = [releasing.plan(name, spec, "bench")[1] for name, spec in specs.items()]
    planned = time.monotonic()
    started = reconcile.run()
    ended = time.monotonic()
    named = sum(len(group.creates) + len(group.retires) for plan in plans for group in plan.groups)
    seen = len(platforms.get("fake").engine.list_machines())
    if started or named != 2 * seen:
        raise RuntimeError(f"{len(started)} repairs of machines that are well; {named} names for {seen} machines")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"machines": seen, "plan_s": planned - began, "pass_s": ended - planned, "rss_mb": peak_mb}


def _settle(store: Store, engine: FakeEngine, release: Release) -> None:
    """What a rollout leaves behind."""
    with writing(store.db, lasting=False) as conn:
        store.releases.add(release, conn)
        store.releases.mark(conn, release.deployment, release.number, ReleaseState.GOOD)
        store.releases.set_current(conn, release.deployment, release.number)
        append(conn, time.time(), release_made(release))
        target = {"target": str(release.number)}
        append(
            conn, time.time(), Fact(verb="rollout.succeeded", subject=release.deployment, actor="bench", details=target)
        )
    for group in release.groups:
        for disk in wanted_disks(release, group):
            engine.create_disk(disk)
        for wanted in wanted_machines(release, group):
            engine.create_machine(wanted)
            for mount in wanted.disks:
                engine.attach_disk(mount.disk, wanted.name)


def _spec(number: int, size: int) -> DeploymentSpec:
    group = {
        "image": FAMILY,
        "size": size,
        "config": {"TOWN": str(number)},
        "health": {"http": {"port": 80}},
        "disks": {"data": {"size": "1GiB", "mount": "/srv"}} if number % WITH_DISKS == 0 else {},
    }
    services = {"play": {"group": "web", "port": 80, "listen": f"127.0.0.1:{20000 + number}"}}
    return DeploymentSpec.model_validate({"engine": "fake", "groups": {"web": group}, "services": services})


def _publish(store: Store, engine: FakeEngine, folder: Path, version: int) -> None:
    manifest = Manifest(
        family=FAMILY,
        epoch=1,
        files={"layer-0": SealedFile(name="layer-0.img", sha256=f"{version:064x}", size_bytes=1)},
        tree="sha256:" + "0" * 64,
        layers=(Verity(root_hash="0" * 64, salt="-", data_blocks=1, hash_start_block=1),),
        kernel_version="6.1",
        cmdline="",
        init="/sbin/init",
        recipe=Recipe(containerfile="Containerfile", containerfile_sha256="0" * 64),
    )
    store.catalog.stage(manifest, 1, "bench")
    inside = healthy_inside((80,), tuple(layer.root_hash for layer in manifest.layers))
    tested = BootTestRecord(
        digest=manifest.digest, passed=True, started_at=0, seconds=1, results=(), inside={"vm": inside}
    )
    store.catalog.publish(manifest.digest, tested, "bench")
    engine.publish_image(Artifact(folder=folder, manifest=manifest))


if __name__ == "__main__":
    sys.exit(main())
