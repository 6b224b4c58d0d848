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
from sqlalchemy.exc import SQLAlchemyError

from stoneware.api.app import make_app
from stoneware.api.services import Services
from stoneware.bake.leftovers import clean_leftovers
from stoneware.bake.tidy import tidy
from stoneware.bake.units import GENERATORS, MASKED
from stoneware.bake.verify import load
from stoneware.clock import Clock, SystemClock
from stoneware.engines.container import ContainerEngine, Masks
from stoneware.engines.fake import FakeEngine
from stoneware.engines.qemu import QemuEngine
from stoneware.errors import Conflict, StonewareError
from stoneware.host.home import Home
from stoneware.host.probe import ask
from stoneware.operations.bake import Bake
from stoneware.operations.exporting import Export
from stoneware.operations.importing import Import
from stoneware.operations.platform import Platform, Platforms
from stoneware.operations.procedure import Procedure
from stoneware.operations.prune import Prune
from stoneware.operations.rebuild import Rebuild
from stoneware.operations.reconcile import Reconcile
from stoneware.operations.refresh import Refresh
from stoneware.operations.releasing import Releasing
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.runner import Runner
from stoneware.operations.teardown import Teardown
from stoneware.operations.worker import Worker
from stoneware.store.database import url_for
from stoneware.store.store import open_store
from stoneware.traffic.fake import FakeSwitch
from stoneware.traffic.haproxy import HaproxySwitch

log = structlog.get_logger()
LOOK_S = 0.5
RECONCILE_EVERY = 4
PRUNE_EVERY = 120


@dataclass(frozen=True)
class Daemon:
    """Everything that runs."""

    services: Services
    app: FastAPI
    switch: HaproxySwitch
    prune: Prune
    reconcile: Reconcile


def build(home: Home, clock: Clock) -> Daemon:
    """The parts, put together. Starts nothing."""
    home.prepare()
    store = open_store(url_for(home.database), clock)
    fake = FakeEngine(clock, state=home.root / "fake.json")
    switch = HaproxySwitch(home)
    qemu = Platform(QemuEngine(home, clock), switch, ask)
    container = Platform(ContainerEngine(home, clock, Masks(MASKED, GENERATORS)), switch, ask)
    in_memory = Platform(fake, FakeSwitch(fake.healthy, state=home.root / "fake-routes.json"), fake.answer)
    platforms = Platforms({"qemu": qemu, "container": container, "fake": in_memory})
    procedures: dict[str, Procedure[Any]] = {
        "bake": Bake(store, home, {"vm": qemu, "container": container}),
        "export": Export(store, home),
        "import": Import(store, home),
        "rollout": Rollout(store, platforms, lambda digest: load(home.images, digest)),
        "teardown": Teardown(store, platforms),
        "refresh": Refresh(home),
        "rebuild": Rebuild(store, home),
    }
    write = OperationLog(home)
    worker = Worker(Runner(store, procedures, clock, write), f"{socket.gethostname()}:{home.root}", write)
    releasing = Releasing(store, platforms, clock)
    services = Services(home, clock, store, platforms, releasing, worker, procedures)
    prune = Prune(store, platforms, clock, lambda: tidy(home.images, {image.digest for image in store.catalog.list()}))
    return Daemon(services, make_app(services), switch, prune, Reconcile(store, platforms, clock))


@dataclass(frozen=True)
class OperationLog:
    """Lines that are no journal lines, in a file an operation."""

    home: Home

    def __call__(self, operation: str, line: str) -> None:
        with (self.home.logs / f"{operation}.log").open("a", encoding="utf-8", errors="replace") as out:
            out.write(line + "\n")


def serve(home: Home) -> None:
    """Runs until SIGTERM or SIGINT. Machines and proxies run on; a later daemon adopts them.

    Raises Conflict when another daemon has this home.
    """
    home.prepare()
    with _only_one(home), _listening(home) as listener:
        daemon = build(home, SystemClock())
        for left in clean_leftovers(home):
            log.info("removed what a dead bake left", bake=left)
        stop = threading.Event()
        keeper = threading.Thread(target=_housekeeping, args=(daemon, stop), daemon=True)
        server = uvicorn.Server(_config(daemon.app))
        for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them once more when it is done
            signal.signal(number, lambda *_: None)
        daemon.services.worker.start()
        keeper.start()
        log.info("serving", socket=str(home.socket), pid=os.getpid())
        try:
            server.run(sockets=[listener])
        finally:
            stop.set()
            daemon.services.worker.stop()
            daemon.services.store.close()
            log.info("stopped; machines and proxies run on")


def _config(app: FastAPI) -> uvicorn.Config:
    """Whoever watches events when the daemon ends is cut off soon; they can ask the next one."""
    return uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2)


def _housekeeping(daemon: Daemon, stop: threading.Event) -> None:
    """Proxies that died come back at once, machines soon after; what is over is removed now and then."""
    turn = 0
    while not stop.wait(LOOK_S):
        turn += 1
        try:
            for service in daemon.switch.revive():
                log.warning("a proxy had died and was started again", service=service)
            if turn % RECONCILE_EVERY == 0:
                for operation in daemon.reconcile.run():
                    log.warning("what should run doesn't", operation=operation.id, reason=operation.reason)
                    daemon.services.worker.poke()
            if turn % PRUNE_EVERY == 0:
                daemon.prune.run()
        except (StonewareError, SQLAlchemyError, OSError) as broken:
            log.error("housekeeping", error=str(broken))


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
