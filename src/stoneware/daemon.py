"""The composition root: what a daemon is made of, as a parts list, and how it starts and stops."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from stoneware.api.app import make_app
from stoneware.api.services import Services
from stoneware.api.webhooks import listening as webhooks_listening
from stoneware.bake.base import BASE, base_record
from stoneware.bake.build_cache import prune_cache
from stoneware.bake.entrance import entrance
from stoneware.bake.leftovers import clean_leftovers
from stoneware.bake.tidy import tidy
from stoneware.bake.units import GENERATORS, MASKED
from stoneware.bake.verify import load
from stoneware.clock import Clock, SystemClock
from stoneware.engines.container import ContainerEngine, Masks
from stoneware.engines.container.podman import Podman
from stoneware.engines.fake import FakeEngine
from stoneware.engines.qemu import QemuEngine
from stoneware.errors import Conflict, StonewareError
from stoneware.host.capacity import host_share
from stoneware.host.home import Home
from stoneware.host.log_file import LIMIT_BYTES, append_line
from stoneware.host.probe import ask
from stoneware.host.settings import read_settings
from stoneware.host.trusted_keys import trusted_ids
from stoneware.host.unending import unending
from stoneware.model.build import BuildStatus
from stoneware.model.operation import OperationRecord
from stoneware.operations.bake import Bake
from stoneware.operations.build import Build
from stoneware.operations.build_frame import BuildFrame
from stoneware.operations.build_hook import StatusHook
from stoneware.operations.build_keeping import Keeping
from stoneware.operations.build_prune import BuildPrune
from stoneware.operations.build_steps import Steps
from stoneware.operations.build_verbs import OwnSteps
from stoneware.operations.builder_making import MakeBuilder
from stoneware.operations.building import Building, view
from stoneware.operations.checkpoints import Checkpoints
from stoneware.operations.disks import Clone, TakeSnapshot
from stoneware.operations.drift import Drifting
from stoneware.operations.drift_sight import Gathering
from stoneware.operations.exporting import Export
from stoneware.operations.findings import Finding
from stoneware.operations.gatekeeping import Gatekeeping
from stoneware.operations.image_files import ImageFiles, wrong_with
from stoneware.operations.importing import Import
from stoneware.operations.installation import Installation
from stoneware.operations.ledger_watch import LedgerWatch
from stoneware.operations.log_prune import LogPrune
from stoneware.operations.platform import Platform, Platforms
from stoneware.operations.procedure import Procedure
from stoneware.operations.promoting import Promoting
from stoneware.operations.prune import Prune
from stoneware.operations.rebuild import Rebuild
from stoneware.operations.reconcile import Reconcile
from stoneware.operations.refresh import Refresh
from stoneware.operations.rehearsal import Rehearsal
from stoneware.operations.releasing import Releasing
from stoneware.operations.restoring import Restore
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.runner import Runner
from stoneware.operations.shells import Shells
from stoneware.operations.teardown import Teardown
from stoneware.operations.triggered import TriggeredBuilds
from stoneware.operations.triggering import Triggering
from stoneware.operations.vault import Vault
from stoneware.operations.watch import Watch
from stoneware.operations.webhooks import Webhooks
from stoneware.operations.worker import Worker
from stoneware.pipeline.workshop import Workshop
from stoneware.store.database import url_for
from stoneware.store.settings import SettingsRecord
from stoneware.store.store import Store, open_store
from stoneware.traffic.fake import FakeSwitch
from stoneware.traffic.haproxy import HaproxySwitch

log = structlog.get_logger()
LOOK_S = 0.5
RECONCILE_EVERY = 4
PRUNE_EVERY = 120
CHECKPOINT_EVERY = 1200


@dataclass(frozen=True)
class Daemon:
    """Everything that runs."""

    services: Services
    app: FastAPI
    switch: HaproxySwitch
    prune: Prune
    build_prune: BuildPrune
    reconcile: Reconcile
    watch: Watch
    installation: Installation
    ledger: LedgerWatch
    webhooks: Webhooks


def build(home: Home, clock: Clock) -> Daemon:
    """The parts, put together. Starts nothing."""
    home.prepare()
    store = open_store(url_for(home.database), clock)
    reveal = Vault(store, home).reveal
    fake = FakeEngine(clock, state=home.root / "fake.json", reveal=reveal)
    switch = HaproxySwitch(home)
    qemu = Platform(QemuEngine(home, clock, reveal=reveal), switch, ask)
    container = Platform(ContainerEngine(home, clock, Masks(MASKED, GENERATORS), reveal), switch, ask)
    in_memory = Platform(fake, FakeSwitch(fake.healthy, state=home.root / "fake-routes.json"), fake.answer)
    platforms = Platforms({"qemu": qemu, "container": container, "fake": in_memory})
    releasing = Releasing(store, platforms, clock)
    files = ImageFiles(home.images, wrong_with(home.images), clock)
    ledger = LedgerWatch(Checkpoints(store, home, clock))
    settings = SettingsRecord(store.db, lambda: trusted_ids(home))
    drift = Drifting(
        store, clock, Gathering(store, platforms, clock, files, lambda: _bases(home), ledger.problem, settings.edited)
    )
    promoting = Promoting(store, clock, releasing, Finding(store, platforms, clock, drift))
    own_steps = OwnSteps(store, home, Gatekeeping(store, clock, releasing), promoting, clock)
    workshop = Workshop(home, Podman(Home(home.builds)), host_share().memory_bytes // 2)
    procedures: dict[str, Procedure[Any]] = {
        "build": _build_of_commits(store, workshop, own_steps),
        "builder": MakeBuilder(home, workshop),
        "bake": Bake(store, home, {"vm": qemu, "container": container}, clock),
        "export": Export(store, home),
        "import": Import(store, home),
        "rollout": Rollout(store, platforms, lambda digest: load(home.images, digest), died=drift.died),
        "rehearsal": Rehearsal(store, platforms, lambda digest: load(home.images, digest)),
        "teardown": Teardown(store, platforms),
        "snapshot": TakeSnapshot(store, platforms),
        "clone": Clone(store, platforms),
        "restore": Restore(store, platforms),
        "refresh": Refresh(home),
        "rebuild": Rebuild(store, home),
    }
    write = OperationLog(home)
    worker = Worker(Runner(store, procedures, clock, write), f"{socket.gethostname()}:{home.root}", write)
    watch = Watch(clock)
    reconcile = Reconcile(store, platforms, clock, watch, drift.remedies_of, drift.died)
    shells = Shells(store, platforms, clock, home)
    triggered = TriggeredBuilds(Building(store, clock), worker.poke)
    triggering = Triggering(store, triggered, clock, home.root, secret=Vault(store, home).newest)
    services = Services(
        home,
        clock,
        store,
        platforms,
        releasing,
        worker,
        procedures,
        reconcile.notes_of,
        watch.known,
        shells,
        drift,
        triggering,
    )
    prune = Prune(
        store,
        platforms,
        clock,
        lambda: _tidy(home, store, clock),
        lambda: entrance(home),
    )
    installation = Installation(store, home, platforms)
    webhooks = Webhooks(store, Vault(store, home), triggering, clock)
    parts = (reconcile, watch, installation, ledger, webhooks)
    builds = BuildPrune(store, home, forget=workshop.annexes.forget)
    return Daemon(services, make_app(services), switch, prune, builds, *parts)


def _build_of_commits(store: Store, runs: Workshop, own_steps: OwnSteps) -> Build:
    """Builds on a store of podman's that is no engine's. As many go on at once as the host has cores."""
    home = runs.home
    settings = read_settings()
    at_once = settings.builds_at_once or host_share().cpus
    steps = Steps(runs, own_steps)
    hook = StatusHook(settings.build_status_hook, home.logs / "status-hook.log")

    def tell(record: OperationRecord, frame: BuildFrame, status: BuildStatus) -> None:
        hook.tell(view(record, frame).model_copy(update={"status": status}), lambda line: runs.say(record.id, line))

    return Build(store, runs, steps, at_once, Keeping(home), tell)


def _bases(home: Home) -> dict[str, str]:
    """The bases of our own that bakes start from today, with their digests."""
    known = base_record(home)
    return {BASE: known.digest} if known else {}


@dataclass(frozen=True)
class OperationLog:
    """Lines that are no journal lines, in a file an operation: programs print them, and a commit's recipe as many as it likes."""

    home: Home

    def __call__(self, operation: str, line: str) -> None:
        append_line(self.home.logs / f"{operation}.log", line, LIMIT_BYTES)


