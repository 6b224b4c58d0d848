"""Nothing happens that isn't written down first, and by whom it is allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.simulation.invariants.sight import Moment, at, shares_of

SWITCHES = ("route.switch", "route.share", "route.mix")
WRITTEN_AS = {
    "create_machine": "machine.create",
    "delete_machine": "machine.delete",
    "start_machine": "machine.start",
    "stop_machine": "machine.stop",
    "create_disk": "disk.create",
    "attach_disk": "disk.attach",
    "detach_disk": "disk.detach",
    "remove": "route.remove",
    "snapshot_disk": "disk.snapshot",
    "restore_disk": "disk.restore",
    "delete_disk": "disk.delete",
    "delete_snapshot": "snapshot.delete",
}


@at("before", *WRITTEN_AS)
def each_effect_is_written_first(now: Moment) -> Iterator[str]:
    """7. Before an effect its entry is in the ledger, by the operation that does it."""
    verb, subject = WRITTEN_AS[now.verb], now.name.partition("@")[0].partition(":")[0]
    if not _is_written(now, verb, subject):
        yield f"{now.verb} {now.name} by {now.world.act.operation or now.world.act.chore} has no entry {verb}"


@at("after", "apply")
def each_switch_is_written_first(now: Moment) -> Iterator[str]:
    """7. Who gets the requests changes only with an entry. It is asked before the shares are remembered."""
    before, shares = now.memory.shares.get(now.name, {}), shares_of(now.world.proxy.view(now.name))
    gaining = [fleet for fleet in shares if fleet not in before]
    if gaining and before and not any(_is_written(now, verb, now.name) for verb in SWITCHES):
        yield f"{now.name} was given to {gaining} without an entry of {', '.join(SWITCHES)}"


@at("before", "commit")
@at("after", "commit")
def no_commit_without_the_lease(now: Moment) -> Iterator[str]:
    """Only who holds the lease ends a step: what a hand that lost it commits must fail."""
    record = now.world.act.record
    if record is None:
        return
    if now.when == "before":
        [(now.memory.token,)] = now.world.rows("SELECT lease_token FROM operations WHERE id = ?", record.id)
    elif now.memory.token != record.lease_token:
        yield f"{now.world.act.hand.name} committed a step of {record.id} that it had lost"


@at("before", *WRITTEN_AS)
def only_the_holder_acts(now: Moment) -> Iterator[str]:
    """What has an entry in the ledger is done by who holds the lease, and by nobody else."""
    record = now.world.act.record
    if record is not None:
        [(token,)] = now.world.rows("SELECT lease_token FROM operations WHERE id = ?", record.id)
        if token != record.lease_token:
            yield f"{now.world.act.hand.name} does {now.verb} {now.name} for {record.id}, which it had lost"


def _is_written(now: Moment, verb: str, subject: str) -> bool:
    """A chore of the daemon's has no operation: its entry is of this very moment."""
    memory, act = now.memory, now.world.act
    for seq, since, fact in now.world.rows(
        "SELECT seq, at, fact FROM ledger WHERE seq > ? ORDER BY seq", memory.read_to
    ):
        memory.read_to, read = seq, json.loads(fact)
        memory.noted[read["verb"], read["subject"], read["details"].get("operation", "")] = since
    since = memory.noted.get((verb, subject, act.operation))
    return since is not None and (bool(act.operation) or since == now.world.clock.now())
