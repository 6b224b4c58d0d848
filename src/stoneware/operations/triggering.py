"""Triggers at work: whoever says that something was pushed only makes us look; what the repository has is what counts.

So a lost message costs time and no build, and a message that comes twice, or was made up, costs a look and no build. A build that
was begun is known by trigger, ref and commit: looking again begins no second one, also after a crash between its beginning and
the note of it. Only a commit whose build was given up for a newer one is built anew when it is pushed again.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from stoneware.clock import Clock
from stoneware.decide.triggering import changes, named, pause_s, touched, wants_files
from stoneware.decide.webhook import SHORTEST_SECRET, is_too_short
from stoneware.errors import BadInput, Conflict, NotFound, Refused, StonewareError
from stoneware.host.unending import unending
from stoneware.model.address import without_credentials
from stoneware.model.build import Source
from stoneware.model.trigger import Begun, Change, Trigger, TriggerSpec, TriggerState, Watch, is_local
from stoneware.pipeline.git import refs_of, short_name
from stoneware.pipeline.hook import set_hook, take_hook_away
from stoneware.pipeline.refs import changed_files, require_repository
from stoneware.store.store import Store

log = structlog.get_logger()
TURN_S = 0.5
AT_ONCE = 4
BY_ITSELF_S: dict[Watch, float] = {Watch.PUSH: 10.0, Watch.WEBHOOK: 900.0}
"""How often we look although nobody said anything: a hook or a message may get lost."""


class Builds(Protocol):
    """What begins and ends builds."""

    def begin(self, trigger: Trigger, source: Source, reason: str, key: str) -> Begun:
        """Queues a build; the same `key` again: the same build, unless that one was given up for a newer commit."""
        ...

    def give_up_others(self, trigger: Trigger, source: Source, but: str) -> Sequence[str]:
        """Cancels builds of the same branch or tag but that one. Returns what was cancelled."""
        ...


@dataclass
class Triggering:
    """`look` asks a repository once and begins what is to be built; `run` does so whenever it is time. `secret` gives the value
    of a secret, where those can be opened."""

    store: Store
    builds: Builds
    clock: Clock
    home: Path
    refs: Callable[[str], dict[str, str]] = refs_of
    files: Callable[[str, Path, str, str], tuple[str, ...] | None] = changed_files
    secret: Callable[[str], bytes] | None = None
    _states: dict[int, TriggerState] = field(default_factory=dict)
    _failures: dict[int, int] = field(default_factory=dict)
    _locks: dict[int, threading.Lock] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def create(
        self, name: str, spec: TriggerSpec, actor: str, reason: str, *, hook: bool = True, now: bool = False
    ) -> tuple[Trigger, list[Begun]]:
        """A trigger that builds what is pushed from now on; with `now`, what is there already as well. Returns the builds.

        Raises Unreachable when the repository doesn't answer, Refused when its hook can't be set, Conflict when the name is taken,
        NotFound when there is no such secret: no message would ever be believed. BadInput when it is so short that it proves
        nothing.
        """
        if spec.secret and spec.secret not in self.store.secrets.newest():
            hint = f"`stoneware secret set {spec.secret}` takes it"
            raise NotFound(f"there is no secret {spec.secret}", hint, code="secret-not-found")
        if spec.secret and self.secret and is_too_short(self.secret(spec.secret)):
            raise BadInput(
                f"the secret {spec.secret} is too short to know anybody by",
                next_step=f"set one of at least {SHORTEST_SECRET} characters, here and at the git host",
            )
        if is_local(spec.repository):
            require_repository(Path(spec.repository))
        there = self.refs(spec.repository)
        hooked = spec.watch is Watch.PUSH and hook
        if hooked:
            set_hook(Path(spec.repository), self.home)
        seen = {ref: at for ref, at in there.items() if not (now and named(spec, Change(ref=ref, old="", new=at)))}
        try:
            made = self.store.triggers.add(name, spec, seen, actor, reason)
        except Conflict:
            self._unhook(spec.repository)
            raise
        return made, self.look(made)

    def delete(self, name: str, actor: str, reason: str) -> None:
        """Takes a trigger away, and the hook of its repository with the last one that it has."""
        gone = self.store.triggers.delete(name, actor, reason)
        if gone and gone.watch is Watch.PUSH:
            self._unhook(gone.repository)

    def _unhook(self, repository: str) -> None:
        """Takes the hook of a repository away that no trigger has use for."""
        known = self.store.triggers.list()
        if not any(one.repository == repository and one.watch is Watch.PUSH for one in known):
            take_hook_away(Path(repository))

    def notified(self, repository: str) -> list[Begun]:
        """Somebody pushed to a repository of this host: all its triggers look. Returns the builds of what is new."""
        meant = Path(repository).resolve()
        known = [one for one in self.store.triggers.list() if is_local(one.repository)]
        return [begun for one in known if Path(one.repository).resolve() == meant for begun in self.look(one)]

    def look(self, trigger: Trigger) -> list[Begun]:
        """Asks the repository what it has and begins what is to be built. Raises Unreachable; the next look is later then."""
        with self._lock(trigger.id):
            try:
                begun = self._look(trigger)
            except (StonewareError, SQLAlchemyError, OSError) as wrong:
                self._note(trigger, str(wrong))
                raise
            self._note(trigger, "")
            return begun

    def state(self, trigger: Trigger) -> TriggerState:
        """How it goes; nothing is known right after the daemon's start."""
        with self._guard:
            return self._states.get(trigger.id, TriggerState())

    def run(self, stop: threading.Event) -> None:
        """Looks whenever a trigger's time has come, several at once: one that doesn't answer keeps no other waiting."""
        with ThreadPoolExecutor(AT_ONCE, "trigger") as pool:
            busy: set[int] = set()
            while not stop.wait(TURN_S):
                with unending("triggers"):
                    for trigger in self.store.triggers.list():
                        if trigger.id not in busy and self._is_due(trigger):
                            busy.add(trigger.id)
                            pool.submit(self._look_alone, trigger, busy)

    def _look_alone(self, trigger: Trigger, busy: set[int]) -> None:
        try:
            for begun in self.look(trigger):
                log.info("a commit is built", trigger=trigger.name, build=begun.build, already=begun.already)
        except (StonewareError, SQLAlchemyError, OSError) as wrong:
            log.warning("a repository can't be looked at", trigger=trigger.name, error=str(wrong))
        finally:
            busy.discard(trigger.id)

    def _look(self, trigger: Trigger) -> list[Begun]:
        _must_keep_no_secret(trigger)
        there, seen = self.refs(trigger.repository), self.store.triggers.seen(trigger.id)
        begun: list[Begun] = []
        if seen is None:
            return begun
        for change in changes(seen, there):
            if named(trigger, change) and touched(trigger, self._files(trigger, change)):
                begun.append(self._begin(trigger, change))
            self.store.triggers.see(trigger.id, {change.ref: change.new}, set())
        self.store.triggers.see(trigger.id, {}, set(seen) - set(there))
        return begun

    def _files(self, trigger: Trigger, change: Change) -> tuple[str, ...] | None:
        if not wants_files(trigger):
            return None
        return self.files(trigger.repository, self.home / "mirrors", change.old, change.new)

    def _begin(self, trigger: Trigger, change: Change) -> Begun:
        source = Source(
            repository=trigger.repository,
            name=short_name(trigger.repository),
            commit=change.new,
            branch=change.branch,
            tag=change.tag,
        )
        text = f"{trigger.id} {change.ref} {change.new}"
        key = f"trigger-{hashlib.sha256(text.encode()).hexdigest()[:40]}"
        begun = self.builds.begin(trigger, source, f"{change.branch or change.tag} is at {change.new[:7]}", key)
        if not trigger.keep_older:
            self.builds.give_up_others(trigger, source, begun.build)
        return begun

    def _is_due(self, trigger: Trigger) -> bool:
        state = self.state(trigger)
        return state.next_look_at is None or self.clock.now() >= state.next_look_at or self._set_back(state)

    def _set_back(self, state: TriggerState) -> bool:
        """Whether the clock was: a look that lies too far ahead would never come."""
        return state.next_look_at is not None and state.next_look_at - self.clock.now() > 3600.0 + max(
            BY_ITSELF_S.values()
        )

    def _note(self, trigger: Trigger, trouble: str) -> None:
        now = self.clock.now()
        with self._guard:
            failures = self._failures.get(trigger.id, 0) + 1 if trouble else 0
            self._failures[trigger.id] = failures
            before = self._states.get(trigger.id, TriggerState())
            every = BY_ITSELF_S.get(trigger.watch, trigger.every)
            self._states[trigger.id] = TriggerState(
                looked_at=before.looked_at if trouble else now,
                trouble=trouble,
                next_look_at=now + pause_s(every, failures),
            )

    def _lock(self, trigger: int) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(trigger, threading.Lock())


def _must_keep_no_secret(trigger: Trigger) -> None:
    """A trigger may be older than this rule: it builds nothing more until it is made anew. Raises Refused."""
    try:
        without_credentials(trigger.repository)
    except ValueError as wrong:
        hint = (
            f"`stoneware trigger delete {trigger.name}`, then make it anew; whoever gave the token should take it back"
        )
        raise Refused(f"{trigger.name} has {wrong}", hint) from None
