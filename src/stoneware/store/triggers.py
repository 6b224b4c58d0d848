"""Triggers as rows, what each has seen of its repository, and which messages came already."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.errors import Conflict, NotFound
from stoneware.model.ledger import Fact
from stoneware.model.trigger import Trigger, TriggerSpec
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.settings import whole
from stoneware.store.tables import hook_messages, ledger, trigger_refs, triggers

CREATED, DELETED = "trigger.create", "trigger.delete"
BY_NAME = sa.select(triggers).where(triggers.c.name == sa.bindparam("name"))
MADE = (
    sa.select(ledger.c.at, ledger.c.fact)
    .where(
        ledger.c.subject.in_(sa.bindparam("subjects", expanding=True)),
        ledger.c.fact["verb"].as_string().in_((CREATED, DELETED)),
    )
    .order_by(ledger.c.seq)
)
REMEMBERED_S = 90 * 86400.0


@dataclass(frozen=True)
class Triggers:
    """Every change of a trigger goes into the ledger in its own transaction."""

    db: sa.Engine
    clock: Clock

    def add(self, name: str, spec: TriggerSpec, seen: Mapping[str, str], actor: str, reason: str) -> Trigger:
        """A new trigger that has seen these refs already. The same once more: that one. Raises Conflict if another has the name."""
        with writing(self.db) as conn:
            rows = conn.execute(BY_NAME, {"name": name}).all()
            if rows:
                for known in _as_made(conn, rows):
                    if _spec(known) == spec:
                        return known
                hint = f"delete it first (`stoneware trigger delete {name}`), or give this one another name"
                raise Conflict(f"there is another trigger {name}", hint, code="name-taken")
            now = self.clock.now()
            body = {**spec.model_dump(mode="json"), "name": name, "created_at": now, "actor": actor}
            given = conn.execute(triggers.insert().values(name=name, body=body)).inserted_primary_key
            made = Trigger.model_validate({**body, "id": int(given[0]) if given else 0})
            _see(conn, made.id, seen)
            told = {"repository": spec.repository, "watch": str(spec.watch), "allow": ", ".join(spec.allow)}
            told["spec"] = whole(spec)
            append(conn, now, Fact(verb=CREATED, subject=_subject(name), actor=actor, reason=reason, details=told))
        return made

    def list(self) -> list[Trigger]:
        """All that somebody made on record, as they were made, by name."""
        with self.db.connect() as conn:
            rows = conn.execute(sa.select(triggers).order_by(triggers.c.name)).all()
            return _as_made(conn, rows)

    def get(self, name: str) -> Trigger:
        """One of them. Raises NotFound."""
        with self.db.connect() as conn:
            rows = conn.execute(BY_NAME, {"name": name}).all()
            known = next(iter(_as_made(conn, rows)), None)
        if known is None:
            raise NotFound(
                f"there is no trigger {name}", "`stoneware trigger list` shows them", code="trigger-not-found"
            )
        return known

    def delete(self, name: str, actor: str, reason: str) -> Trigger | None:
        """Takes it away; builds that it began go on. Returns it as it was made, None where nobody made it on record. Raises
        NotFound."""
        with writing(self.db) as conn:
            rows = conn.execute(BY_NAME, {"name": name}).all()
            known = next(iter(_as_made(conn, rows)), None)
            for row in rows:
                conn.execute(trigger_refs.delete().where(trigger_refs.c.trigger == row.id))
                conn.execute(triggers.delete().where(triggers.c.id == row.id))
            if rows:
                append(conn, self.clock.now(), Fact(verb=DELETED, subject=_subject(name), actor=actor, reason=reason))
        return known if rows else self.get(name)

    def seen(self, trigger: int) -> dict[str, str] | None:
        """What every ref pointed to when it was last looked at; None when the trigger was deleted."""
        with self.db.connect() as conn:
            if conn.scalar(sa.select(triggers.c.id).where(triggers.c.id == trigger)) is None:
                return None
            rows = conn.execute(sa.select(trigger_refs).where(trigger_refs.c.trigger == trigger))
            return {row.ref: row.commit for row in rows}

    def see(self, trigger: int, refs: Mapping[str, str], gone: set[str]) -> None:
        """Notes where these refs point to now, and which are gone."""
        if not refs and not gone:
            return
        with writing(self.db) as conn:
            if conn.scalar(sa.select(triggers.c.id).where(triggers.c.id == trigger)) is None:
                return
            for ref in gone:
                conn.execute(trigger_refs.delete().where(trigger_refs.c.trigger == trigger, trigger_refs.c.ref == ref))
            _see(conn, trigger, refs)

    def first_time(self, fingerprint: str) -> bool:
        """Whether a message with this fingerprint (hex) comes for the first time; from now on it doesn't."""
        now = self.clock.now()
        with writing(self.db) as conn:
            conn.execute(hook_messages.delete().where(hook_messages.c.at < now - REMEMBERED_S))
            if conn.scalar(sa.select(hook_messages.c.at).where(hook_messages.c.fingerprint == fingerprint)) is not None:
                return False
            conn.execute(hook_messages.insert().values(fingerprint=fingerprint, at=now))
        return True

    def forget_message(self, fingerprint: str) -> None:
        """The message may come again as if for the first time: nothing could be done about it."""
        with writing(self.db) as conn:
            conn.execute(hook_messages.delete().where(hook_messages.c.fingerprint == fingerprint))


def _see(conn: sa.Connection, trigger: int, refs: Mapping[str, str]) -> None:
    for ref, commit in refs.items():
        conn.execute(trigger_refs.delete().where(trigger_refs.c.trigger == trigger, trigger_refs.c.ref == ref))
        conn.execute(trigger_refs.insert().values(trigger=trigger, ref=ref, commit=commit))


def _as_made(conn: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[Trigger]:
    """Triggers as the ledger has them: a row can be edited, and then a repository is another one, or its commits may do what nobody
    allowed them (drift tells of it). One that nobody made is none; of one from an earlier version there is the row alone."""
    subjects = [_subject(row.name) for row in rows]
    made = {entry.fact["subject"]: entry for entry in conn.execute(MADE, {"subjects": subjects})}
    found = []
    for row in rows:
        entry = made.get(_subject(row.name))
        if entry is None or entry.fact["verb"] != CREATED:
            continue
        spec = entry.fact["details"].get("spec")
        body = json.loads(spec) | {"created_at": entry.at, "actor": entry.fact["actor"]} if spec else row.body
        found.append(Trigger.model_validate({**body, "name": row.name, "id": row.id}))
    return found


def _spec(trigger: Trigger) -> TriggerSpec:
    return TriggerSpec.model_validate(trigger.model_dump(exclude={"id", "name", "created_at", "actor"}))


def _subject(name: str) -> str:
    return f"trigger:{name}"
