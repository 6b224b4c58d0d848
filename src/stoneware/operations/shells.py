"""Break-glass: the only way into a machine in service.

Everything is on record before anybody is let in: the session, the machine's taint, who, why. The session belongs to the daemon.
One that the daemon's end cut short is ended by the next daemon, which closes the way in; the machine is tainted all the while,
and `reconcile.py` replaces it as soon as nobody is in any more.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stoneware.clock import Clock
from stoneware.decide.entering import no_drain, no_entry, taints_of
from stoneware.errors import EngineError, NotFound, Refused, StonewareError
from stoneware.host import frames
from stoneware.host.home import Home
from stoneware.host.transcript import Transcript, seal
from stoneware.model.ledger import Fact
from stoneware.model.machine import Machine
from stoneware.model.release import Release
from stoneware.model.shell import ShellSession, WantedShell, Window
from stoneware.operations.keeping_away import KeepingAway
from stoneware.operations.platform import Platforms
from stoneware.operations.sitting import Sitting
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.store import Store

ARRIVE_S = 30.0
"""How long somebody who asked to be let in may take to come to the door."""
POLL_S = 0.1
STOP_S = 15.0
SEE = "`stoneware machine list` shows them"


@dataclass(frozen=True)
class Shells:
    """`begin` grants a session, whose client comes to its socket; `recover` ends what a dead daemon left."""

    store: Store
    platforms: Platforms
    clock: Clock
    home: Home
    _sittings: dict[str, Sitting | None] = field(default_factory=dict)
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _ending: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(
        self, machine: str, window: Window, *, actor: str, reason: str, limit_s: float, drain: bool
    ) -> ShellSession:
        """Puts it on record, and opens the door for one client, at `socket_of`. Raises NotFound, Refused or Conflict."""
        with self._lock:  # `recover` must not take it for one that a dead daemon left
            session = self.grant(machine, actor=actor, reason=reason, limit_s=limit_s, drain=drain)
            door = self._door(session)
            self._sittings[session.id] = None
        thread = threading.Thread(target=self._host, args=(session, window, door), daemon=True, name=session.id)
        self._threads[session.id] = thread
        thread.start()
        return session

    def grant(self, machine: str, *, actor: str, reason: str, limit_s: float, drain: bool) -> ShellSession:
        """The record alone. From here on the machine is tainted."""
        engine, seen = self._find(machine)
        release = self.store.releases.current(seen.owner) if seen.owner in self._deployments() else None
        objection = no_entry(seen, release)
        if objection or release is None:
            raise Refused(objection, SEE)
        if drain and (objection := self._no_drain(seen, release)):
            raise Refused(f"{machine} can't leave the traffic: {objection}", "let yourself in without --drain, or wait")
        return self.store.shells.begin(
            WantedShell(
                machine=machine,
                made_at=seen.created_at,
                deployment=seen.owner,
                engine=engine,
                actor=actor,
                reason=reason,
                limit_s=limit_s,
                drain=drain,
            )
        )

    def host(self, session: ShellSession, window: Window, door: socket.socket) -> None:
        """The whole of a session, from its client's coming to its end."""
        line, because = None, ""
        try:
            door.settimeout(ARRIVE_S)
            line, _ = door.accept()
            because = self._sit(session, window, line)
        except TimeoutError:
            because = "nobody came"
        except (StonewareError, OSError) as broken:
            because = str(broken)
        finally:
            door.close()
        try:
            self.finish(session, because)
        except EngineError as away:
            because = f"{because}; the way in isn't closed yet: {away}"
        if line is not None:
            with contextlib.suppress(OSError):
                line.sendall(frames.frame(frames.OVER, because.encode()))
            line.close()

    def finish(self, session: ShellSession, because: str) -> None:
        """Closes the way in, then enters the end. Raises EngineError when the engine is away: `recover` does it again."""
        self.platforms.get(session.engine).engine.close_shell(session.machine)
        self.socket_of(session).unlink(missing_ok=True)
        self.store.shells.end(session.id, because, *seal(self.transcript_of(session.id)))

    def recover(self) -> list[ShellSession]:
        """Ends the sessions that nobody here is in. Returns those that it ended. Raises EngineError after all others are ended."""
        ended, away = [], None
        with self._lock:
            left = [session for session in self.store.shells.open() if session.id not in self._sittings]
        for session in left:
            try:
                self.finish(session, "the daemon ended in the middle of it")
                ended.append(session)
            except EngineError as gone:
                away = gone
        if away is not None:
            raise away
        return ended

    def stop(self) -> None:
        """The daemon ends, and every session with it."""
        self._ending.set()
        for sitting in list(self._sittings.values()):
            if sitting is not None:
                sitting.stop("the daemon ended")
        for thread in list(self._threads.values()):
            thread.join(STOP_S)

    def socket_of(self, session: ShellSession) -> Path:
        """Where its one client comes to."""
        return self.home.shells / f"{session.id}.sock"

    def transcript_of(self, identity: str) -> Path:
        """Where its transcript is, or will be."""
        return self.home.shells / f"{identity}.cast"

    def damage(self, session: ShellSession) -> str:
        """What became of its transcript since it ended, by the digest that the ledger has; empty for nothing."""
        ends = self.store.ledger.about([session.machine], "machine.shell.end")
        told = [one.fact.details for one in ends if one.fact.details.get("session") == session.id]
        once = told[0].get("transcript", "none") if told else "none"
        now, _ = seal(self.transcript_of(session.id))
        if once in ("none", f"sha256:{now}"):
            return ""
        became = f"was changed since: it is sha256:{now}" if now else "was removed since"
        return f"the transcript of {session.id} {became}; {once} is on record"

    # Inside

    def _host(self, session: ShellSession, window: Window, door: socket.socket) -> None:
        try:
            self.host(session, window, door)
        finally:
            self._sittings.pop(session.id, None)
            self._threads.pop(session.id, None)

    def _sit(self, session: ShellSession, window: Window, line: socket.socket) -> str:
        if session.drain:
            self._leave_traffic(session, line)
        if self._ending.is_set():
            return "the daemon ended"
        transcript = Transcript(
            self.transcript_of(session.id),
            rows=window.rows,
            columns=window.columns,
            kind=window.kind,
            began_at=self.clock.now(),
            title=f"{session.id}: {session.machine}, {session.actor}: {session.reason}",
        )
        # it begins before the way in is open: no crash leaves a way in without one
        with contextlib.closing(transcript):
            way = self.platforms.get(session.engine).engine.open_shell(session.machine, window)
            sitting = Sitting(way, line, transcript, session.limit_s, window)
            self._sittings[session.id] = sitting
            if self._ending.is_set():
                sitting.stop("the daemon ended")
            try:
                return sitting.run()
            finally:
                # `finish` closes it whoever opened it, and says what goes wrong
                with contextlib.suppress(StonewareError):
                    way.close()

    def _leave_traffic(self, session: ShellSession, line: socket.socket) -> None:
        """Waits until the last request is answered, no longer than the group's drain. Its route stays so until it is replaced."""
        release = self.store.releases.current(session.deployment)
        if release is None:
            raise Refused(f"{session.deployment} has no current release any more", SEE)
        away = KeepingAway(self.platforms.get(session.engine), release, session.machine)
        away.begin(lambda service: self._note(session, service))
        _, seen = self._find(session.machine)
        until, told = time.monotonic() + away.limit_s(seen.group), ""
        while (left := away.open_requests()) and time.monotonic() < until and not self._ending.is_set():
            text = f"waiting for {left} requests to be answered"
            if text != told:
                told = text
                line.sendall(frames.frame(frames.NOTICE, text.encode()))
            time.sleep(POLL_S)

    def _note(self, session: ShellSession, service: str) -> None:
        details = {"machine": session.machine, "session": session.id}
        fact = Fact(verb="route.drain", subject=service, actor=session.actor, reason=session.reason, details=details)
        with writing(self.store.db) as conn:
            append(conn, self.clock.now(), fact)

    def _no_drain(self, seen: Machine, release: Release) -> str:
        engine = self.platforms.get(release.spec.engine).engine
        machines: Mapping[str, Machine] = {one.name: one for one in engine.list_machines(seen.owner)}
        unfit = frozenset(taints_of(machines, self.store.taints.of(seen.owner)))
        return no_drain(seen, release, machines, unfit)

    def _deployments(self) -> set[str]:
        return {record.name for record in self.store.releases.deployments()}

    def _find(self, name: str) -> tuple[str, Machine]:
        """The machine, and the name of its engine. Raises NotFound, or EngineError when it can't be looked for everywhere."""
        away: EngineError | None = None
        for engine, platform in self.platforms.by_engine.items():
            try:
                for machine in platform.engine.list_machines():
                    if machine.name == name:
                        return engine, machine
            except EngineError as gone:
                away = gone
        if away is not None:
            raise away
        raise NotFound(f"no machine {name}", SEE)

    def _door(self, session: ShellSession) -> socket.socket:
        """A socket for its owner alone from the moment it exists, whatever the length of its path."""
        self.home.shells.mkdir(exist_ok=True, mode=0o700)
        path = self.socket_of(session)
        path.unlink(missing_ok=True)
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _folder(path.parent) as near:
            door.bind(f"{near}/{path.name}")
        path.chmod(0o600)  # the folder is private already
        door.listen(1)
        return door


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[str]:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
