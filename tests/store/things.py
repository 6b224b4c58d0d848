"""What the tests of the store put into it: images, releases and operations with as little in them as possible."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from tests.support.simulation import manifest

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.image import BootTestRecord, Image
from stoneware.model.ledger import Fact
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind
from stoneware.model.release import PinnedGroup, Release, ReleaseState
from stoneware.store.database import writing
from stoneware.store.store import Store


class Memory(Noun):
    """The frame of an operation that only counts."""

    count: int = 0


def stage(store: Store, family: str = "web", version: int = 1) -> Image:
    return store.catalog.stage(manifest(family, version), 100, "ann", "staged")


def boot_test(digest: str, passed: bool = True) -> BootTestRecord:
    return BootTestRecord(digest=digest, passed=passed, started_at=0, seconds=1, results=("http :80/ -> 200",))


def publish(store: Store, family: str = "web", version: int = 1) -> Image:
    digest = stage(store, family, version).digest
    return store.catalog.publish(digest, boot_test(digest), "ann", "published")


def release(image: Image, number: int = 1, deployment: str = "town") -> Release:
    """A release of one group that pins this image."""
    group = {"image": image.family, "health": {"tcp": {"port": 80}}, "config": {"RELEASE": str(number)}}
    spec = DeploymentSpec.model_validate({"engine": "fake", "groups": {"web": group}})
    pinned = PinnedGroup(image=image.name, digest=image.digest, fleet=number, spec=spec.groups["web"])
    return Release(deployment=deployment, number=number, created_at=0, actor="ann", spec=spec, groups={"web": pinned})


def add(store: Store, *releases: Release) -> None:
    with writing(store.db) as conn:
        for one in releases:
            store.releases.add(one, conn)


def make_current(store: Store, number: int, state: ReleaseState = ReleaseState.GOOD, deployment: str = "town") -> None:
    """What the end of a successful rollout does."""
    with writing(store.db) as conn:
        store.releases.mark(conn, deployment, number, state)
        store.releases.set_current(conn, deployment, number)


def begin(store: Store, subject: str = "town", kind: str = "rollout", **more: Any) -> OperationRecord:
    words = {"actor": "ann", "reason": "", "state": "PREPARING", "frame": Memory(), **more}
    return store.operations.create(kind=kind, subject=subject, **words)


def claim(store: Store, worker: str = "bob", lease_s: float = 30.0) -> OperationRecord:
    record = store.operations.claim(worker, lease_s)
    assert record is not None, "nothing is due"
    return record


def commit(store: Store, record: OperationRecord, **more: Any) -> OperationRecord:
    """One step on: it counts, stays where it is, and is due at once."""
    words = {"state": record.state, "frame": Memory(count=record.frame["count"] + 1), "because": "", "text": None}
    return store.operations.commit(record, **{**words, "wake_at": store.operations.clock.now(), **more})


def end_of(record: OperationRecord, result: Result) -> Fact:
    """What is entered when an operation ends."""
    verb = f"{record.kind}.{result.value.lower()}"
    return Fact(verb=verb, subject=record.subject, actor=record.actor, details={"operation": record.id})


def tell(kind: SignalKind, reason: str = "") -> Signal:
    return Signal(kind=kind, actor="ann", reason=reason, at=0)


def verbs(store: Store) -> list[str]:
    """What the ledger says has happened."""
    return [entry.fact.verb for entry in store.ledger.entries()]


def everything(store: Store) -> dict[str, list[Any]]:
    """All rows of all tables, to see that nothing was written."""
    tables = sa.inspect(store.db).get_table_names()
    with store.db.connect() as conn:
        return {name: [tuple(row) for row in conn.execute(sa.text(f"SELECT * FROM {name}"))] for name in tables}
