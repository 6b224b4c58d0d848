"""Questions about the past, answered from the ledger: how everything was, how a machine came to be, what a release said."""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.decide.past import moment
from stoneware.decide.past_origin import origin
from stoneware.errors import NotFound
from stoneware.model.history import Moment, Origin
from stoneware.model.ledger import LedgerEntry
from stoneware.model.release import Release
from stoneware.store.store import Store

MOST_EVENTS = 10_000


@dataclass(frozen=True)
class LookingBack:
    """Reads only. What it reads outlives machines, images, releases and deployments."""

    store: Store

    def at(self, at: float, deployment: str | None = None) -> Moment:
        """How everything was at a time (seconds since the epoch), or one deployment and the images. Raises NotFound for one
        that wasn't there."""
        found = moment(self.store.ledger.until(at), at)
        if deployment is None:
            return found
        mine = tuple(one for one in found.deployments if one.name == deployment)
        if not mine:
            raise NotFound(f"there was no deployment {deployment} then", "`stoneware history --at TIME` shows what was")
        return found.model_copy(update={"deployments": mine, "disks": (), "snapshots": ()})

    def blame(self, machine: str) -> Origin:
        """How a machine came to be, whether it is there still or not. Raises NotFound for one that never was."""
        events = [one for one in self._entries(machine) if one.fact.subject == machine]
        made = next((one for one in reversed(events) if one.fact.verb == "machine.create"), None)
        if made is None:
            raise NotFound(f"the ledger has no machine {machine}", "`stoneware machine list` shows those that run")
        details = made.fact.details
        owner = details.get("owner", "")
        deployment, kind = owner.partition(".")[0], details.get("operation", "").partition("-")[0]
        # a rehearsal that a rollout does is the deployment's; one of the way back is its shadow's
        begun = [
            one for subject in dict.fromkeys((deployment, owner)) for one in self._entries(subject, f"{kind}.begin")
        ]
        created = self._entries(f"{deployment}#{details.get('release', '')}", "release.create")
        image = created[0].fact.details.get(details.get("group", ""), "").partition(" ")[0] if created else ""
        staged = self._entries(f"{image.partition('/')[0]}@{details['digest'][7:19]}", "image.stage")
        published = self._entries(image, "image.publish")
        return origin(made, events, [*begun, *created, *staged, *published])

    def release(self, deployment: str, number: int) -> Release:
        """A release, retained or not. Raises NotFound for one that never was."""
        try:
            return self.store.releases.get(deployment, number)
        except NotFound:
            found = [
                one.fact.details.get("manifest") for one in self._entries(f"{deployment}#{number}", "release.create")
            ]
            if not found or found[0] is None:
                raise
            return Release.model_validate_json(found[0])

    def _entries(self, subject: str, verb: str | None = None) -> list[LedgerEntry]:
        return self.store.ledger.entries(limit=MOST_EVENTS, subject=subject, verb=verb) if subject else []