def serve(home: Home, webhooks: tuple[str, int] | None = None) -> None:
    """Runs until SIGTERM or SIGINT. Machines and proxies run on; a later daemon adopts them. `webhooks`: the address and port at
    which git hosts reach it.

    Raises Conflict when another daemon has this home, Misconfigured when nobody can listen at that address.
    """
    home.prepare()
    with _only_one(home), _listening(home) as listener, contextlib.ExitStack() as doors:
        daemon = build(home, SystemClock())
        if webhooks:
            doors.enter_context(webhooks_listening(daemon.webhooks, *webhooks))
        daemon.installation.begin(daemon.services.clock.now())
        for left in clean_leftovers(home):
            log.info("removed what a dead bake left", bake=left)
        stop = threading.Event()
        keeper = threading.Thread(target=_housekeeping, args=(daemon, stop), daemon=True)
        server = uvicorn.Server(_config(daemon.app))
        for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them once more when it is done
            signal.signal(number, lambda *_: None)
        daemon.services.worker.start()
        keeper.start()
        threading.Thread(target=daemon.watch.run, args=(stop,), daemon=True, name="watch").start()
        threading.Thread(target=daemon.services.drift.run, args=(stop,), daemon=True, name="drift").start()
        threading.Thread(target=daemon.services.triggering.run, args=(stop,), daemon=True, name="triggers").start()
        log.info("serving", socket=str(home.socket), pid=os.getpid())
        try:
            server.run(sockets=[listener])
        finally:
            stop.set()
            doors.close()
            daemon.services.shells.stop()
            daemon.services.worker.stop()
            daemon.installation.end(daemon.services.clock.now())
            _vouch(daemon)
            daemon.services.store.close()
            log.info("stopped; machines and proxies run on")


