"""What is found in the environment that images come from: how long they have run, a fresh look, and what machines answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stoneware.clock import Clock
from stoneware.decide.fleet import machine_names
from stoneware.decide.gates import Answered, Findings, running_since
from stoneware.errors import EngineError
from stoneware.model.machine import Machine
from stoneware.model.probe import HttpProbe, TcpProbe
from stoneware.model.promotion_spec import PromotionSpec
from stoneware.model.release import Release
from stoneware.operations.drift import Drifting
from stoneware.operations.platform import Platform, Platforms
from stoneware.store.store import Store

ANSWER_S = 5.0
"""How long a machine may take to answer a test (seconds)."""
MOST_OPERATIONS = 500


@dataclass(frozen=True)
class Finding:
    """Looks, and changes nothing but what is known of drift."""

    store: Store
    platforms: Platforms
    clock: Clock
    drift: Drifting

    def about(self, release: Release, spec: PromotionSpec) -> Findings:
        """What the gates of an environment ask of the one before, which runs `release`."""
        name, asked_at = release.deployment, self.clock.now()
        ended = self.store.operations.ended(name, limit=MOST_OPERATIONS)
        retained = {one.number: one for one in self.store.releases.list(name)}
        drift = self.drift.check(name) if spec.drift_free else None
        busy = self.store.operations.active(name)
        return Findings(
            source=name,
            asked_at=asked_at,
            since=running_since(release.digests, ended, retained),
            drift=drift,
            busy=busy.id if busy else "",
            answers=tuple(self._answers(release, spec)),
        )

    def _answers(self, release: Release, spec: PromotionSpec) -> Iterator[Answered]:
        """One a test and machine. A test of a group that this deployment hasn't is about another one."""
        platform = self.platforms.get(release.spec.engine)
        asked = [test for test in spec.test if test.group in release.groups]
        if not asked:
            return
        try:
            machines = {one.name: one for one in platform.engine.list_machines(release.deployment)}
        except EngineError as away:
            yield from (Answered(test, test.group, False, str(away)) for test in asked)
            return
        for test in asked:
            for name in machine_names(release, test.group):
                ok, detail = _answer(platform, machines.get(name), test.probe)
                yield Answered(test, name, ok, detail)


def _answer(platform: Platform, machine: Machine | None, probe: HttpProbe | TcpProbe) -> tuple[bool, str]:
    address = machine.addresses.get(probe.port) if machine else None
    if address is None:
        return False, "it isn't there" if machine is None else f"its port {probe.port} can't be reached"
    answer = platform.ask(probe, address, ANSWER_S)
    return answer.ok, answer.detail
