"""Messages of git hosts: believed when they are signed, and then only as a reason to look."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from stoneware.clock import Clock
from stoneware.decide.webhook import fingerprint, is_worth_a_look, why_not_believed
from stoneware.errors import Conflict, NotFound, Refused, Unreachable
from stoneware.model.trigger import Begun, Watch
from stoneware.operations.triggering import Triggering
from stoneware.operations.vault import Vault
from stoneware.store.store import Store


class NotBelieved(Refused):
    """A message whose signature isn't right. What was wrong with it is for the log, not for the sender."""

    code = "webhook-not-believed"


@dataclass(frozen=True)
class Webhooks:
    """One door for all of them: `deliver`."""

    store: Store
    vault: Vault
    triggering: Triggering
    clock: Clock

    def deliver(self, name: str, headers: Mapping[str, str], body: bytes) -> list[Begun]:
        """Takes a message for a trigger; `headers` have lower-case names. Returns the builds that it led to.

        Raises NotBelieved when the signature isn't right (or there is no such trigger: nobody learns which ones there are),
        Conflict when this very message came already, Unreachable when the repository doesn't answer.
        """
        try:
            trigger = self.store.triggers.get(name)
        except NotFound as unknown:
            raise NotBelieved("the message isn't believed") from unknown
        if trigger.watch is not Watch.WEBHOOK or trigger.form is None:
            raise NotBelieved("the message isn't believed")
        wrong = why_not_believed(trigger.form, self.vault.newest(trigger.secret or ""), headers, body, self.clock.now())
        if wrong:
            raise NotBelieved("the message isn't believed") from Refused(wrong)
        if not is_worth_a_look(trigger.form, headers):
            return []
        known_by = fingerprint(trigger.id, trigger.form, headers, body)
        if not self.store.triggers.first_time(known_by):
            raise Conflict("this message came already", "a new push has a new message", code="webhook-replayed")
        try:
            return self.triggering.look(trigger)
        except BaseException as wrong:
            # nothing came of it, so that the sender may send it again: then it is no replay
            with contextlib.suppress(SQLAlchemyError):
                self.store.triggers.forget_message(known_by)
            if not isinstance(wrong, Unreachable):
                raise
            raise Unreachable(
                f"{trigger.repository} doesn't answer now; it is asked again later", code="unreachable"
            ) from wrong

    def hears(self, name: str) -> bool:
        """Whether messages to this name can lead to anything."""
        try:
            trigger = self.store.triggers.get(name)
        except NotFound:
            return False
        return trigger.watch is Watch.WEBHOOK and trigger.form is not None