def _end_sessions(daemon: Daemon) -> None:
    """The ways in that a dead daemon left open are closed. Where that can't be, housekeeping tries again."""
    for session in daemon.services.shells.recover():
        log.warning("a session was cut short", session=session.id, machine=session.machine)


def _config(app: FastAPI) -> uvicorn.Config:
    """Whoever watches events when the daemon ends is cut off soon; they can ask the next one."""
    return uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2)


def _housekeeping(daemon: Daemon, stop: threading.Event) -> None:
    """Proxies that died come back at once, machines that died or are sick soon after; what is over is removed now and then.

    Nothing that goes wrong with one of these keeps the others from being done, or any of them from being tried again. Sessions
    that a dead daemon left are ended first, which may take a while: the socket waits for none of it, and a machine that somebody
    was in has its taint from when they were let in.
    """
    turn = 0
    with unending("housekeeping"):
        _end_sessions(daemon)
    with unending("housekeeping"):
        _vouch(daemon)
    while not stop.wait(LOOK_S):
        turn += 1
        for every, work in (
            (1, _revive),
            (RECONCILE_EVERY, _end_sessions),
            (RECONCILE_EVERY, _reconcile),
            (PRUNE_EVERY, _prune),
            (CHECKPOINT_EVERY, _vouch),
        ):
            if turn % every == 0:
                with unending("housekeeping"):
                    work(daemon)


def _revive(daemon: Daemon) -> None:
    clock, installation = daemon.services.clock, daemon.installation
    for service in daemon.switch.revive(lambda service: installation.proxy_died(clock.now(), service)):
        log.warning("a proxy had died and was started again", service=service)


def _reconcile(daemon: Daemon) -> None:
    for operation in daemon.reconcile.run():
        log.warning("what should run isn't as it should be", operation=operation.id, reason=operation.reason)
        daemon.services.worker.poke()


def _tidy(home: Home, store: Store, clock: Clock) -> None:
    """What images left behind, in their store and in that of the builds."""
    images = store.catalog.list()
    digests = {image.digest for image in images}
    tidy(home.images, digests)
    prune_cache(home, digests, {image.name for image in images}, clock.now())


def _prune(daemon: Daemon) -> None:
    daemon.prune.run()
    daemon.build_prune.run()
    LogPrune(daemon.services.store, daemon.services.home).run()


def _vouch(daemon: Daemon) -> None:
    """Signs where the ledger ends. One that was tampered with isn't signed, and what is wrong with it is said."""
    try:
        daemon.ledger.vouch()
    except StonewareError as wrong:
        log.error("no checkpoint of the ledger was made", error=str(wrong))


@contextlib.contextmanager
def _only_one(home: Home) -> Iterator[None]:
    handle = os.open(home.root / "daemon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"another daemon serves {home.root}", "use it, or another STONEWARE_HOME") from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _listening(home: Home) -> Iterator[socket.socket]:
    """The socket, closed to everyone but its owner from the moment it exists. Its path may be longer than a sockaddr takes."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    home.socket.unlink(missing_ok=True)
    handle = os.open(home.root, os.O_RDONLY | os.O_DIRECTORY)
    before = os.umask(0o177)
    try:
        listener.bind(f"/proc/self/fd/{handle}/{home.socket.name}")
    finally:
        os.umask(before)
        os.close(handle)
    listener.listen(128)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield listener
    finally:
        listener.close()
        home.socket.unlink(missing_ok=True)
