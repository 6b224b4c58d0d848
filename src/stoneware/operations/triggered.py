"""What triggers begin, as builds like any others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stoneware.decide.triggering import overtaken
from stoneware.errors import Conflict
from stoneware.model.build import Source
from stoneware.model.operation import SignalKind
from stoneware.model.trigger import ACTOR, Begun, Trigger
from stoneware.operations.build_frame import BuildFrame
from stoneware.operations.building import Building, view_of

MOST = 500


@dataclass(frozen=True)
class TriggeredBuilds:
    """Builds begin with the trigger as their actor, and may do what it allows. `poke` wakes the worker."""

    building: Building
    poke: Callable[[], None]

    def begin(self, trigger: Trigger, source: Source, reason: str, key: str) -> Begun:
        """Queues a build; the same `key` again: the same build, unless that one was given up for a newer commit.

        Each one after one that was given up has a key with a number of its own, so that repeating this begins none twice.
        """
        for number in itertools.count():
            attempt = f"{key}-{number}" if number else key
            known = self.building.store.operations.repeated(attempt, "build", None)
            if known is None:
                break
            status = BuildFrame.model_validate(known.frame).status or view_of(known).status
            aborts = [
                one.actor for one in self.building.store.operations.told(known.id) if one.kind is SignalKind.ABORT
            ]
            if not overtaken(status, aborts):
                return Begun(build=known.id, already=status)
        record = self.building.begin(
            source,
            actor=f"{ACTOR}{trigger.name}",
            reason=reason,
            config=trigger.config,
            substitutions=dict(trigger.substitutions),
            allowed=trigger.allow,
            families=trigger.families,
            deployments=trigger.deployments,
            trigger=trigger.name,
            lane="" if trigger.keep_older else f"{trigger.id}:{source.ref}",
            key=attempt,
        )
        self.poke()
        return Begun(build=record.id)

    def give_up_others(self, trigger: Trigger, source: Source, but: str) -> Sequence[str]:
        """Cancels builds of the same branch or tag but this one: it may have been put back to an older commit. A retry goes on: a
        person wants it."""
        others = [
            one.id
            for one in self.building.list(MOST, unfinished=True)
            if (one.trigger, one.source.ref) == (trigger.name, source.ref) and not one.retries and one.id != but
        ]
        return [build for build in others if self._cancelled(build, trigger, source)]

    def _cancelled(self, build: str, trigger: Trigger, source: Source) -> bool:
        try:
            self.building.cancel(
                build, f"{ACTOR}{trigger.name}", f"{source.branch or source.tag} is at {source.commit[:7]}"
            )
        except Conflict:  # it has ended meanwhile
            return False
        return True
