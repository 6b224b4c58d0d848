"""Rules that are broken on purpose, one at a time: the simulation that doesn't notice is no proof of anything.

Each takes pytest's monkeypatch (or anything with its `setattr`) and breaks one rule of the product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import sqlalchemy as sa
from tests.simulation.generate import SECOND_THOUGHTS
from tests.simulation.scenario import Quality

from stoneware.decide import schema
from stoneware.decide.turns import next_moves
from stoneware.engines.fake import FakeEngine
from stoneware.model.operation import Result
from stoneware.model.route import MemberState
from stoneware.model.strategy import Judgement, Verdict
from stoneware.names import service_key
from stoneware.operations.outcome import Go
from stoneware.operations.procedure import Context
from stoneware.operations.rollout import analysing, data, fleets, parts, rehearsal, rollout, routes, turns
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.rollout.stage import names_of
from stoneware.operations.teardown import Teardown
from stoneware.store import leases, lifecycle
from stoneware.store.releases import Releases
from stoneware.store.tables import operations, release_images


class Patch(Protocol):
    """What breaks a rule, and mends it again."""

    def setattr(self, target: Any, name: str, value: Any) -> None: ...


def switches_before_the_proxy_sees_them_up(patch: Patch) -> None:
    """Both when it asks, and once more at the last moment."""
    patch.setattr(routes, "_missing", lambda *_: [])


def retires_before_the_switch_is_confirmed(patch: Patch) -> None:
    patch.setattr(routes, "has_traffic", lambda *_: True)


def pulls_disks_out_of_working_machines(patch: Patch) -> None:
    def release_disks(stage: Any, names: Any) -> list[str]:
        holding = []
        for name in names:
            for disk in [disk.name for disk in stage.disks.values() if disk.writer == name]:
                holding.append(name)
                stage.ctx.note(f"detach:{disk}:{name}", "disk.detach", disk, machine=name)
                stage.platform.engine.detach_disk(disk, name)
        return holding

    patch.setattr(fleets, "release_disks", release_disks)


def attaches_what_another_writes(patch: Patch) -> None:
    """Both those who ask and those who refuse."""
    honest = FakeEngine.attach_disk

    def attach_disk(self: FakeEngine, disk: str, machine: str) -> None:
        taken = self._disk(disk).model_copy(update={"writer": None})
        self._save(disks={**self._state.disks, disk: taken})
        honest(self, disk, machine)

    def attach_disks(stage: Any, release: Any, groups: Any) -> None:
        for group in groups:
            for wanted in fleets.wanted_machines(release, group):
                machine = stage.machines.get(wanted.name)
                wishes = wanted.disks if machine and machine.power == "RUNNING" else ()
                for mount in [one for one in wishes if stage.disks[one.disk].writer != wanted.name]:
                    stage.ctx.note(f"attach:{mount.disk}:{wanted.name}", "disk.attach", mount.disk)
                    stage.platform.engine.attach_disk(mount.disk, wanted.name)

    patch.setattr(fleets, "release_disks", lambda *_: [])
    patch.setattr(fleets, "attach_disks", attach_disks)
    patch.setattr(FakeEngine, "attach_disk", attach_disk)


def commits_without_the_lease(patch: Patch) -> None:
    unfenced = operations.update().where(operations.c.id == sa.bindparam("identity"))
    values = {"wake_at": sa.case((sa.bindparam("now") > 0, sa.bindparam("wake")), else_=sa.bindparam("token"))}
    patch.setattr(leases, "COMMIT", unfenced.values(**values).returning(operations))


def acts_without_the_lease(patch: Patch) -> None:
    patch.setattr(leases, "HOLDS", sa.select(operations.c.id).where(sa.bindparam("token") >= 0).limit(1))


def writes_down_what_it_did_afterwards(patch: Patch) -> None:
    honest, late = Context.note, {}

    def note(self: Context, key: str, verb: str, subject: str, **details: str) -> None:
        for facts in late.pop(self.record.id, []):
            honest(self, *facts[0], **facts[1])
        late[self.record.id] = [((key, verb, subject), details)]

    patch.setattr(Context, "note", note)


def discards_what_it_found(patch: Patch) -> None:
    honest = Rollout.preparing

    def preparing(self: Rollout, ctx: Any, frame: Any) -> Any:
        outcome = honest(self, ctx, frame)
        return Go(outcome.state, outcome.frame.model_copy(update={"found": ()})) if isinstance(outcome, Go) else outcome

    patch.setattr(Rollout, "preparing", preparing)


def makes_current_what_failed(patch: Patch) -> None:
    honest = rollout.desired
    patch.setattr(rollout, "desired", lambda a, b, frame, _: honest(a, b, frame, Result.SUCCEEDED))


def forgets_to_end_the_hold(patch: Patch) -> None:
    honest_switch, honest_look = routes.switch, routes.has_traffic

    def switch(stage: Any, release: Any, service: str, *, held: bool = False, stay: bool = False) -> None:
        view = routes.read(stage, service)
        honest_switch(stage, release, service, held=held or bool(view and view.held), stay=stay)

    def has_traffic(stage: Any, release: Any, service: str) -> bool:
        view = routes.read(stage, service)
        if view and view.held:
            return view.slot_of(routes.pool_label(release, service)) == view.active
        return honest_look(stage, release, service)

    patch.setattr(routes, "switch", switch)
    patch.setattr(routes, "has_traffic", has_traffic)


def lets_clients_stay_for_ever(patch: Patch) -> None:
    patch.setattr(routes, "end_stay", lambda *_: None)


def keeps_the_disks_of_the_old_machines(patch: Patch) -> None:
    """The way back looks at services alone."""
    patch.setattr(parts, "taken", lambda stage: [])


def deletes_images_that_releases_pin(patch: Patch) -> None:
    patch.setattr(Releases, "pins", lambda self: {})
    patch.setattr(Releases, "pinned", lambda self, digest, conn=None: [])
    patch.setattr(lifecycle, "release_images", sa.select(release_images).where(sa.false()).subquery())


def ends_machines_before_their_routes(patch: Patch) -> None:
    patch.setattr(Teardown, "first", "DELETING")


def stops_the_old_machines_while_it_soaks(patch: Patch) -> None:
    honest = Rollout.shifting

    def shifting(self: Rollout, ctx: Any, frame: Any) -> Any:
        stage = self._stage(ctx, frame)
        if stage.source is not None:
            fleets.stop(stage, [name for name in names_of(stage.source, stage.source.groups) if name not in stage.new])
        return honest(self, ctx, frame)

    patch.setattr(Rollout, "shifting", shifting)


def takes_too_many_turns_at_once(patch: Patch) -> None:
    patch.setattr(
        turns,
        "next_moves",
        lambda old, new, surge, unavailable, **more: next_moves(old, new, surge, unavailable + 1, **more),
    )


def adds_more_than_may_be_added(patch: Patch) -> None:
    patch.setattr(
        turns,
        "next_moves",
        lambda old, new, surge, unavailable, **more: next_moves(old, new, surge + 1, unavailable, **more),
    )


def goes_on_whatever_the_figures_say(patch: Patch) -> None:
    fine = Judgement(verdict=Verdict.PASS, detail="fine")
    patch.setattr(analysing, "judge", lambda *_, **__: fine)


def starts_before_the_old_machines_have_stopped(patch: Patch) -> None:
    honest = parts.hand_over

    def hand_over(stage: Any) -> str:
        fleets.ensure_machines(stage, stage.target, only=names_of(stage.target, stage.recreated))
        return honest(stage)

    patch.setattr(parts, "hand_over", hand_over)


def asks_nobody_for_the_schema(patch: Patch) -> None:
    """Neither at the gate nor at the last door."""
    for door in (schema, data):
        patch.setattr(door, "may_use", lambda *_: None)


def forgets_the_baseline(patch: Patch) -> None:
    honest = fleets.discard
    patch.setattr(fleets, "discard", lambda stage, names: honest(stage, [one for one in names if "-base-" not in one]))


def forgets_what_a_rehearsal_made(patch: Patch) -> None:
    patch.setattr(rehearsal, "clear", lambda stage: [])


def gives_both_versions_requests(patch: Patch) -> None:
    """A share for the new version, whoever declared what."""
    honest = routes.switch

    def switch(stage: Any, release: Any, service: str, **given: Any) -> None:
        honest(stage, release, service, **given)
        route, view = (
            stage.platform.switch.routes()[service_key(release.deployment, service)],
            routes.read(stage, service),
        )
        up = {slot for slot, pool in view.pools.items() if all(m.state is MemberState.UP for m in pool.members)}
        others = {slot: 10 for slot in up if slot != route.active}
        stage.platform.switch.apply(route.model_copy(update={"shares": others}))

    patch.setattr(routes, "switch", switch)


def lets_everybody_boot_at_once(patch: Patch) -> None:
    patch.setattr(fleets, "admit", lambda stage, missing: missing)


MUTATIONS: dict[Callable[[Patch], None], tuple[str, ...]] = {
    switches_before_the_proxy_sees_them_up: ("unseen",),
    retires_before_the_switch_is_confirmed: (),
    stops_the_old_machines_while_it_soaks: (),
    forgets_to_end_the_hold: (),
    lets_clients_stay_for_ever: ("rollback",),
    pulls_disks_out_of_working_machines: (),
    attaches_what_another_writes: (),
    keeps_the_disks_of_the_old_machines: (Quality.SICK,),
    commits_without_the_lease: ("stall",),
    acts_without_the_lease: ("stall",),
    writes_down_what_it_did_afterwards: (),
    discards_what_it_found: (SECOND_THOUGHTS,),
    makes_current_what_failed: (),
    deletes_images_that_releases_pin: (),
    ends_machines_before_their_routes: ("destroy",),
    takes_too_many_turns_at_once: (),
    adds_more_than_may_be_added: (),
    goes_on_whatever_the_figures_say: (Quality.ERRS,),
    starts_before_the_old_machines_have_stopped: (),
    asks_nobody_for_the_schema: ("rollback",),
    forgets_the_baseline: (),
    forgets_what_a_rehearsal_made: (),
    gives_both_versions_requests: (),
    lets_everybody_boot_at_once: (),
}
"""Each with what brings it to light soon: words of `generate` of which its histories have much."""
