"""`python -m bench.many_looks MACHINES DEPLOYMENTS FOLDER`: one look for drift at so many simulated machines, in a process of its
own. Prints one JSON object; fails when a look finds anything, or doesn't reach every machine.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

from bench.many import prepare
from stoneware.clock import SystemClock
from stoneware.decide.fleet import machine_names, pool_label
from stoneware.model.machine import Phase
from stoneware.model.release import Release
from stoneware.model.route import Member, Pool, Route
from stoneware.names import service_key
from stoneware.operations.drift import Drifting
from stoneware.operations.drift_sight import Gathering
from stoneware.operations.image_files import ImageFiles
from stoneware.operations.platform import Platform
from stoneware.store.settings import SettingsRecord


def main() -> int:
    """What it cost (seconds)."""
    machines, deployments, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    clock = SystemClock()
    store, platforms, engine, _ = prepare(machines, deployments, folder, clock)
    while any(machine.phase is not Phase.SERVING for machine in engine.list_machines()):
        time.sleep(0.05)
    for release in store.releases.currents():
        _route(platforms.get("fake"), release)
    files, settings = ImageFiles(None, lambda _: "", clock), SettingsRecord(store.db)
    drift = Drifting(store, clock, Gathering(store, platforms, clock, files, settings=settings.edited))
    gc.collect()
    gc.freeze()  # the simulated cloud would lie elsewhere
    began = time.monotonic()
    reports = [drift.look(release) for release in store.releases.currents()]
    took_s = time.monotonic() - began
    asked = sum(report.machines for report in reports)
    found = [one for report in reports for one in (*report.drifts, *report.notes)]
    if asked != machines or found or any(drift._known(report.deployment).in_doubt for report in reports):
        raise RuntimeError(f"{asked} of {machines} machines answered; found {found[:3]}")
    print(json.dumps({"look_s": took_s}))
    store.close()
    return 0


def _route(platform: Platform, release: Release) -> None:
    """The traffic where the release says."""
    seen = {machine.name: machine for machine in platform.engine.list_machines(release.deployment)}
    for service, entry in release.spec.services.items():
        names, health = machine_names(release, entry.group), release.groups[entry.group].spec.health
        members = tuple(Member(machine=name, address=seen[name].addresses[entry.port]) for name in names)
        pool = Pool(fleet=pool_label(release, service), members=members, health=health)
        key = service_key(release.deployment, service)
        platform.switch.apply(Route(service=key, listen=entry.listen, pools={"A": pool}, active="A", health=health))


if __name__ == "__main__":
    sys.exit(main())
