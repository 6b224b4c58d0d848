"""The installation in its own ledger: when a daemon began and ended, and how it was set up."""

from __future__ import annotations

import os
import platform
import socket
from dataclasses import dataclass

from stoneware import __version__
from stoneware.host.home import Home
from stoneware.host.signing_key import installation_key
from stoneware.host.trusted_keys import trusted_keys
from stoneware.model.ledger import Fact
from stoneware.operations.platform import Platforms
from stoneware.operations.prune import ACTOR
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.store import Store


@dataclass(frozen=True)
class Installation:
    """`begin`, `end` and `proxy_died` enter what they say, each in a transaction of its own."""

    store: Store
    home: Home
    platforms: Platforms

    def begin(self, now: float) -> None:
        """A daemon starts, with this configuration."""
        self._enter(now, "daemon.start", self._configuration())

    def end(self, now: float) -> None:
        """It stops in order. One that is killed has no such entry; the next start says so."""
        self._enter(now, "daemon.stop", {"pid": str(os.getpid())})

    def proxy_died(self, now: float, service: str) -> None:
        """The proxy of a service is gone, and nobody here ended it; it is started again as it was."""
        self._tell(now, Fact(verb="route.revive", subject=service, actor=ACTOR, reason="its proxy had died"))

    def _configuration(self) -> dict[str, str]:
        return {
            "version": __version__,
            "home": str(self.home.root),
            "host": socket.gethostname(),
            "pid": str(os.getpid()),
            "python": platform.python_version(),
            "kernel": platform.release(),
            "key": installation_key(self.home).public.id,
            "trusted_keys": ", ".join(sorted(trusted_keys(self.home))),
            "engines": ", ".join(sorted(self.platforms.by_engine)),
        }

    def _enter(self, now: float, verb: str, details: dict[str, str]) -> None:
        self._tell(now, Fact(verb=verb, subject="daemon", actor=ACTOR, details=details))

    def _tell(self, now: float, fact: Fact) -> None:
        with writing(self.store.db) as conn:
            append(conn, now, fact)
